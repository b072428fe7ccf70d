import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { packSegment } from './buckets'
import { ByteWriter } from './bytes'
import type { BlockFormat, PostingMap } from './postings'
import type { TextTables } from './text-tables'

/** A batch of entries, indexed together: its postings, and what BM25 needs to know of it. */
export interface Segment {
  readonly tenant: string
  readonly id: number
  readonly postings: PostingMap
  readonly entries: number
  /** Words of all its entries together, repetitions counted. */
  readonly length: number
  /** Entries of earlier segments that it replaces, or that were removed: whose postings are still there. */
  readonly dead: number
}

/** Writes segments in one statement: nothing that another writer changes too, so that writers never wait. */
export async function writeSegments(
  executor: Executor,
  tables: TextTables,
  segments: readonly Segment[],
  format: BlockFormat,
  call?: CallOptions,
): Promise<void> {
  const blocks = new ByteWriter()
  const packed = segments.map((segment) => ({ ...segment, ...packSegment(segment.postings, format, blocks) }))
  const rows = packed.flatMap(({ tenant, id, rows }) => rows.map((row) => ({ tenant, id, ...row })))
  await executor.query(
    `WITH segment AS (
       INSERT INTO ${tables.segments} (tenant, segment, entries, length, dead, bits)
       SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[]))
     INSERT INTO ${tables.postings} (tenant, bucket, segment, block)
     SELECT i.tenant, i.bucket, i.segment, substr($12::bytea, i.start, i.size)
     FROM unnest($7::text[], $8::int[], $9::bigint[], $10::int[], $11::int[]) AS i (tenant, bucket, segment, start, size)`,
    [
      packed.map((segment) => segment.tenant),
      packed.map((segment) => segment.id),
      packed.map((segment) => segment.entries),
      packed.map((segment) => segment.length),
      packed.map((segment) => segment.dead),
      packed.map((segment) => segment.bits),
      rows.map((row) => row.tenant),
      rows.map((row) => row.key),
      rows.map((row) => row.id),
      rows.map((row) => row.start + 1),
      rows.map((row) => row.size),
      // Cut apart there: to read an array of them takes the server three times as long.
      blocks.view(),
    ],
    call,
  )
}

/** A row of the segments table. */
export interface SegmentRow {
  readonly segment: number
  readonly entries: number
  readonly length: number
  readonly dead: number
  readonly bits: number
}

export async function readSegments(
  executor: Executor,
  tables: TextTables,
  tenant: string,
  call?: CallOptions,
): Promise<SegmentRow[]> {
  const { rows } = await executor.query<SegmentRow>(
    `SELECT segment, entries, length, dead, bits FROM ${tables.segments} WHERE tenant = $1 ORDER BY segment`,
    [tenant],
    call,
  )
  return rows
}
