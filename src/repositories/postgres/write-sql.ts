import { contentColumns, emptiedDocument, fenceSql, purgeLock, registeredEpoch } from './document-sql'
import { claimedRows, heldJobs, inOrder, queuedJobs } from './job-sql'
import { byKey, type Dialect, now, nowMs, prepared, type Statement, statements } from './statements'

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
const chunkNames = chunkColumns.map(([name]) => name)

/** A statement that leaves its jobs in the queue, and one that claims them: it looks for what waits by a join. */
interface Leaving {
  readonly queued: Statement
  readonly held: Statement
}

/**
 * Writes that are one statement each, and so a transaction by themselves where they are in none: rows, chunks, vectors,
 * the marker, and jobs or a claim, made of what the write of the documents returns. Parameters stand in the order in
 * which they are first named; the scope, the targets and the marker come first, a claim's token and lease last.
 */
export const writeStatements = statements((dialect) => ({
  insert: insertSql(dialect),
  change: changeSql(dialect),
  erase: eraseSql(dialect),
}))

/** Gives parameters their numbers. */
function parameters(): { (type: string): string; all(columns: readonly (readonly [string, string])[]): string } {
  let bound = 0
  const next = (type: string): string => `$${++bound}::${type}`
  return Object.assign(next, {
    all: (columns: readonly (readonly [string, string])[]) => columns.map(([, type]) => next(`${type}[]`)).join(', '),
  })
}

/** The fence of all is drawn behind the lock, so that it did not wait while the tombstone of a document went. */
function insertSql(dialect: Dialect): Leaving {
  const { table, guard } = dialect
  const documents = table('documents')
  const next = parameters()
  const scope = `${next('text')}, ${next('text')}`
  const targets = next('text[]')
  const marker = next('text')
  const stamp = stampSql(dialect, next('text[]'), 'gate')
  const vectors = vectorsSql(dialect, next)
  const names = contentColumns.map(([name]) => name)
  const given = `unnest(${next('text[]')}, ${next.all(contentColumns)}) AS u (id, ${names.join(', ')})`
  const chunks = `unnest(${next.all(chunkColumns)}) AS i (${chunkNames.join(', ')})`
  // All have one fence. Which were written is looked up in a table of hashes: a join with that step would compare each with each.
  const cut = `SELECT ${scope}, n.fence, i.*, NULL::bigint FROM drawn n, ${chunks}
         WHERE (i.document COLLATE "C" IN (SELECT f.id FROM fresh f)) IS TRUE`
  const gate = guard('purge-gate', `pg_advisory_xact_lock_shared(${purgeLock(documents)})`, 'true')
  const written = `WITH gate AS MATERIALIZED (SELECT ${gate}),
     ${stamp},
     drawn AS MATERIALIZED (SELECT ${fenceSql(dialect, 's.epoch')} AS fence FROM stamp s WHERE s.as_asked),
     fresh AS (
       INSERT INTO ${documents} (tenant, collection, id, ${names.join(', ')}, deleted_at, version, fence, payload_fence)
       SELECT ${scope}, f.id, ${names.map((name) => `f.${name}`).join(', ')}, NULL, 1, f.fence, f.fence
       FROM (
         SELECT u.*, n.fence FROM ${given}, drawn n ORDER BY u.id COLLATE "C") f
       ON CONFLICT DO NOTHING RETURNING id, version, fence, 0::bigint AS since),
     cut AS (${chunksSql(dialect, cut)}),
     ${vectors},
     ${markerSql(dialect, marker)},
     ${jobsSql(scope, targets)}`
  const answer = `SELECT f.id, f.fence, s.epoch, CASE WHEN NOT s.as_asked THEN to_jsonb(s.used) END AS used
     FROM stamp s LEFT JOIN fresh f ON true`
  const rows = claimedRows(table('claims'), 'jobs', next('text'), next('bigint'), table('registry'), now)
  return { queued: queuedSql(dialect, written, answer), held: prepared(`${written}, ${rows} ${answer}`) }
}

/**
 * A row that is not at the fence any more, also where the statement has waited for who changed it, is left alone, and
 * then nothing else is written either: what was read with that fence no longer holds.
 */
