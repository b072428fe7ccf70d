import { buriedRow, chunkColumns, chunkNames, chunksSql } from './chunk-rows-sql'
import { contentColumns, emptiedDocument, fenceSql, purgeLock, registeredEpoch } from './document-sql'
import { claimedRows, heldJobs, inOrder, queuedJobs } from './job-sql'
import { byKey, type Dialect, now, nowMs, prepared, type Statement, statements } from './statements'

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
  const cut = `SELECT ${scope}, n.fence, i.*, NULL::bigint FROM drawn n, ${chunks} WHERE ${ofFresh}`
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
 * A row that is not at the fence any more, also where the statement has waited for who changed it, is left alone with all
 * that goes with it: what was read with that fence no longer holds. Those that are have been locked, so that they are
 * there to be written over by their keys: an UPDATE would be a join, for which a plan may read all that the tenant has.
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
  const names = contentColumns.map(([name]) => name)
  const given = `unnest(${next('text[]')}, ${next.all(contentColumns)}, ${next('bigint[]')}, ${next('bigint[]')},
         ${next('text[]')}, ${next('boolean[]')}) AS u (id, ${names.join(', ')}, version, since, before, same_payload)`
  const asRead = guard('change-fence', 't.fence = u.since AND t.content_hash = u.before', 'u.before IS NOT NULL')
  const columns = [...names, 'version', 'fence', 'payload_fence']
  const upsert = `unnest(${next.all(chunkColumns)}) AS i (${chunkNames.join(', ')})`
  const move = `unnest(${next('text[]')}, ${next('text[]')}, ${next('uuid[]')}, ${next('int[]')}, ${next('int[]')}, ${next('int[]')})
    AS i (document, chunking, id, ordinal, start_unit, end_unit)`
  const remove = `unnest(${next('text[]')}, ${next('text[]')}, ${next('uuid[]')}) AS i (document, chunking, id)`
  /** By key for each: a join would be free to read all that the tenant has. */
  const living = `CROSS JOIN LATERAL (
         SELECT * FROM ${chunks} t WHERE t.tenant = ${tenant} AND t.collection = ${collection}
           AND t.chunking = i.chunking AND t.id = i.id AND t.removed_at IS NULL OFFSET 0) c`
  const cut = [
    `SELECT ${scope}, f.fence, i.*, NULL::bigint FROM drawn f, ${upsert} WHERE ${ofFresh}`,
    `SELECT ${scope}, c.fence, c.chunking, c.id, c.document, i.ordinal, i.start_unit, i.end_unit, c.text, c.metadata,
         c.input_hash, c.heading, c.table_header, NULL::bigint FROM ${move} ${living} WHERE ${ofFresh}`,
    `SELECT ${scope}, ${buriedRow} FROM drawn f CROSS JOIN ${remove} ${living} WHERE ${ofFresh}`,
  ]
  const written = `WITH ${stamp},
     drawn AS MATERIALIZED (SELECT ${fenceSql(dialect, 's.epoch')} AS fence FROM stamp s WHERE s.as_asked),
     seen AS MATERIALIZED (
       SELECT u.*, t.payload_fence FROM (SELECT * FROM ${given} ORDER BY id COLLATE "C") u CROSS JOIN LATERAL (
         SELECT * FROM ${documents} t WHERE t.tenant = ${tenant} AND t.collection = ${collection} AND t.id = u.id
           AND ${asRead} OFFSET 0 FOR UPDATE) t),
     fresh AS (
       INSERT INTO ${documents} AS d (tenant, collection, id, ${columns.join(', ')})
       SELECT ${scope}, u.id, ${names.map((name) => `u.${name}`).join(', ')}, u.version, n.fence,
         CASE WHEN u.same_payload THEN u.payload_fence ELSE n.fence END FROM seen u, drawn n
       ON CONFLICT (tenant, collection, id) DO UPDATE SET
         ${columns.map((name) => `${name} = excluded.${name}`).join(', ')}, deleted_at = NULL
       RETURNING d.id, d.version, d.fence, (SELECT u.since FROM seen u WHERE u.id = d.id) AS since),
     cut AS (${chunksSql(dialect, ...cut)}),
     ${vectors},
     ${markerSql(dialect, marker)},
     ${jobsSql(scope, targets)}`
  const held = heldJobs(dialect, 'jobs', next('text'), next('bigint'), 'false')
  return {
    queued: queuedSql(dialect, written, 'SELECT f.id, f.fence FROM fresh f'),
    held: prepared(
      `${written}, ${held} SELECT h.document AS id, h.fence, s.epoch, h.target, h.since, h.attempts FROM stamp s, held h`,
    ),
  }
}

