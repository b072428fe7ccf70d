import { frequencySql } from '../word-ranking'
import { buriedRow, chunksSql } from './chunk-rows-sql'
import { byKey, type Dialect, statements } from './statements'

const payload = 'd.title, d.source, d.status, d.content_type, d.leaves, d.version, d.created_at, d.updated_at'

export const chunkStatements = statements((dialect) => {
  const chunks = dialect.table('chunks')
  const documents = dialect.table('documents')
  const inScope = 'c.tenant = $1 AND c.collection = $2 AND c.chunking = $3'
  /** Live chunks of live documents. */
  const living = `FROM ${chunks} c JOIN ${documents} d
      ON d.tenant = c.tenant AND d.collection = c.collection AND d.id = c.document AND d.deleted_at IS NULL`
  const entry = `c.id, c.tenant, c.document, greatest(c.fence, d.payload_fence) AS fence, c.input_hash, d.payload_hash`
  /** The same where chunks of a range of ids are read: what is read of documents follows them, however many there are. */
  const keyed = `FROM ${chunks} c CROSS JOIN LATERAL (
      SELECT * FROM ${documents} d WHERE d.tenant = c.tenant AND d.collection = c.collection AND d.id = c.document
        AND d.deleted_at IS NULL OFFSET 0) d`
  return {
    ofDocument: byKey(
      `SELECT c.id, c.document, c.chunking, c.ordinal, c.start_unit, c.end_unit, c.text, c.heading,
         c.table_header, c.metadata, c.input_hash, c.fence ${living}
       WHERE ${inScope} AND c.document = $4 AND coalesce(c.removed_at, -1) = -1 ORDER BY c.ordinal`,
    ),
    heads: byKey(
      // Each document by itself, and by a condition that fits no partial index: that would lead through all there are.
      `SELECT c.id, c.document, c.chunking, c.ordinal, c.start_unit, c.end_unit, c.input_hash
       FROM unnest($4::text[]) AS d (id) CROSS JOIN unnest($3::text[]) AS k (chunking)
       CROSS JOIN LATERAL (SELECT * FROM ${chunks} t WHERE t.tenant = $1 AND t.collection = $2 AND t.document = d.id
         AND t.chunking = k.chunking AND coalesce(t.removed_at, -1) = -1 OFFSET 0) c
       ORDER BY c.document, c.ordinal`,
    ),
    // One look-up by key for each id, whatever the planner knows: before the first ANALYZE it would read every chunk.
    hydrate: byKey(
      `SELECT c.id, c.document, c.ordinal, c.start_unit, c.end_unit, c.text, c.heading, c.table_header, c.fence,
         c.metadata AS chunk_metadata, d.metadata, ${payload} FROM unnest($4::uuid[]) AS wanted (id)
       CROSS JOIN LATERAL (
         SELECT * FROM ${chunks} c WHERE ${inScope} AND c.id = wanted.id AND c.removed_at IS NULL OFFSET 0) c
       CROSS JOIN LATERAL (
         SELECT * FROM ${documents} d WHERE d.tenant = c.tenant AND d.collection = c.collection AND d.id = c.document
           AND d.deleted_at IS NULL OFFSET 0) d`,
    ),
    /**
     * Conditions of a filter and `searchWordsEnd` follow. Most words follow a space, which costs less to see than a pattern.
     * Documents are looked up by key: before the first ANALYZE a join of the two would take minutes.
     */
    searchWords: `WITH found AS MATERIALIZED (
        SELECT e.id, e.document, e.fence, w.at, length(e.body)::float8 AS size,
          (length(e.body) - length(replace(e.body, w.word, '')))::float8 / length(w.word) AS count
        FROM (SELECT c.id, c.document, c.fence, lower(d.title || ' ' || c.heading || ' ' || c.text) AS body
          FROM (SELECT * FROM ${chunks} c WHERE ${inScope} AND c.removed_at IS NULL LIMIT $7::bigint) c
          CROSS JOIN LATERAL (
            SELECT * FROM ${documents} d WHERE d.tenant = c.tenant AND d.collection = c.collection AND d.id = c.document
              AND d.deleted_at IS NULL OFFSET 0) d
          WHERE true`,
    searchWordsEnd: ` OFFSET 0) e
        CROSS JOIN unnest($4::text[], $5::text[]) WITH ORDINALITY AS w (word, pattern, at)
        WHERE strpos(e.body, w.word) > 0 AND (strpos(e.body, ' ' || w.word) > 0 OR e.body ~ w.pattern)),
      total AS MATERIALIZED (SELECT count(*) AS entries FROM (
        SELECT FROM ${chunks} c WHERE ${inScope} AND c.removed_at IS NULL LIMIT $7::bigint + 1) c),
      weights AS (
        SELECT at, ln(1 + greatest(0, (SELECT entries FROM total) - count(*) + 0.5) / (count(*) + 0.5))::float8 AS idf
        FROM found GROUP BY at)
      SELECT t.entries, h.* FROM total t LEFT JOIN (
        SELECT f.id, f.document, f.fence, sum(w.idf * ${frequencySql}) AS score FROM found f JOIN weights w USING (at)
        GROUP BY f.id, f.document, f.fence ORDER BY score DESC, f.id LIMIT $6::bigint) h ON true
      ORDER BY h.score DESC, h.id`,
    apply: applySql(dialect),
    bury: burySql(dialect),
    states: statesSql(dialect),
    /** Conditions of a range follow. */
    scan: `SELECT ${entry} ${keyed} WHERE c.removed_at IS NULL`,
    /** Conditions of a range follow; with vectors, the fingerprint is `$1`. */
    contents: `SELECT ${entry}, c.text, c.heading, c.table_header, c.metadata AS chunk_metadata, NULL::bytea AS vector,
        ${payload} ${keyed} WHERE c.removed_at IS NULL`,
    contentsWithVectors: `SELECT ${entry}, CASE WHEN e.vector IS NULL THEN c.text ELSE '' END AS text, c.heading,
        c.table_header, c.metadata AS chunk_metadata, e.vector, ${payload}
      ${keyed} LEFT JOIN LATERAL (
        SELECT * FROM ${dialect.table('embeddings')} e
        WHERE e.tenant = c.tenant AND e.fingerprint = $1 AND e.input_hash = c.input_hash OFFSET 0) e ON true
      WHERE c.removed_at IS NULL`,
    /** The space is `$1`; conditions of a range follow. */
    digest: `SELECT count(*) AS count, coalesce(sum(e.bits), 0)::text AS sum FROM (
      SELECT ('x' || left(md5(c.id || ':' || greatest(c.fence, d.payload_fence) || ':' || left(encode(sha256(
        convert_to(c.input_hash || $1::text, 'UTF8')), 'hex'), 16) || left(d.payload_hash, 16) || ':' || c.tenant ||
        ':' || c.document), 15))::bit(60)::bigint AS bits
      ${keyed} WHERE c.removed_at IS NULL`,
    count: `SELECT count(*) AS count ${living} WHERE c.removed_at IS NULL`,
    purge: {
      text: `WITH doomed AS MATERIALIZED (
          SELECT c.tenant, c.id FROM ${chunks} c
          WHERE c.collection = $1 AND c.chunking = $2 AND c.removed_at IS NULL AND NOT EXISTS (
            SELECT FROM ${dialect.table('generations')} g
            WHERE g.collection = $1 AND g.chunking = $2 AND g.state <> 'dropped')
          ORDER BY c.id LIMIT $3)
        DELETE FROM ${chunks} c USING doomed
        WHERE c.tenant = doomed.tenant AND c.collection = $1 AND c.chunking = $2 AND c.id = doomed.id`,
    },
  }
})

