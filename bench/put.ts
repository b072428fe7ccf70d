/**
 * One small document a call, alone and with twenty callers at once, beside a transaction by hand that inserts document
 * and outbox row: new, there already, patched, deleted, and put in a transaction; with external workers, and applied
 * inline.
 */
import pg from 'pg'
import { percentile } from './figures'
import { type FullProfile, fullProfile } from './full-profile'
import { costDuring, noteCost, type PostgresCost, watchWire } from './postgres-cost'
import { addProcessors, type ProcessorTimes } from './processes'
import { add, argument, finish, note } from './report'

const alone = Number(argument(0) ?? 400)
const crowd = Number(argument(1) ?? 2_000)
const callers = 20
/** An inline put waits for both engines: fewer are enough. */
const share = 4
watchWire()
const profile = await fullProfile(200, { sink: !process.argv.includes('--double') })

const kinds = ['new', 'there', 'patch', 'delete', 'transaction'] as const
type Kind = (typeof kinds)[number]
type Call = (id: string, revision: number) => Promise<unknown>

interface Run {
  /** ms. */
  readonly p50: number
  readonly p95: number
  /** Calls a second of twenty callers. */
  readonly rate: number
  readonly calls: number
  /** Of the twenty callers. */
  readonly times: ProcessorTimes
  readonly cost: PostgresCost
}

interface Side {
  readonly url: string
  readonly calls: { readonly [kind in Kind]: Call }
  close(): Promise<unknown>
}

const words = 'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi'.split(' ')
const textOf = (id: string, revision: number): string =>
  `${id} ${revision} ${words.map((word, at) => `${word}${(revision + at) % 7}`).join(' ')}`
const metadataOf = (revision: number) => ({ section: `s${revision % 9}`, year: 2000 + (revision % 25) })

/** A document and what is to be done about it, in one transaction; four round trips. */
async function byHand(of: FullProfile): Promise<Side> {
  const url = await of.database()
  const pool = new pg.Pool({ connectionString: url, max: callers })
  await pool.query(`CREATE TABLE documents (tenant text, id text, version int DEFAULT 1, text text, metadata jsonb,
    PRIMARY KEY (tenant, id))`)
  await pool.query('CREATE TABLE outbox (number bigserial PRIMARY KEY, tenant text, document text, kind text)')
  const transaction = async (name: string, text: string, values: readonly unknown[]): Promise<void> => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const { rowCount } = await client.query({ name, text, values: [...values] })
      if (rowCount !== 1) throw new Error(`${name}: ${rowCount} rows`)
      await client.query({
        name: 'outbox',
        text: 'INSERT INTO outbox (tenant, document, kind) VALUES ($1, $2, $3)',
        values: ['bench', values[0], name],
      })
      await client.query('COMMIT')
    } finally {
      client.release()
    }
  }
  const upsert = `INSERT INTO documents (tenant, id, text, metadata) VALUES ('bench', $1, $2, $3)
    ON CONFLICT (tenant, id) DO UPDATE SET version = documents.version + 1, text = EXCLUDED.text,
      metadata = EXCLUDED.metadata`
  const put: Call = (id, revision) =>
    transaction('put', upsert, [id, textOf(id, revision), JSON.stringify(metadataOf(revision))])
  return {
    url,
    calls: {
      new: put,
      there: put,
      patch: (id, revision) =>
        transaction(
          'patch',
          `UPDATE documents SET version = version + 1, metadata = metadata || $2 WHERE tenant = 'bench' AND id = $1`,
          [id, JSON.stringify(metadataOf(revision))],
        ),
      delete: (id) => transaction('delete', `DELETE FROM documents WHERE tenant = 'bench' AND id = $1`, [id]),
      transaction: put,
    },
    close: () => pool.end(),
  }
}

async function headwater(of: FullProfile, relay: 'external' | 'background'): Promise<Side> {
  const store = await of.open({ relay, embedder: of.hashing })
  const bench = store.forTenant('bench')
  const { documents } = bench
  const put: Call = async (id, revision) => {
    const { unchanged } = await documents.put({ id, text: textOf(id, revision), metadata: metadataOf(revision) })
    if (unchanged) throw new Error(`${id} was unchanged`)
  }
  return {
    url: of.opened(),
    calls: {
      new: put,
      there: put,
      patch: (id, revision) => documents.patch(id, { metadata: metadataOf(revision) }),
      delete: (id) => documents.delete(id),
      transaction: (id, revision) =>
        bench.transaction((tx) => tx.documents.put({ id, text: textOf(id, revision), metadata: metadataOf(revision) })),
    },
    close: () => store.close(),
  }
}