function changeSql(dialect: Dialect): Leaving {
  const { table, guard } = dialect
  const documents = table('documents')
  const chunks = table('chunks')
  const next = parameters()
  const [tenant, collection] = [next('text'), next('text')]
  const scope = `${tenant}, ${collection}`
  const targets = next('text[]')
  const marker = next('text')
  const stamp = stampSql(dialect, next('text[]'))
  const vectors = vectorsSql(dialect, next)
  const id = next('text')
  const content = contentColumns.map(([name, type]) => `${name} = ${next(type)}`).join(', ')
  const [version, since, before, samePayload] = [next('bigint'), next('bigint'), next('text'), next('boolean')]
  const upsert = `unnest(${next.all(chunkColumns)}) AS i (${chunkNames.join(', ')})`
  const move = `unnest(${next('text[]')}, ${next('uuid[]')}, ${next('int[]')}, ${next('int[]')}, ${next('int[]')})
    AS i (chunking, id, ordinal, start_unit, end_unit)`
  const remove = `unnest(${next('text[]')}, ${next('uuid[]')}) AS i (chunking, id)`
  /** By key for each: a join would be free to read all that the tenant has. */
  const living = `CROSS JOIN LATERAL (
         SELECT * FROM ${chunks} t WHERE t.tenant = ${tenant} AND t.collection = ${collection}
           AND t.chunking = i.chunking AND t.id = i.id AND t.removed_at IS NULL OFFSET 0) c`
  const cut = [
    `SELECT ${scope}, f.fence, i.*, NULL::bigint FROM fresh f, ${upsert}`,
    `SELECT ${scope}, c.fence, c.chunking, c.id, c.document, i.ordinal, i.start_unit, i.end_unit, c.text, c.metadata,
         c.input_hash, c.heading, c.table_header, NULL::bigint FROM fresh f CROSS JOIN ${move} ${living}`,
    `SELECT ${scope}, ${buriedRow} FROM fresh f CROSS JOIN ${remove} ${living}`,
  ]
  const written = `WITH ${stamp},
     fresh AS (
       UPDATE ${documents} d SET ${content}, deleted_at = NULL, version = ${version}, fence = s.fence,
         payload_fence = CASE WHEN ${samePayload} THEN d.payload_fence ELSE s.fence END
       FROM (SELECT ${fenceSql(dialect, 's.epoch')} AS fence FROM stamp s WHERE s.as_asked) s
       WHERE d.tenant = ${tenant} AND d.collection = ${collection} AND d.id = ${id}
         AND ${guard('change-fence', `d.fence = ${since} AND d.content_hash = ${before}`, `${before} IS NOT NULL`)}
       RETURNING d.id, d.version, d.fence, ${since} AS since),
     cut AS (${chunksSql(dialect, ...cut)}),
     ${vectors},
     ${markerSql(dialect, marker)},
     ${jobsSql(scope, targets)}`
  const answer = 'SELECT f.fence, s.epoch FROM stamp s JOIN fresh f ON true'
  const held = heldJobs(dialect, 'jobs', next('text'), next('bigint'), 'false')
  return {
    queued: queuedSql(dialect, written, answer),
    held: prepared(
      `${written}, ${held} SELECT f.fence, s.epoch, h.target, h.since, h.attempts FROM stamp s, fresh f, held h`,
    ),
  }
}

/** As of `changeSql`; what the row must be is what this very statement sees of it. */
function eraseSql(dialect: Dialect): Leaving {
  const { table, guard } = dialect
  const documents = table('documents')
  const chunks = table('chunks')
  const next = parameters()
  const [tenant, collection] = [next('text'), next('text')]
  const targets = next('text[]')
  const marker = next('text')
  const [id, at, ifVersion] = [next('text'), next('bigint'), next('bigint')]
  const written = `WITH stamp AS MATERIALIZED (SELECT ${registeredEpoch} AS epoch FROM ${table('registry')} r WHERE r.name = 'epoch'),
     seen AS MATERIALIZED (
       SELECT version, fence, deleted_at IS NOT NULL AS deleted FROM ${documents}
       WHERE tenant = ${tenant} AND collection = ${collection} AND id = ${id} AND version > 0),
     fresh AS (
       UPDATE ${documents} d
       SET version = d.version + 1, fence = n.fence, deleted_at = ${at}, updated_at = ${at}, ${emptiedDocument}
       FROM (SELECT ${fenceSql(dialect, 's.epoch')} AS fence, seen.fence AS since FROM stamp s, seen
         WHERE NOT seen.deleted AND (${ifVersion} IS NULL OR seen.version = ${ifVersion})) n
       WHERE d.tenant = ${tenant} AND d.collection = ${collection} AND d.id = ${id}
         ${guard('change-fence', 'AND d.fence = n.since')}
       RETURNING d.id, d.version, d.fence, n.since),
     doomed AS MATERIALIZED (
       SELECT ${buriedRow} FROM fresh f CROSS JOIN LATERAL (
         SELECT * FROM ${chunks} t WHERE t.tenant = ${tenant} AND t.collection = ${collection} AND t.document = f.id
           AND coalesce(t.removed_at, -1) = -1 OFFSET 0) c),
     cut AS (${chunksSql(dialect, `SELECT ${tenant}, ${collection}, d.* FROM doomed d`)}),
     ${markerSql(dialect, marker)},
     ${jobsSql(`${tenant}, ${collection}`, targets)}`
  const answer = (
    claimed: string,
  ): string => `SELECT e.version AS was_version, e.fence AS was_fence, e.deleted, f.version,
       f.fence, s.epoch, (SELECT jsonb_agg(jsonb_build_array(chunking, id)) FROM doomed) AS chunks, ${claimed} AS claimed
     FROM stamp s JOIN seen e ON true LEFT JOIN fresh f ON true`
  const held = heldJobs(dialect, 'jobs', next('text'), next('bigint'), 'false')
  return {
    queued: queuedSql(dialect, written, answer('NULL::jsonb')),
    held: prepared(
      `${written}, ${held} ${answer('(SELECT jsonb_agg(jsonb_build_array(target, since, attempts)) FROM held)')}`,
    ),
  }
}

