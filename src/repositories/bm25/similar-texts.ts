import type { Executor } from '../../connections/postgres/executor'
import { quoteName } from '../../connections/postgres/row-security'
import type { CallOptions } from '../../core/abort'
import type { IndexHit } from '../index-entry'
import { filterCondition } from '../postgres-index/index-filter'
import type { TextQuery } from '../texts'
import type { TextTables } from './text-tables'

/** Share of the query's trigrams that must stand together in a text; below, likeness is chance. */
const leastSimilarity = 0.5
/** Entries that are looked at: each is compared whole, no index helps under row level security. */
const mostEntries = 20_000

/** The quoted schema of pg_trgm, or null where it is not installed. Nothing here installs it. */
export async function findTrigrams(executor: Executor, call?: CallOptions): Promise<string | null> {
  const { rows } = await executor.query<{ schema: string }>(
    `SELECT n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_trgm' AND has_schema_privilege(n.oid, 'USAGE')`,
    [],
    call,
  )
  return rows[0] ? quoteName(rows[0].schema) : null
}

/** Entries that look like a query none of whose words is known: what a slip of the pen meant. Best first, ties by id. */
export async function searchSimilar(
  executor: Executor,
  tables: TextTables,
  trigrams: string,
  query: TextQuery,
  call?: CallOptions,
): Promise<IndexHit[]> {
  const values: unknown[] = [query.tenant, query.query.replaceAll('\0', ' '), leastSimilarity, query.limit]
  const condition = filterCondition(query.filter, values)
  const { rows } = await executor.query<{ id: string; document: string; fence: number; score: number }>(
    `SELECT id, document, fence, score FROM (
       SELECT id, document, fence, ${trigrams}.word_similarity($2, title || ' ' || text) AS score FROM (
         SELECT id, document, fence, title, text FROM ${tables.entries} WHERE tenant = $1${condition}
         LIMIT ${mostEntries}) e) s
     WHERE score >= $3 ORDER BY score DESC, id LIMIT $4`,
    values,
    call,
  )
  return rows
}
