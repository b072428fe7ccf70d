import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import type { Scope, TenantId } from '../../core/ids'
import { oneRun, vectorFromBytes } from '../../embeddings/vector-codec'
import type { EmbeddingRepository } from '../embeddings'
import { byKey, now, nowMs, type PostgresRepositoryOptions, run, statements } from './statements'

const embeddingStatements = statements(({ table }) => {
  const embeddings = table('embeddings')
  const reservations = table('embedding_reservations')
  return {
    // Each by itself: before the first ANALYZE a list of hashes would read all that the tenant has.
    get: byKey(
      `SELECT e.input_hash, e.vector FROM unnest($3::text[]) AS wanted (hash)
       CROSS JOIN LATERAL (SELECT t.input_hash, t.vector FROM ${embeddings} t
         WHERE t.tenant = $1 AND t.fingerprint = $2 AND t.input_hash = wanted.hash OFFSET 0) e`,
    ),
    ofChunks: byKey(
      `SELECT c.id, e.vector FROM unnest($5::uuid[]) AS wanted (id)
       CROSS JOIN LATERAL (
         SELECT c.tenant, c.id, c.input_hash FROM ${table('chunks')} c
         WHERE c.tenant = $1 AND c.collection = $2 AND c.chunking = $3 AND c.id = wanted.id AND c.removed_at IS NULL
         OFFSET 0) c
       CROSS JOIN LATERAL (SELECT t.vector FROM ${embeddings} t
         WHERE t.tenant = c.tenant AND t.fingerprint = $4 AND t.input_hash = c.input_hash OFFSET 0) e`,
    ),
    set: byKey(
      `INSERT INTO ${embeddings} (tenant, fingerprint, input_hash, stored_at, vector)
       SELECT $1::text, $2::text, i.input_hash, ${nowMs}, substring($6::bytea FROM i.start FOR i.length)
       FROM unnest($3::text[], $4::int[], $5::int[]) AS i (input_hash, start, length)
       ORDER BY i.input_hash COLLATE "C" ON CONFLICT DO NOTHING`,
    ),
    reserve: {
      text: `INSERT INTO ${reservations} AS r (tenant, fingerprint, input_hash, token, until)
        SELECT $1::text, $2::text, i.input_hash, $4::text, ${now} + $5::bigint * interval '1 ms'
        FROM unnest($3::text[]) AS i (input_hash) ORDER BY i.input_hash COLLATE "C"
        ON CONFLICT (tenant, fingerprint, input_hash) DO UPDATE SET token = excluded.token, until = excluded.until
          WHERE r.token = excluded.token OR r.until <= ${now}
        RETURNING input_hash`,
    },
    unreserve: {
      text: `WITH held AS MATERIALIZED (
          SELECT input_hash FROM ${reservations}
          WHERE tenant = $1 AND fingerprint = $2 AND input_hash = ANY($3::text[]) AND token = $4
          ORDER BY input_hash FOR UPDATE)
        DELETE FROM ${reservations} r USING held
        WHERE r.tenant = $1 AND r.fingerprint = $2 AND r.input_hash = held.input_hash`,
    },
    purge: {
      text: `WITH unused AS MATERIALIZED (
          SELECT e.tenant, e.fingerprint, e.input_hash FROM ${embeddings} e
          WHERE e.stored_at < $1 AND NOT EXISTS (
            SELECT FROM ${table('chunks')} c
            WHERE c.input_hash = e.input_hash AND c.tenant = e.tenant AND c.removed_at IS NULL)
          ORDER BY e.stored_at LIMIT $2 FOR UPDATE OF e SKIP LOCKED),
        abandoned AS (DELETE FROM ${reservations} WHERE until < ${now} - interval '1 day')
        DELETE FROM ${embeddings} e USING unused u
        WHERE e.tenant = u.tenant AND e.fingerprint = u.fingerprint AND e.input_hash = u.input_hash`,
    },
  }
})

/** Vectors in Postgres as float32 bytes, so that no extension is needed. */
export class PostgresEmbeddingRepository implements EmbeddingRepository {
  readonly #executor: Executor
  readonly #sql: ReturnType<typeof embeddingStatements>

  constructor(executor: Executor, options?: PostgresRepositoryOptions) {
    this.#executor = executor
    this.#sql = embeddingStatements(options)
  }

  async getMany(
    tenant: TenantId,
    fingerprint: string,
    inputHashes: readonly string[],
    call?: CallOptions,
  ): Promise<Map<string, Float32Array>> {
    if (inputHashes.length === 0) return new Map()
    const values = [tenant, fingerprint, [...new Set(inputHashes)]]
    const { rows } = await run<{ input_hash: string; vector: Buffer }>(this.#executor, this.#sql.get, values, call)
    return new Map(rows.map((row) => [row.input_hash, vectorFromBytes(row.vector)]))
  }

  async ofChunks(
    { tenant, collection }: Scope,
    chunking: string,
    fingerprint: string,
    ids: readonly string[],
    call?: CallOptions,
  ): Promise<Map<string, Float32Array>> {
    if (ids.length === 0) return new Map()
    const values = [tenant, collection, chunking, fingerprint, ids]
    const { rows } = await run<{ id: string; vector: Buffer }>(this.#executor, this.#sql.ofChunks, values, call)
    return new Map(rows.map((row) => [row.id, vectorFromBytes(row.vector)]))
  }

  async setMany(
    tenant: TenantId,
    fingerprint: string,
    entries: readonly { readonly inputHash: string; readonly vector: Float32Array }[],
    call?: CallOptions,
  ): Promise<void> {
    if (entries.length === 0) return
    const byHash = new Map(entries.map(({ inputHash, vector }) => [inputHash, vector]))
    const { hashes, starts, lengths, bytes } = oneRun(byHash)
    const values = [tenant, fingerprint, hashes, starts, lengths, bytes]
    await run(this.#executor, this.#sql.set, values, call)
  }

  async reserve(
    tenant: TenantId,
    fingerprint: string,
    inputHashes: readonly string[],
    { token, leaseMs }: { readonly token: string; readonly leaseMs: number },
    call?: CallOptions,
  ): Promise<string[]> {
    const values = [tenant, fingerprint, [...new Set(inputHashes)], token, leaseMs]
    const { rows } = await run<{ input_hash: string }>(this.#executor, this.#sql.reserve, values, call)
    return rows.map((row) => row.input_hash)
  }

  async unreserve(tenant: TenantId, fingerprint: string, inputHashes: readonly string[], token: string): Promise<void> {
    await run(this.#executor, this.#sql.unreserve, [tenant, fingerprint, inputHashes, token])
  }

  async purge({ before, limit }: { before: number; limit: number }): Promise<number> {
    const { rowCount } = await run(this.#executor, this.#sql.purge, [before, limit])
    return rowCount
  }
}
