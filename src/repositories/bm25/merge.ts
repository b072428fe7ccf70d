import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { type IndexConnection, workerView } from '../postgres-index/index-connection'
import { keyRange } from './buckets'
import { chooseCompaction, chooseMerge } from './merge-policy'
import { nameKeyRange } from './names'
import { type BlockFormat, emptyPostings, type PostingMap, postingWidth, sortPostings } from './postings'
import { readSegments, type SegmentRow, writeSegments } from './segments'
import type { TextTables } from './text-tables'

/**
 * Keeps a tenant's segments few and their postings alive, after a write. Each merge is a transaction of its own that
 * readers and writers never wait for; where another process is at it, this one leaves it to that. A merge that fails
 * changes nothing, nor does it fail the write, which is committed: the next write tries again.
 */
export async function tidy(
  connection: IndexConnection,
  tables: TextTables,
  tenant: string,
  format: BlockFormat,
  call?: CallOptions,
): Promise<void> {
  await mergeAll(connection, tables, tenant, format, call).catch(() => {})
}

async function mergeAll(
  connection: IndexConnection,
  tables: TextTables,
  tenant: string,
  format: BlockFormat,
  call?: CallOptions,
): Promise<void> {
  for (;;) {
    const segments = await readSegments(connection.session(workerView), tables, tenant, call)
    const chosen = chooseMerge(segments)
    if (chosen.length > 0) {
      if (!(await merge(connection, tables, tenant, chosen, false, format, call))) return
      continue
    }
    for (const segment of chooseCompaction(segments)) {
      if (!(await merge(connection, tables, tenant, [segment], true, format, call))) return
    }
    return
  }
}

/** Replaces segments by one that holds their live entries. False if another process is merging, or was quicker. */
function merge(
  connection: IndexConnection,
  tables: TextTables,
  tenant: string,
  segments: readonly SegmentRow[],
  /** No entry of what is merged counts as dead afterwards. */
  compact: boolean,
  format: BlockFormat,
  call: CallOptions | undefined,
): Promise<boolean> {
  return connection.transaction(
    workerView,
    async (executor) => {
      const taken = await takeSegments(executor, tables, tenant, segments, call)
      if (!taken) return false
      const postings = emptyPostings()
      for (const block of taken.blocks) format.decode(block, postings, { all: true })
      const lengths = lengthsOf(postings)
      const live = await liveEntries(executor, tables, tenant, [...lengths.keys()], call)
      let length = 0
      for (const number of live) length += lengths.get(number)!
      for (const [term, list] of postings.terms) {
        const kept = sortPostings(list, live)
        if (kept.length > 0) postings.terms.set(term, kept)
        else postings.terms.delete(term)
      }
      const before = sum(segments, 'entries')
      const dead = compact ? 0 : Math.max(0, sum(segments, 'dead') - Math.max(0, before - live.size))
      if (live.size > 0 || dead > 0) {
        const merged = { tenant, id: taken.id, postings, entries: live.size, length, dead }
        await writeSegments(executor, tables, [merged], format, call)
      }
      return true
    },
    call,
  )
}

/** Deletes the segments and gives what they held, and the id for the one that takes their place. */
async function takeSegments(
  executor: Executor,
  tables: TextTables,
  tenant: string,
  segments: readonly SegmentRow[],
  call: CallOptions | undefined,
): Promise<{ id: number; blocks: Buffer[] } | undefined> {
  const { rows: locks } = await executor.query<{ mine: boolean; id: number }>(
    `SELECT pg_try_advisory_xact_lock(hashtextextended($1::text, 0::bigint)) AS mine, nextval($2::regclass) AS id`,
    [`headwater:merge:${tables.entries}:${tenant}`, tables.sequence],
    call,
  )
  const lock = locks[0]
  if (!lock?.mine) return undefined
  const ids = segments.map(({ segment }) => segment)
  const { rows: held } = await executor.query<{ count: number }>(
    `SELECT count(*) AS count FROM ${tables.segments} WHERE tenant = $1 AND segment = ANY($2::bigint[])`,
    [tenant, ids],
    call,
  )
  // Fewer: another process has merged some since they were listed.
  if (held[0]?.count !== ids.length) return undefined
  await executor.query(
    `DELETE FROM ${tables.segments} WHERE tenant = $1 AND segment = ANY($2::bigint[])`,
    [tenant, ids],
    call,
  )
  const blocks: Buffer[] = []
  for (const bits of new Set(segments.map((segment) => segment.bits))) {
    const [from, to] = keyRange(bits)
    const { rows } = await executor.query<{ blocks: Buffer }>(
      `WITH gone AS (
         DELETE FROM ${tables.postings}
         WHERE tenant = $1 AND bucket BETWEEN $2 AND $3 AND segment = ANY($4::bigint[]) RETURNING bucket, block)
       SELECT string_agg(block, ''::bytea) AS blocks FROM gone GROUP BY bucket`,
      [tenant, from, to, ids],
      call,
    )
    // Those of a bucket, one after the other, read as one.
    for (const row of rows) blocks.push(row.blocks)
  }
  await executor.query(
    `DELETE FROM ${tables.postings} WHERE tenant = $1 AND bucket BETWEEN $2 AND $3 AND segment = ANY($4::bigint[])`,
    [tenant, ...nameKeyRange, ids],
    call,
  )
  return { id: lock.id, blocks }
}

/** Words of each entry that the postings name. */
function lengthsOf({ terms }: PostingMap): Map<number, number> {
  const lengths = new Map<number, number>()
  for (const list of terms.values()) {
    for (let i = 0; i < list.length; i += postingWidth) lengths.set(list[i]!, list[i + 2]!)
  }
  return lengths
}

async function liveEntries(
  executor: Executor,
  tables: TextTables,
  tenant: string,
  numbers: readonly number[],
  call: CallOptions | undefined,
): Promise<Set<number>> {
  if (numbers.length === 0) return new Set()
  const { rows } = await executor.query<{ numbers: number[] | null }>(
    `SELECT array_agg(e.number) AS numbers FROM unnest($2::bigint[]) AS k (number)
     CROSS JOIN LATERAL (SELECT t.number FROM ${tables.entries} t WHERE t.tenant = $1 AND t.number = k.number OFFSET 0) e`,
    [tenant, numbers],
    call,
  )
  return new Set(rows[0]?.numbers ?? [])
}

function sum(segments: readonly SegmentRow[], key: 'entries' | 'dead'): number {
  return segments.reduce((total, segment) => total + segment[key], 0)
}