/** The epoch, and whether the chunkings that generations use are those that are asked for, or none yet. */
function stampSql({ table }: Dialect, chunkings: string, after?: string): string {
  return `stamp AS MATERIALIZED (
       SELECT ${registeredEpoch} AS epoch, u.used, u.used IS NULL OR u.used <@ ${chunkings} AND u.used @> ${chunkings} AS as_asked
       FROM ${table('registry')} r${after ? `, ${after}` : ''}, (
         SELECT array_agg(DISTINCT chunking) AS used FROM ${table('generations')}
         WHERE collection = $2 AND state <> 'dropped') u
       WHERE r.name = 'epoch')`
}

/** All vectors come as one run of bytes. They are stored whatever becomes of the documents. */
function vectorsSql({ table }: Dialect, next: (type: string) => string): string {
  const [fingerprint, bytes] = [next('text'), next('bytea')]
  return `vectors AS (
       INSERT INTO ${table('embeddings')} (tenant, fingerprint, input_hash, stored_at, vector)
       SELECT $1::text, ${fingerprint}, i.input_hash, ${nowMs}, substring(${bytes} FROM i.start FOR i.length)
       FROM unnest(${next('text[]')}, ${next('int[]')}, ${next('int[]')}) AS i (input_hash, start, length)
       ORDER BY i.input_hash COLLATE "C" ON CONFLICT DO NOTHING)`
}

/** A chunk `c` that goes with the row `f`: `fence`, the columns of chunks, `removed_at`. */
const buriedRow = `f.fence, c.chunking, c.id, c.document, c.ordinal, c.start_unit, c.end_unit, '' AS text,
         '{}'::jsonb AS metadata, c.input_hash, '' AS heading, '' AS table_header, ${nowMs} AS removed_at`

/**
 * Writes rows of the scope, a fence, the columns of chunks and `removed_at`; new ones and those that are there alike, so
 * that each is found by its key.
 */
function chunksSql({ table }: Dialect, ...rows: readonly string[]): string {
  const columns = ['fence', ...chunkNames, 'removed_at']
  const set = columns.filter((name) => name !== 'chunking' && name !== 'id')
  return `INSERT INTO ${table('chunks')} (tenant, collection, ${columns.join(', ')})
       ${rows.join(' UNION ALL ')}
       ON CONFLICT (tenant, collection, chunking, id) DO UPDATE SET
         ${set.map((name) => `${name} = excluded.${name}`).join(', ')}`
}

/** Only where something is written: it says that the write has committed. A key that is taken fails the whole. */
function markerSql({ table }: Dialect, marker: string): string {
  return `marked AS (
       INSERT INTO ${table('commits')} (tenant, key, request_hash, receipt, created_at)
       SELECT $1::text, ${marker}, '', jsonb_agg(jsonb_build_object('id', id, 'version', version, 'fence', fence)), ${nowMs}
       FROM fresh WHERE ${marker} IS NOT NULL HAVING count(*) > 0)`
}

function jobsSql(scope: string, targets: string): string {
  const [tenant, collection] = scope.split(', ')
  return `jobs AS (
       SELECT t.target, ${tenant} AS tenant, ${collection} AS collection, f.id AS document, f.since, f.fence,
         f.fence AS first, 0 AS attempts, NULL::text AS reason
       FROM fresh f CROSS JOIN unnest(${targets}) AS t (target))`
}

function queuedSql(dialect: Dialect, written: string, answer: string): Statement {
  const queued = queuedJobs(dialect, 'jobs', 'false', `ORDER BY ${inOrder}`)
  return byKey(`${written}, queued AS (${queued}) ${answer}`)
}
