import { heldBy } from './job-sql'
import { byKey, type Dialect, statements } from './statements'

const fields =
  'id, title, text, metadata, leaves, source, content_type, status, content_hash, payload_hash, version, fence, ' +
  'payload_fence, created_at, updated_at, blob_key, blob_size, blob_type'

/** What the maker of a document gives beside its id, with the types of arrays. */
export const contentColumns = [
  ['title', 'text'],
  ['text', 'text'],
  ['metadata', 'jsonb'],
  ['leaves', 'jsonb'],
  ['source', 'text'],
  ['content_type', 'text'],
  ['status', 'text'],
  ['content_hash', 'text'],
  ['payload_hash', 'text'],
  ['created_at', 'bigint'],
  ['updated_at', 'bigint'],
  ['blob_key', 'text'],
  ['blob_size', 'bigint'],
  ['blob_type', 'text'],
] as const

/** Columns that `save` writes. */
export const savedColumns = [
  ...contentColumns,
  ['version', 'bigint'],
  ['fence', 'bigint'],
  ['payload_fence', 'bigint'],
] as const

/** The epoch, of the registry as `r`. */
export const registeredEpoch = "(r.value #>> '{}')::bigint"

/** A fresh fence of an epoch. */
export function fenceSql({ table }: Dialect, epoch: string): string {
  return `${epoch} * 1099511627776 + nextval('${table('fences').replaceAll("'", "''")}'::regclass)`
}

/** What a tombstone lets go. */
export const emptiedDocument = `title = '', text = '', metadata = '{}', leaves = '{}', source = NULL, blob_key = NULL,
         blob_size = NULL, blob_type = NULL`