/** The three changes touch different rows, so that one statement makes them all; each row is found by its key. */
function applySql(dialect: Dialect) {
  const upsert = `unnest($4::uuid[], $5::text[], $6::int[], $7::int[], $8::int[], $9::text[], $10::jsonb[], $11::text[],
         $12::bigint[], $19::text[], $20::text[])
         AS i (id, document, ordinal, start_unit, end_unit, text, metadata, input_hash, fence, heading, table_header)`
  const move = 'unnest($13::uuid[], $14::int[], $15::int[], $16::int[]) AS f (id, ordinal, start_unit, end_unit)'
  const remove = 'unnest($17::uuid[], $18::bigint[]) AS f (id, fence)'
  const living = livingSql(dialect, 't.chunking = $3 AND t.id = f.id AND t.removed_at IS NULL')
  return byKey(
    chunksSql(
      dialect,
      `SELECT ${scope}, i.fence, $3::text, i.id, i.document, i.ordinal, i.start_unit, i.end_unit, i.text, i.metadata,
         i.input_hash, i.heading, i.table_header, NULL::bigint FROM ${upsert}`,
      `SELECT ${scope}, c.fence, c.chunking, c.id, c.document, f.ordinal, f.start_unit, f.end_unit, c.text, c.metadata,
         c.input_hash, c.heading, c.table_header, NULL::bigint FROM ${move} ${living}`,
      `SELECT ${scope}, ${buriedRow} FROM ${remove} ${living}`,
    ),
  )
}

