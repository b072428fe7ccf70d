import { type Dialect, nowMs } from './statements'

export const chunkColumns = [
  ['chunking', 'text'],
  ['id', 'uuid'],
  ['document', 'text'],
  ['ordinal', 'int'],
  ['start_unit', 'int'],
  ['end_unit', 'int'],
  ['text', 'text'],
  ['metadata', 'jsonb'],
  ['input_hash', 'text'],
  ['heading', 'text'],
  ['table_header', 'text'],
] as const
export const chunkNames = chunkColumns.map(([name]) => name)

/** A chunk `c` that goes with the row `f`: `fence`, the columns of chunks, `removed_at`. */
export const buriedRow = `f.fence, c.chunking, c.id, c.document, c.ordinal, c.start_unit, c.end_unit, '' AS text,
         '{}'::jsonb AS metadata, c.input_hash, '' AS heading, '' AS table_header, ${nowMs} AS removed_at`

/**
 * Writes rows of the scope, a fence, the columns of chunks and `removed_at`; new ones and those that are there alike, so
 * that each is found by its key.
 */
export function chunksSql({ table }: Dialect, ...rows: readonly string[]): string {
  const columns = ['fence', ...chunkNames, 'removed_at']
  const set = columns.filter((name) => name !== 'chunking' && name !== 'id')
  return `INSERT INTO ${table('chunks')} (tenant, collection, ${columns.join(', ')})
       ${rows.join(' UNION ALL ')}
       ON CONFLICT (tenant, collection, chunking, id) DO UPDATE SET
         ${set.map((name) => `${name} = excluded.${name}`).join(', ')}`
}
