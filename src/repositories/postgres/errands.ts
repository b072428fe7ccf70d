import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import type { TenantId } from '../../core/ids'
import type { Json } from '../../core/json'
import type {
  ClaimedErrand,
  ErrandBacklog,
  ErrandClaim,
  ErrandClaimOptions,
  ErrandFilter,
  ErrandOutcome,
  ErrandRepository,
  NewErrand,
  ParkedErrand,
} from '../errands'
import { ErrandFloors } from './errand-floors'
import { errandStatements } from './errand-sql'
import { type PostgresRepositoryOptions, run } from './statements'

/** Errands in Postgres. `floors` are shared by the sessions of one process. */
export class PostgresErrandRepository implements ErrandRepository {
  readonly #executor: Executor
  readonly #sql: ReturnType<typeof errandStatements>
  readonly #floors: ErrandFloors

  constructor(executor: Executor, options?: PostgresRepositoryOptions, floors = new ErrandFloors()) {
    this.#executor = executor
    this.#sql = errandStatements(options)
    this.#floors = floors
  }

  async add({ id, tenant, name, payload }: NewErrand): Promise<void> {
    await run(this.#executor, this.#sql.add, [id, tenant, name, JSON.stringify(payload)])
  }

  async claim({ names, limit, token, leaseMs }: ErrandClaimOptions, call?: CallOptions): Promise<ClaimedErrand[]> {
    if (names.length === 0 || limit === 0) return []
    const values = [names, this.#floors.of(names), token, leaseMs]
    const { rows } = await run<StoredErrand>(this.#executor, this.#sql.claim(limit), values, call)
    for (const name of names) {
      const dues = rows.filter((row) => row.name === name).map((row) => row.was_due!)
      this.#floors.note(name, dues.length === limit ? [...dues].sort()[0] : undefined)
    }
    return rows.map((row) => ({ ...errandOf(row), token, attempt: row.attempts, reason: row.reason }))
  }

  async renew(claims: readonly ErrandClaim[], leaseMs: number): Promise<ErrandClaim[]> {
    if (claims.length === 0) return []
    const values = [claims.map(({ id }) => id), claims.map(({ token }) => token), leaseMs]
    const { rows } = await run<{ id: string; token: string }>(this.#executor, this.#sql.renew, values)
    return rows.map(({ id, token }) => ({ id, token }))
  }

  async settle({ id, token }: ErrandClaim, outcome: ErrandOutcome): Promise<boolean> {
    const ended = 'done' in outcome ? this.#sql.done : 'released' in outcome ? this.#sql.released : this.#sql.failed
    const more = 'reason' in outcome ? [outcome.reason, Math.ceil(outcome.delayMs), outcome.parks] : []
    return (await run(this.#executor, ended, [id, token, ...more])).rowCount > 0
  }

  async backlog(call?: CallOptions): Promise<ErrandBacklog[]> {
    const { rows } = await run<StoredBacklog>(this.#executor, this.#sql.backlog, [], call)
    return rows.map(({ name, waiting, claimed, parked, oldest }) => ({
      name,
      waiting: Number(waiting),
      claimed: Number(claimed),
      parked: Number(parked),
      oldestMs: oldest === null ? null : Number(oldest),
    }))
  }

  async parked({ tenant, name, limit }: ErrandFilter & { readonly limit: number }): Promise<ParkedErrand[]> {
    const values = [tenant ?? null, name ?? null, limit]
    const { rows } = await run<StoredErrand>(this.#executor, this.#sql.parked, values)
    return rows.map((row) => ({ ...errandOf(row), attempts: row.attempts, reason: row.reason }))
  }

  async redrive({ tenant, name }: ErrandFilter): Promise<number> {
    return (await run(this.#executor, this.#sql.redrive, [tenant ?? null, name ?? null])).rowCount
  }

  async freeClaims(): Promise<number> {
    return (await run(this.#executor, this.#sql.freeClaims)).rowCount
  }
}

interface StoredErrand {
  readonly id: string
  readonly tenant: string
  readonly name: string
  readonly payload: Json
  readonly attempts: number
  readonly reason: string | null
  readonly created_at: number | string
  /** Of `claim` alone, to the microsecond. */
  readonly was_due?: string
}

interface StoredBacklog {
  readonly name: string
  readonly waiting: number | string
  readonly claimed: number | string
  readonly parked: number | string
  readonly oldest: number | string | null
}

/** The installation's own name is none that `tenantId` lets through. */
function errandOf(row: StoredErrand): NewErrand & { readonly createdAt: number } {
  const { id, name, payload } = row
  return { id, tenant: row.tenant as TenantId, name, payload, createdAt: Number(row.created_at) }
}
