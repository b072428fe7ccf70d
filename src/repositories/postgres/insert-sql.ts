import { contentColumns, purgeLock } from './document-sql'
import { claimedRows, coalescing } from './job-sql'
import { prepared, statements } from './statements'

const chunkColumns = [
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

/**
 * New documents with their chunks and jobs, each row written once: chunks and jobs are made of what the INSERT of the
 * documents returns. `$1` and `$2` are the scope, `$3` the targets, then the documents, then their chunks; a claim's token
 * and lease come last. Fences are drawn behind the lock, so that none waited while the tombstone of its document went.
 */
export const insertStatements = statements(({ table }) => {
  const documents = table('documents')
  const names = contentColumns.map(([name]) => name)
  let bound = 3
  const arrays = (columns: readonly (readonly [string, string])[]): string =>
    columns.map(([, type]) => `$${++bound}::${type}[]`).join(', ')
  const given = `unnest($${++bound}::text[], ${arrays(contentColumns)}) AS u (id, ${names.join(', ')})`
  const cut = chunkColumns.map(([name]) => name)
  const chunks = `unnest(${arrays(chunkColumns)}) AS i (${cut.join(', ')})`
  const written = `WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(${purgeLock(documents)})),
     stamp AS MATERIALIZED (
       SELECT (r.value #>> '{}')::bigint AS epoch, (r.value #>> '{}')::bigint * 1099511627776
         + nextval('${table('fences').replaceAll("'", "''")}'::regclass) AS fence, (
         SELECT string_agg(DISTINCT chunking, '/') FROM ${table('generations')}
         WHERE collection = $2 AND state <> 'dropped') AS used
       FROM ${table('registry')} r, gate WHERE r.name = 'epoch'),
     fresh AS (
       INSERT INTO ${documents} (tenant, collection, id, ${names.join(', ')}, deleted_at, version, fence, payload_fence)
       SELECT $1::text, $2::text, f.id, ${names.map((name) => `f.${name}`).join(', ')}, NULL, 1, f.fence, f.fence
       FROM (
         SELECT u.*, s.fence FROM ${given}, stamp s ORDER BY u.id COLLATE "C") f
       ON CONFLICT DO NOTHING RETURNING id, fence),
     cut AS (
       INSERT INTO ${table('chunks')} (tenant, collection, fence, ${cut.join(', ')})
       SELECT $1::text, $2::text, f.fence, i.* FROM ${chunks} JOIN fresh f ON f.id = i.document
       ON CONFLICT (tenant, collection, chunking, id) DO UPDATE SET
         ${[...cut.slice(2), 'fence'].map((name) => `${name} = excluded.${name}`).join(', ')}, removed_at = NULL),
     jobs AS (
       SELECT t.target, $1::text AS tenant, $2::text AS collection, f.id AS document, 0::bigint AS since, f.fence,
         f.fence AS first, 0 AS attempts, NULL::text AS reason
       FROM fresh f CROSS JOIN unnest($3::text[]) AS t (target))`
  const answer = 'SELECT f.id, f.fence, s.used, s.epoch FROM stamp s LEFT JOIN fresh f ON true'
  const [token, lease] = [`$${++bound}`, `$${++bound}::bigint`]
  const rows = claimedRows(table('claims'), 'jobs', token, lease, table('registry'), '(SELECT clock_timestamp())')
  return {
    held: prepared(`${written}, ${rows} ${answer}`),
    queued: prepared(
      `${written}, queued AS (
         INSERT INTO ${table('queue')} AS j (target, tenant, collection, document, since, fence, first, created_at, due_at)
         SELECT target, tenant, collection, document, since, fence, first, clock_timestamp(), clock_timestamp()
         FROM jobs ORDER BY target COLLATE "C", tenant COLLATE "C", collection COLLATE "C", document COLLATE "C"
         ${coalescing('false')}) ${answer}`,
    ),
  }
})