/** Rows as they are once they are locked; the fence is drawn after that, so that it is above theirs. */
function eraseSql(dialect: Dialect): Leaving {
  const { table } = dialect
  const documents = table('documents')
  const chunks = table('chunks')
  const next = parameters()
  const [tenant, collection] = [next('text'), next('text')]
  const targets = next('text[]')
  const marker = next('text')
  const given = `unnest(${next('text[]')}, ${next('bigint[]')}) AS u (id, if_version)`
  const at = next('bigint')
  const written = `WITH stamp AS MATERIALIZED (SELECT ${registeredEpoch} AS epoch FROM ${table('registry')} r WHERE r.name = 'epoch'),
     seen AS MATERIALIZED (
       SELECT u.id, t.version, t.fence, t.deleted_at IS NOT NULL AS deleted, u.if_version IS NULL OR t.version = u.if_version AS as_asked
       FROM (SELECT * FROM ${given} ORDER BY id COLLATE "C") u CROSS JOIN LATERAL (
         SELECT * FROM ${documents} t WHERE t.tenant = ${tenant} AND t.collection = ${collection} AND t.id = u.id
           AND t.version > 0 OFFSET 0 FOR UPDATE) t),
     drawn AS MATERIALIZED (
       SELECT ${fenceSql(dialect, 's.epoch')} AS fence FROM stamp s, (SELECT count(*) FROM seen OFFSET 0) AS locked),
     fresh AS (
       INSERT INTO ${documents} AS d (tenant, collection, id, fence)
       SELECT ${tenant}, ${collection}, e.id, n.fence FROM seen e, drawn n WHERE NOT e.deleted AND e.as_asked
       ON CONFLICT (tenant, collection, id) DO UPDATE SET
         version = d.version + 1, fence = excluded.fence, deleted_at = ${at}, updated_at = ${at}, ${emptiedDocument}
       RETURNING d.id, d.version, d.fence, (SELECT e.fence FROM seen e WHERE e.id = d.id) AS since),
     doomed AS MATERIALIZED (
       SELECT ${buriedRow} FROM fresh f CROSS JOIN LATERAL (
         SELECT * FROM ${chunks} t WHERE t.tenant = ${tenant} AND t.collection = ${collection} AND t.document = f.id
           AND coalesce(t.removed_at, -1) = -1 OFFSET 0) c),
     cut AS (${chunksSql(dialect, `SELECT ${tenant}, ${collection}, d.* FROM doomed d`)}),
     ${markerSql(dialect, marker)},
     ${jobsSql(`${tenant}, ${collection}`, targets)}`
  /** What each came to, and what goes with them all. */
  const answer = (claimed: string): string => `SELECT e.id, e.version AS was_version, e.fence AS was_fence, e.deleted,
       f.version, f.fence, s.epoch, ${claimed} AS claimed,
       (SELECT jsonb_agg(jsonb_build_array(d.chunking, d.id)) FROM doomed d WHERE d.document = e.id) AS chunks
     FROM stamp s CROSS JOIN seen e LEFT JOIN fresh f ON f.id = e.id`
  const held = heldJobs(dialect, 'jobs', next('text'), next('bigint'), 'false')
  const claimed =
    '(SELECT jsonb_agg(jsonb_build_array(h.target, h.since, h.attempts)) FROM held h WHERE h.document = e.id)'
  return {
    queued: queuedSql(dialect, written, answer('NULL::jsonb')),
    held: prepared(`${written}, ${held} ${answer(claimed)}`),
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

/** Of a document that was written: looked up in a table of hashes, where a join with that step would compare each with each. */
const ofFresh = '(i.document COLLATE "C" IN (SELECT w.id FROM fresh w)) IS TRUE'

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
