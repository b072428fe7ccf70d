import type { Executor } from '../../connections/postgres/executor'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { Json } from '../../core/json'
import type { CommitRepository } from '../commits'
import { byKey, nowMs, type PostgresRepositoryOptions, run, statements } from './statements'

const commitStatements = statements(({ table, guard }) => {
  const commits = table('commits')
  const found = `SELECT request_hash, receipt, refuted FROM ${commits} WHERE tenant = $1 AND key = $2`
  return {
    // ON CONFLICT waits for a transaction that holds the key, so that the answer is final.
    begin: byKey(
      guard(
        'idempotency',
        `INSERT INTO ${commits} (tenant, key, request_hash, created_at) VALUES ($1, $2, $3, ${nowMs})
         ON CONFLICT DO NOTHING RETURNING true AS begun`,
        `SELECT true AS begun FROM (SELECT $1::text AS tenant, $2::text AS key, $3::text) i
         WHERE NOT EXISTS (SELECT FROM ${commits} c WHERE c.tenant = i.tenant AND c.key = i.key)`,
      ),
    ),
    found: byKey(found),
    finish: byKey(`UPDATE ${commits} SET receipt = $3::jsonb WHERE tenant = $1 AND key = $2`),
    refute: byKey(
      guard(
        'refute-by-insert',
        `INSERT INTO ${commits} (tenant, key, request_hash, refuted, created_at) VALUES ($1, $2, '', true, ${nowMs})
         ON CONFLICT DO NOTHING RETURNING true AS refuted`,
        `SELECT true AS refuted FROM (SELECT $1::text AS tenant, $2::text AS key) i
         WHERE NOT EXISTS (SELECT FROM ${commits} c WHERE c.tenant = i.tenant AND c.key = i.key)`,
      ),
    ),
    purge: {
      text: `WITH old AS MATERIALIZED (
          SELECT tenant, key FROM ${commits} WHERE created_at < $1
          ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        DELETE FROM ${commits} c USING old WHERE c.tenant = old.tenant AND c.key = old.key`,
    },
  }
})

interface StoredCommit {
  readonly request_hash: string
  readonly receipt: Json
  readonly refuted: boolean
}

const tries = 5

export class PostgresCommitRepository implements CommitRepository {
  readonly #executor: Executor
  readonly #sql: ReturnType<typeof commitStatements>

  constructor(executor: Executor, options?: PostgresRepositoryOptions) {
    this.#executor = executor
    this.#sql = commitStatements(options)
  }

  async begin(
    tenant: TenantId,
    key: string,
    requestHash: string,
  ): Promise<{ readonly requestHash: string; readonly receipt: Json } | null> {
    const held = await this.#take(tenant, key, () => run(this.#executor, this.#sql.begin, [tenant, key, requestHash]))
    return held && { requestHash: held.request_hash, receipt: held.receipt }
  }

  async finish(tenant: TenantId, key: string, receipt: Json): Promise<void> {
    await run(this.#executor, this.#sql.finish, [tenant, key, JSON.stringify(receipt)])
  }

  async refute(tenant: TenantId, key: string): Promise<boolean> {
    const held = await this.#take(tenant, key, () => run(this.#executor, this.#sql.refute, [tenant, key]))
    return held?.refuted ?? true
  }

  async find(tenant: TenantId, key: string): Promise<{ readonly receipt: Json } | null> {
    const held = await this.#found(tenant, key)
    return held?.refuted === false ? { receipt: held.receipt } : null
  }

  async purge({ before, limit }: { before: number; limit: number }): Promise<number> {
    const { rowCount } = await run(this.#executor, this.#sql.purge, [before, limit])
    return rowCount
  }

  /** Null when the key is taken by this call, else who holds it. A row may be purged between the two statements. */
  async #take(
    tenant: TenantId,
    key: string,
    insert: () => Promise<{ readonly rows: readonly unknown[] }>,
  ): Promise<StoredCommit | null> {
    for (let attempt = 1; attempt <= tries; attempt++) {
      const { rows } = await insert()
      if (rows.length > 0) return null
      const held = await this.#found(tenant, key)
      if (held) return held
    }
    throw new HeadwaterError('HW_CONFLICT', `The key ${JSON.stringify(key)} could neither be taken nor read`)
  }

  async #found(tenant: TenantId, key: string): Promise<StoredCommit | undefined> {
    const { rows } = await run<StoredCommit>(this.#executor, this.#sql.found, [tenant, key])
    return rows[0]
  }
}