function burySql(dialect: Dialect) {
  const living = livingSql(dialect, 't.document = f.document AND coalesce(t.removed_at, -1) = -1')
  return byKey(
    chunksSql(
      dialect,
      `SELECT ${scope}, ${buriedRow} FROM unnest($3::text[], $4::bigint[]) AS f (document, fence) ${living}`,
    ),
  )
}

const scope = '$1::text, $2::text'

/** Chunks `c` of the scope that go with a row `f`. */
function livingSql({ table }: Dialect, condition: string): string {
  return `CROSS JOIN LATERAL (
      SELECT * FROM ${table('chunks')} t WHERE t.tenant = $1 AND t.collection = $2 AND ${condition} OFFSET 0) c`
}

/**
 * Documents and their chunks in one statement, which is one snapshot: payload and chunks of two different writes would
 * make an entry that never was. A row is a document (no id) or a chunk of it; a tombstone has no text.
 */
function statesSql({ table }: Dialect) {
  // By key for each document, whatever the planner guesses: a batch is not to read all that there are.
  return byKey(
    `WITH asked AS MATERIALIZED (
        SELECT i.at, i.since, i.tenant, i.collection, i.document, d.fence, d.payload_fence, d.payload_hash, ${payload},
          d.deleted_at IS NULL AND d.id IS NOT NULL AS live
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
          WITH ORDINALITY AS i (tenant, collection, document, since, at)
        LEFT JOIN LATERAL (
          SELECT * FROM ${table('documents')} d
          WHERE d.tenant = i.tenant AND d.collection = i.collection AND d.id = i.document OFFSET 0) d ON true)
      SELECT a.at, NULL::uuid AS id, NULL AS text, NULL AS heading, NULL AS table_header, NULL AS input_hash,
        NULL::jsonb AS chunk_metadata, a.fence, false AS removed, -1 AS ordinal, a.live, a.title, a.source, a.status,
        a.content_type, a.leaves, a.payload_hash, a.payload_fence, a.version, a.created_at, a.updated_at
      FROM asked a
      UNION ALL
      SELECT a.at, c.id, c.text, c.heading, c.table_header, c.input_hash, c.metadata, c.fence,
        c.removed_at IS NOT NULL, c.ordinal, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM asked a CROSS JOIN LATERAL (
        SELECT * FROM ${table('chunks')} c
        WHERE c.tenant = a.tenant AND c.collection = a.collection AND c.document = a.document AND c.chunking = $5
        OFFSET 0) c
      WHERE CASE WHEN c.removed_at IS NOT NULL THEN c.fence > a.since
        ELSE a.live AND greatest(c.fence, a.payload_fence) > a.since END
      ORDER BY at, ordinal`,
  )
}
