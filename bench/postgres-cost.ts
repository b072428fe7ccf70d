/** What work costs a database: WAL, transactions that write, statements and round trips, and rows that die. */
import pg from 'pg'
import { note } from './report'

export interface PostgresCost {
  readonly walBytes: number
  /** Transactions that wrote. */
  readonly commits: number
  readonly statements: number
  /** Times that the client waited for an answer, at most. */
  readonly roundTrips: number
}

/** Rows of a database since it was made. */
export interface RowCost {
  readonly inserted: number
  readonly updated: number
  /** Of those, updates that wrote no index. */
  readonly hot: number
  readonly deleted: number
}

const sent = { statements: 0, roundTrips: 0 }

interface WiredConnection {
  readonly stream: { write(...args: unknown[]): boolean }
  connect(...args: unknown[]): void
}

/** Counts what every connection of pg in this process sends from now on, by the messages on its wire. */
export function watchWire(): void {
  const connection = pg.Connection.prototype as unknown as WiredConnection
  const { connect } = connection
  connection.connect = function watched(this: WiredConnection, ...args: unknown[]) {
    // A socket forgets what was put over its `write` when it connects.
    Reflect.apply(connect, this, args)
    const { stream } = this
    const { write } = stream
    const count = messageCounter()
    stream.write = (...written: unknown[]) => {
      if (Buffer.isBuffer(written[0])) count(written[0])
      return Reflect.apply(write, stream, written)
    }
  }
}

/** Execute and simple queries are statements; Sync and simple queries wait for an answer. */
function messageCounter(): (bytes: Buffer) => void {
  let started = false
  let rest: Buffer = Buffer.alloc(0)
  let skip = 0
  return (bytes) => {
    let at = Math.min(skip, bytes.length)
    skip -= at
    if (rest.length > 0) {
      bytes = Buffer.concat([rest, bytes.subarray(at)])
      at = 0
    }
    for (;;) {
      // The first message has no type.
      const head = started ? 5 : 4
      if (bytes.length - at < head) break
      const end = at + (started ? 1 : 0) + bytes.readInt32BE(at + head - 4)
      if (started) {
        const type = String.fromCharCode(bytes[at]!)
        if (type === 'E' || type === 'Q') sent.statements++
        if (type === 'S' || type === 'Q') sent.roundTrips++
      }
      started = true
      if (end > bytes.length) {
        skip = end - bytes.length
        at = bytes.length
        break
      }
      at = end
    }
    rest = bytes.subarray(at)
  }
}

/** What `work` costs the server of this database; others that write there at the same time are in it. */
export async function costDuring<T>(
  url: string,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cost: PostgresCost }> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const read = async () => {
    const { rows } = await client.query(
      `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS wal,
         pg_snapshot_xmax(pg_current_snapshot())::text AS transactions`,
    )
    return { wal: Number(rows[0].wal), transactions: Number(rows[0].transactions), ...sent }
  }
  try {
    const before = await read()
    const result = await work()
    // The reading itself is one statement.
    const { statements, roundTrips } = sent
    const after = await read()
    return {
      result,
      cost: {
        walBytes: after.wal - before.wal,
        commits: after.transactions - before.transactions,
        statements: statements - before.statements,
        roundTrips: roundTrips - before.roundTrips,
      },
    }
  } finally {
    await client.end()
  }
}

/** Once every connection of the writers has ended: a server counts when one does. */
export async function rowsOf(url: string): Promise<RowCost> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query(
      `SELECT coalesce(sum(n_tup_ins), 0) AS inserted, coalesce(sum(n_tup_upd), 0) AS updated,
         coalesce(sum(n_tup_hot_upd), 0) AS hot, coalesce(sum(n_tup_del), 0) AS deleted FROM pg_stat_user_tables`,
    )
    const [{ inserted, updated, hot, deleted }] = rows
    return { inserted: Number(inserted), updated: Number(updated), hot: Number(hot), deleted: Number(deleted) }
  } finally {
    await client.end()
  }
}

/** Dead rows are those that were updated or deleted. */
export function noteCost(name: string, count: number, cost: PostgresCost, rows?: RowCost): void {
  const each = (value: number): number => Number((value / count).toPrecision(3))
  const { walBytes, commits, statements, roundTrips } = cost
  note(
    `${name}, each`,
    [
      `${each(walBytes)} B of WAL`,
      `${each(commits)} commits`,
      `${each(statements)} statements`,
      `${each(roundTrips)} round trips`,
      ...(rows
        ? [
            `${each(rows.inserted)} rows inserted`,
            `${each(rows.updated)} updated (${each(rows.hot)} HOT)`,
            `${each(rows.deleted)} deleted`,
            `${each(rows.updated + rows.deleted)} dead`,
          ]
        : []),
    ].join(', '),
  )
}
