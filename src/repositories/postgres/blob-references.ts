import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { CollectionName, TenantId } from '../../core/ids'
import { type BlobReference, type BlobReferenceRepository, removalMs } from '../blob-references'
import { byKey, nowMs, type PostgresRepositoryOptions, run, statements } from './statements'

const referenceStatements = statements(({ table, guard }) => {
  const documents = table('documents')
  const removals = table('blob_removals')
  const lockOf = `hashtextextended('headwater:blob:'::text || $1::text || '/'::text || u.key, 0::bigint)`
  const keys = 'unnest($2::text[]) AS u (key)'
  return {
    isolation: { text: `SELECT current_setting('transaction_isolation') AS isolation` },
    hold: {
      text: guard(
        'blob-hold',
        `SELECT pg_advisory_xact_lock_shared(${lockOf}) FROM ${keys}`,
        `SELECT $1::text, $2::text[]`,
      ),
    },
    condemned: {
      text: `SELECT key FROM ${removals}
        WHERE tenant = $1 AND key = ANY($2::text[]) AND begun_at > ${nowMs} - ${removalMs}`,
    },
    referenced: byKey(
      `SELECT DISTINCT blob_key AS key FROM ${documents} WHERE tenant = $1 AND blob_key = ANY($2::text[])`,
    ),
    /** Never waits: whoever holds a key is about to own it. */
    free: { text: `SELECT u.key FROM ${keys} WHERE pg_try_advisory_xact_lock(${lockOf})` },
    condemn: {
      text: `INSERT INTO ${removals} AS r (tenant, key, begun_at)
        SELECT $1::text, u.key, ${nowMs} FROM ${keys}
        WHERE NOT EXISTS (SELECT FROM ${documents} d WHERE d.tenant = $1 AND d.blob_key = u.key)
        ON CONFLICT (tenant, key) DO UPDATE SET begun_at = excluded.begun_at
          WHERE r.begun_at <= excluded.begun_at - ${removalMs}
        RETURNING key`,
    },
    release: {
      text: `DELETE FROM ${removals}
        WHERE tenant = $1 AND (key = ANY($2::text[]) OR begun_at <= ${nowMs} - ${removalMs})`,
    },
    list: byKey(
      `SELECT blob_key, collection, id, blob_size FROM ${documents}
       WHERE tenant = $1 AND blob_key IS NOT NULL AND (blob_key, collection, id) > ($2, $3, $4)
       ORDER BY blob_key, collection, id LIMIT $5::bigint`,
    ),
    tenants: {
      text: `SELECT DISTINCT tenant FROM ${documents}
        WHERE blob_key IS NOT NULL AND tenant > $1 ORDER BY tenant LIMIT $2::bigint`,
    },
  }
})

/** Owners of blobs in Postgres. To hold is a shared advisory lock, to condemn needs it exclusively. */
export class PostgresBlobReferenceRepository implements BlobReferenceRepository {
  readonly #executor: Executor
  readonly #sql: ReturnType<typeof referenceStatements>

  constructor(executor: Executor, options?: PostgresRepositoryOptions) {
    this.#executor = executor
    this.#sql = referenceStatements(options)
  }

  async hold(tenant: TenantId, keys: readonly string[]): Promise<string[]> {
    if (keys.length === 0) return []
    const { rows } = await run<{ isolation: string }>(this.#executor, this.#sql.isolation)
    const { isolation } = rows[0]!
    // A snapshot from before the lock would not show what was condemned since.
    if (isolation !== 'read committed') {
      throw new HeadwaterError(
        'HW_INVALID_ARGUMENT',
        `transaction: a document takes a blob in a READ COMMITTED transaction only, this one is ${isolation}`,
        { path: 'transaction' },
      )
    }
    await run(this.#executor, this.#sql.hold, [tenant, keys])
    return this.#keys(this.#sql.condemned, [tenant, keys])
  }

  async referenced(tenant: TenantId, keys: readonly string[], call?: CallOptions): Promise<string[]> {
    return keys.length === 0 ? [] : this.#keys(this.#sql.referenced, [tenant, keys], call)
  }

  async condemn(tenant: TenantId, keys: readonly string[]): Promise<string[]> {
    if (keys.length === 0) return []
    // A statement of its own: the next one sees whatever was committed before a lock was had.
    const free = await this.#keys(this.#sql.free, [tenant, keys])
    return free.length === 0 ? [] : this.#keys(this.#sql.condemn, [tenant, free])
  }

  async release(tenant: TenantId, keys: readonly string[]): Promise<void> {
    await run(this.#executor, this.#sql.release, [tenant, keys])
  }

  async list(
    tenant: TenantId,
    { after, limit }: { readonly after?: BlobReference | undefined; readonly limit: number },
    call?: CallOptions,
  ): Promise<BlobReference[]> {
    const values = [tenant, after?.key ?? '', after?.collection ?? '', after?.document ?? '', limit]
    const { rows } = await run<StoredReference>(this.#executor, this.#sql.list, values, call)
    return rows.map(({ blob_key, collection, id, blob_size }) => ({
      key: blob_key,
      collection,
      document: id,
      size: Number(blob_size),
    }))
  }

  async tenants(
    { after, limit }: { readonly after?: TenantId | undefined; readonly limit: number },
    call?: CallOptions,
  ): Promise<TenantId[]> {
    const { rows } = await run<{ tenant: TenantId }>(this.#executor, this.#sql.tenants, [after ?? '', limit], call)
    return rows.map(({ tenant }) => tenant)
  }

  async #keys(statement: { text: string }, values: readonly unknown[], call?: CallOptions): Promise<string[]> {
    const { rows } = await run<{ key: string }>(this.#executor, statement, values, call)
    return rows.map(({ key }) => key)
  }
}

interface StoredReference {
  readonly blob_key: string
  readonly collection: CollectionName
  readonly id: string
  readonly blob_size: number | string
}