/** Each kind once for every document: of all sides in turn by one caller, then of each by twenty. */
async function runAll<K extends string>(
  sides: Record<K, Side>,
  few: number,
  many: number,
): Promise<Record<K, Record<Kind, Run>>> {
  const found = {} as Record<K, Record<Kind, Run>>
  const all = Object.entries<Side>(sides) as [K, Side][]
  for (const [side] of all) found[side] = {} as Record<Kind, Run>
  // Connections, plans and code are warm: what the compiler does for the first thousand calls is no call's time.
  for (const [, { calls }] of all) {
    for (const [at, kind] of kinds.entries()) {
      await inCrowd(few * 3, (i) => calls[kind](`warm ${i}`, at))
      // What twenty write at once goes together, and leaves the way of one cold.
      for (let i = 0; i < few * 2; i++) await calls[kind](`warm alone ${i}`, at)
    }
  }
  for (const [revision, kind] of kinds.entries()) {
    const taken = new Map(all.map(([side]) => [side, [] as number[]]))
    for (let i = 0; i < few; i++) {
      for (const [side, { calls }] of all) {
        const at = performance.now()
        await calls[kind](`alone ${i}`, revision)
        taken.get(side)!.push(performance.now() - at)
      }
    }
    for (const [side, { url, calls }] of all) {
      const times = taken.get(side)!
      found[side][kind] = {
        p50: percentile(times, 0.5),
        p95: percentile(times, 0.95),
        calls: many,
        ...(await crowded(url, many, (i) => calls[kind](`crowd ${i}`, revision))),
      }
    }
  }
  return found
}

async function inCrowd(many: number, call: (at: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const caller = async (): Promise<void> => {
    for (let i = next++; i < many; i = next++) await call(i)
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

async function crowded(url: string, many: number, call: (at: number) => Promise<unknown>) {
  const { result, cost } = await costDuring(url, () =>
    profile.meter.during(async () => {
      const at = performance.now()
      await inCrowd(many, call)
      return performance.now() - at
    }),
  )
  return { rate: (many / result.result) * 1_000, times: result.times, cost }
}

const hand = await byHand(profile)
const external = await headwater(profile, 'external')
const { raw, ours } = await runAll({ raw: hand, ours: external }, alone, crowd)
await hand.close()
await external.close()
const applying = await headwater(profile, 'background')
const { inline } = await runAll({ inline: applying }, Math.ceil(alone / share), Math.ceil(crowd / share))
await applying.close()

const names: Record<Kind, string> = {
  new: 'put, new',
  there: 'put, there',
  patch: 'patch',
  delete: 'delete',
  transaction: 'transaction',
}
for (const kind of kinds) {
  const [one, other] = [raw[kind], ours[kind]]
  const atMost = kind === 'new' ? 2 : 3
  add(`${names[kind]}, p50`, 'ms', one.p50, other.p50, { compare: 'ratio', atMost })
  add(`${names[kind]}, p95`, 'ms', one.p95, other.p95, { compare: 'ratio', atMost })
  add(`${names[kind]}, twenty callers`, '/s', one.rate, other.rate, { compare: 'ratio', atLeast: 0.4 })
  const perCall = (times: ProcessorTimes, calls: number): ProcessorTimes =>
    Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, ms / calls]))
  addProcessors(names[kind], 'call', 1, perCall(one.times, one.calls), perCall(other.times, other.calls), {
    node: 2.5,
    postgres: 2.5,
  })
  noteCost(`${names[kind]}, by hand`, one.calls, one.cost)
  noteCost(`${names[kind]}, headwater`, other.calls, other.cost)
}

/** What the slower engine takes for one write of its own. */
const slower = await engineWrite(profile, Math.ceil(alone / share))
for (const kind of kinds) {
  const { p50, p95, rate, calls, times, cost } = inline[kind]
  if (kind === 'new') {
    add('inline put, p50, and an engine alone', 'ms', slower, p50, { compare: 'difference', atMost: 3 })
    add('inline put, twenty callers, and 1,000/s', '/s', 1_000, rate, { compare: 'ratio', atLeast: 1 })
  }
  const each = Object.entries(times).map(([name, ms]) => `${name} ${(ms / calls).toFixed(2)} ms`)
  note(
    `inline ${names[kind]}`,
    `p50 ${p50.toFixed(2)} ms, p95 ${p95.toFixed(2)} ms, twenty callers ${Math.round(rate)}/s; processor ${each.join(', ')}`,
  )
  noteCost(`inline ${names[kind]}`, calls, cost)
}
await profile.close()
finish()

/** Median of one document written to each engine, of the slower of the two. */
async function engineWrite({ qdrant, elasticsearch, embedder, name }: FullProfile, rounds: number): Promise<number> {
  const index = name()
  await qdrant.createCollection(index, { vectors: { size: embedder.dimensions, distance: 'Cosine' } })
  await elasticsearch.indices.create({ index, settings: { number_of_shards: 1, number_of_replicas: 0 } })
  const vector = [...profile.documents[0]!.vector]
  const times: [number[], number[]] = [[], []]
  for (let i = 1; i <= rounds; i++) {
    const writes = [
      () => qdrant.upsert(index, { wait: true, points: [{ id: i, vector, payload: { tenant: 'bench' } }] }),
      () =>
        elasticsearch.bulk({
          index,
          operations: [{ index: { _id: String(i) } }, { tenant: 'bench', text: textOf(String(i), i) }],
        }),
    ]
    for (const [at, write] of writes.entries()) {
      const started = performance.now()
      await write()
      times[at]!.push(performance.now() - started)
    }
  }
  return Math.max(...times.map((each) => percentile(each, 0.5)))
}
