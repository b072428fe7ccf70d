/** Chunks with stored vectors, put straight into the tables of a schema: a bench of rebuilds needs no ingest. */
import type pg from 'pg'

export interface BenchTruth {
  readonly fingerprint: string
  readonly chunking: string
}

/** Documents of one chunk each, of 20 tenants unless told otherwise, with a little metadata and a text of some 300 characters. */
export async function fillTruth(client: pg.Client, schema: string, count: number, dimensions: number, tenants = 20) {
  const { rows } = await client.query(
    `SELECT fingerprint, chunking FROM ${schema}.generations WHERE target = 'vector' AND state = 'live'`,
  )
  const truth: BenchTruth = rows[0]
  const step = 50_000
  for (let from = 1; from <= count; from += step) {
    const values = [from, Math.min(count, from + step - 1)]
    const series = `(SELECT i, 'tenant-' || i % ${tenants} AS tenant, 'document-' || i AS document, md5(i::text) AS hash
      FROM generate_series($1::int, $2::int) i) s`
    await client.query(
      `INSERT INTO ${schema}.documents (tenant, collection, id, version, fence, payload_fence, created_at, updated_at,
         deleted_at, content_hash, payload_hash, source, title, leaves, metadata, text)
       SELECT tenant, 'documents', document, 1, i, i, 1700000000000, 1700000000000, NULL, hash, md5('payload' || i),
         'bench', 'Document ' || i, jsonb_build_object('s:section', array['s' || i % 9], 'n:year', array[2000 + i % 25]),
         jsonb_build_object('section', 's' || i % 9, 'year', 2000 + i % 25), '' FROM ${series}`,
      values,
    )
    await client.query(
      `INSERT INTO ${schema}.chunks (tenant, collection, chunking, id, document, fence, ordinal, start_unit, end_unit,
         input_hash, metadata, text)
       SELECT tenant, 'documents', '${truth.chunking}', gen_random_uuid(), document, i, 0, 0, 300, hash, '{}',
         (SELECT string_agg('w' || (i % 5000) * w * 7919 % 5000, ' ') FROM generate_series(1, 50) w)
       FROM ${series}`,
      values,
    )
    // Four numbers a digest; with this last byte each is between 0.5 and 2.
    await client.query(
      `INSERT INTO ${schema}.embeddings (tenant, fingerprint, input_hash, stored_at, vector)
       SELECT tenant, '${truth.fingerprint}', hash, 0, decode(regexp_replace(
         (SELECT string_agg(md5(i || '/' || part), '') FROM generate_series(1, ${dimensions / 4}) part),
         '(.{6})..', '\\13f', 'g'), 'hex') FROM ${series}`,
      values,
    )
  }
  // As autovacuum does within a minute.
  for (const table of ['documents', 'chunks', 'embeddings']) await client.query(`VACUUM ANALYZE ${schema}.${table}`)
  return truth
}