export const documentStatements = statements((dialect) => {
  const documents = dialect.table('documents')
  // The look for a chunk fits no partial index, which would lead through all that there are; nor is it an EXISTS, of which
  // a plan that was made while there were few would read them all.
  const head = `SELECT d.id, d.content_hash, d.payload_hash, d.version, d.fence, d.payload_fence, d.created_at, d.blob_key,
      d.deleted_at IS NOT NULL AS deleted, (
        SELECT true FROM ${dialect.table('chunks')} c WHERE c.tenant = d.tenant AND c.collection = d.collection
          AND c.document = d.id AND coalesce(c.removed_at, -1) = -1 LIMIT 1) IS NOT NULL AS cut`
  /** Each by itself, in order: before the first ANALYZE a list of ids would read all that the tenant has. */
  const each = (condition: string): string => `FROM (
        SELECT u.id FROM unnest($3::text[]) AS u (id) ORDER BY u.id COLLATE "C") wanted
      CROSS JOIN LATERAL (SELECT * FROM ${documents} t
        WHERE t.tenant = $1 AND t.collection = $2 AND t.id = wanted.id ${condition}) d`
  const inScope = 'tenant = $1 AND collection = $2'
  return {
    get: byKey(`SELECT ${fields} FROM ${documents} WHERE ${inScope} AND id = $3 AND deleted_at IS NULL`),
    getMany: byKey(`SELECT d.* ${each('AND t.deleted_at IS NULL OFFSET 0')}`),
    /** The filter's condition and the limit follow. */
    list: `SELECT ${fields} FROM ${documents} WHERE ${inScope} AND deleted_at IS NULL`,
    count: `SELECT count(*) AS count FROM ${documents} WHERE ${inScope} AND deleted_at IS NULL`,
    heads: byKey(`${head} ${each('AND t.version > 0 OFFSET 0')}`),
    /** Rows of three kinds: heads, chunks, vectors. */
    known: byKey(
      `SELECT to_jsonb(h) AS head, NULL::jsonb AS chunk, NULL::text AS hash, NULL::bytea AS vector FROM (
         ${head} ${each('AND t.version > 0 OFFSET 0')}) h
       UNION ALL
       SELECT NULL, jsonb_build_array(c.id, c.document, c.chunking, c.ordinal, c.start_unit, c.end_unit, c.input_hash),
         NULL, NULL
       FROM unnest($3::text[]) AS u (id) CROSS JOIN unnest($4::text[]) AS k (chunking) CROSS JOIN LATERAL (
         SELECT * FROM ${dialect.table('chunks')} t WHERE t.tenant = $1 AND t.collection = $2 AND t.document = u.id
           AND t.chunking = k.chunking AND coalesce(t.removed_at, -1) = -1 OFFSET 0) c
       UNION ALL
       SELECT NULL, NULL, e.input_hash, e.vector FROM unnest($6::text[]) AS i (hash) CROSS JOIN LATERAL (
         SELECT t.input_hash, t.vector FROM ${dialect.table('embeddings')} t
         WHERE t.tenant = $1 AND t.fingerprint = $5 AND t.input_hash = i.hash OFFSET 0) e`,
    ),
    /** Rows to hold on to where there are none yet; `lock` follows. */
    place: byKey(
      `INSERT INTO ${documents} (tenant, collection, id)
       SELECT $1::text, $2::text, u.id FROM unnest($3::text[]) AS u (id) ORDER BY u.id COLLATE "C" ON CONFLICT DO NOTHING`,
    ),
    lock: byKey(`${head} ${each(`OFFSET 0 ${dialect.guard('row-lock', 'FOR UPDATE OF t')}`)}`),
    fences: byKey(
      `SELECT ${fenceSql(dialect, registeredEpoch)} AS fence
       FROM ${dialect.table('registry')} r, generate_series(1, $1::int) WHERE r.name = 'epoch'`,
    ),
    stamps: byKey(
      `SELECT ${fenceSql(dialect, registeredEpoch)} AS fence, g.used
       FROM ${dialect.table('registry')} r, generate_series(1, $2::int), (
         SELECT to_jsonb(array_agg(DISTINCT chunking)) AS used FROM ${dialect.table('generations')}
         WHERE collection = $1 AND state <> 'dropped') g
       WHERE r.name = 'epoch'`,
    ),
    save: saveSql(documents),
    bury: byKey(
      overwriteSql(documents, {
        given: [
          ['version', 'bigint'],
          ['fence', 'bigint'],
          ['deleted_at', 'bigint'],
        ],
        set: `version = excluded.version, fence = excluded.fence, deleted_at = excluded.deleted_at,
         updated_at = excluded.deleted_at, ${emptiedDocument}`,
      }),
    ),
    restamp: byKey(
      overwriteSql(documents, {
        given: [['fence', 'bigint']],
        set: 'fence = excluded.fence, payload_fence = excluded.fence',
        where: 'AND t.deleted_at IS NULL',
      }),
    ),
    advance: byKey(
      overwriteSql(documents, {
        given: [['fence', 'bigint']],
        set: 'fence = excluded.fence',
        where: 'AND t.deleted_at IS NULL',
      }),
    ),
    ...uncutSql(dialect),
    ...purgeSql(dialect),
  }
})

/** A look for one chunk by key for each document, by no partial index either, whatever the planner knows. */
function uncutSql({ table }: Dialect) {
  const uncut = `FROM ${table('documents')} d LEFT JOIN LATERAL (
      SELECT true AS cut FROM ${table('chunks')} c
      WHERE c.tenant = d.tenant AND c.collection = d.collection AND c.document = d.id AND c.chunking = $2
        AND coalesce(c.removed_at, -1) = -1 LIMIT 1) c ON true
    WHERE d.collection = $1 AND d.deleted_at IS NULL AND c.cut IS NULL`
  return {
    /** A page from the start; `uncutAfter` goes on above a place. */
    uncut: {
      text: `SELECT d.tenant, d.id, octet_length(d.text) AS bytes ${uncut} ORDER BY d.tenant, d.collection, d.id LIMIT $3`,
    },
    uncutAfter: {
      text: `SELECT d.tenant, d.id, octet_length(d.text) AS bytes ${uncut}
        AND (d.tenant, d.collection, d.id) > ($4, $1, $5) ORDER BY d.tenant, d.collection, d.id LIMIT $3`,
    },
    countUncut: { text: `SELECT count(*) AS count ${uncut}` },
  }
}

function saveSql(documents: string) {
  const set = savedColumns.map(([name]) => `${name} = excluded.${name}`).join(', ')
  const overwrite = overwriteSql(documents, { given: savedColumns, set: `${set}, deleted_at = NULL` })
  // Some adapters of users count what an INSERT changes by its rows alone.
  return byKey(`${overwrite} RETURNING 1 AS one`)
}

/**
 * Writes over rows that are there, which are locked: ids are `$3`, `given` follow. Each is looked for by its key and
 * written over by it; of an UPDATE, which is a join, a plan may read all that the tenant has.
 */
function overwriteSql(
  documents: string,
  {
    given,
    set,
    where = '',
  }: { readonly given: readonly (readonly [string, string])[]; readonly set: string; readonly where?: string },
): string {
  const names = given.map(([name]) => name)
  const arrays = given.map(([, type], at) => `$${at + 4}::${type}[]`)
  return `INSERT INTO ${documents} (tenant, collection, id, ${names.join(', ')})
     SELECT $1::text, $2::text, i.id, ${names.map((name) => `i.${name}`).join(', ')}
     FROM unnest($3::text[], ${arrays.join(', ')}) AS i (id, ${names.join(', ')}) CROSS JOIN LATERAL (
       SELECT FROM ${documents} t WHERE t.tenant = $1 AND t.collection = $2 AND t.id = i.id ${where} OFFSET 0) t
     ON CONFLICT (tenant, collection, id) DO UPDATE SET ${set}`
}

/** Held shared by whoever draws fences for new documents, and alone by who purges tombstones. */
export function purgeLock(documents: string): string {
  return `hashtextextended('headwater:purge:${documents.replaceAll("'", "''")}'::text, 0::bigint)`
}

/**
 * A tombstone is needed by a job of its document, and by a generation that is being copied: what was removed before the
 * copy came by must still be known afterwards. Rows that somebody has locked are left for the next time.
 */
function purgeSql(dialect: Dialect) {
  const { table } = dialect
  const documents = table('documents')
  const chunks = table('chunks')
  const free = (row: string, document: string) =>
    `NOT EXISTS (SELECT FROM ${table('queue')} j WHERE j.target IN ('vector', 'text', 'cache')
       AND j.tenant = ${row}.tenant AND j.collection = ${row}.collection AND j.document = ${document})
     AND NOT EXISTS (SELECT ${heldBy(dialect, `${row}.tenant`, `${row}.collection`, document)})
     AND NOT EXISTS (
       SELECT FROM ${table('generations')} g WHERE g.collection = ${row}.collection AND g.state = 'building')`
  return {
    purge: {
      text: `WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock(${purgeLock(documents)})),
        doomed AS MATERIALIZED (
          SELECT d.tenant, d.collection, d.id FROM gate, ${documents} d
          WHERE d.deleted_at IS NOT NULL AND d.deleted_at < $1 AND ${free('d', 'd.id')}
          ORDER BY d.deleted_at LIMIT $2 FOR UPDATE OF d SKIP LOCKED),
        buried AS (
          DELETE FROM ${chunks} c USING doomed
          WHERE c.tenant = doomed.tenant AND c.collection = doomed.collection AND c.document = doomed.id)
        DELETE FROM ${documents} d USING doomed
        WHERE d.tenant = doomed.tenant AND d.collection = doomed.collection AND d.id = doomed.id`,
    },
    purgeChunks: {
      text: `WITH doomed AS MATERIALIZED (
          SELECT c.tenant, c.collection, c.chunking, c.id FROM ${chunks} c
          WHERE c.removed_at IS NOT NULL AND c.removed_at < $1 AND ${free('c', 'c.document')}
          ORDER BY c.removed_at LIMIT $2 FOR UPDATE OF c SKIP LOCKED)
        DELETE FROM ${chunks} c USING doomed
        WHERE c.tenant = doomed.tenant AND c.collection = doomed.collection AND c.chunking = doomed.chunking
          AND c.id = doomed.id`,
    },
  }
}
