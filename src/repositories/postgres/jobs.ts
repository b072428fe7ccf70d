import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { type CollectionName, collectionName, type TenantId, tenantId } from '../../core/ids'
import type {
  Backlog,
  ClaimedJob,
  EnqueueOptions,
  JobKey,
  JobRepository,
  JobRow,
  JobTarget,
  NewJob,
  PendingQuery,
} from '../jobs'
import { ClaimFloor } from './claim-floor'
import { jobStatements } from './job-sql'
import { type PostgresRepositoryOptions, run } from './statements'

const mostPending = 1000

/** The outbox in Postgres. `floor` is shared by the sessions of one process. */
export class PostgresJobRepository implements JobRepository {
  readonly #executor: Executor
  readonly #sql: ReturnType<typeof jobStatements>
  readonly #floor: ClaimFloor

  constructor(executor: Executor, options?: PostgresRepositoryOptions, floor = new ClaimFloor()) {
    this.#executor = executor
    this.#sql = jobStatements(options)
    this.#floor = floor
  }

  async enqueue(jobs: readonly NewJob[], { claim, mends = false }: EnqueueOptions = {}): Promise<ClaimedJob[]> {
    if (jobs.length === 0) return []
    const values = [
      ...keyArrays(jobs),
      jobs.map(({ since }) => since),
      jobs.map(({ fence }) => fence),
      claim?.token ?? null,
      claim?.leaseMs ?? null,
      mends,
    ]
    const { rows } = await run<StoredClaim>(this.#executor, this.#sql.enqueue, values)
    return claim ? rows.map((row) => claimOf(row, claim.token)) : []
  }

  async claim(
    options: {
      readonly targets: readonly JobTarget[]
      readonly limit: number
      readonly token: string
      readonly leaseMs: number
    },
    call?: CallOptions,
  ): Promise<ClaimedJob[]> {
    const { targets, limit, token, leaseMs } = options
    if (!Number.isInteger(limit) || limit < 1 || limit > 100_000) {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `limit must be a whole number from 1 to 100,000, got ${limit}`, {
        path: 'limit',
      })
    }
    const floor = this.#floor.of(targets)
    const values = [targets, token, leaseMs]
    const claimed: StoredClaim[] = []
    for (const from of floor === undefined ? [undefined] : [floor, undefined]) {
      const text = this.#sql.claim(limit - claimed.length, from !== undefined)
      const { rows } = await run<StoredClaim>(
        this.#executor,
        { text },
        from === undefined ? values : [...values, from],
        call,
      )
      claimed.push(...rows)
      if (claimed.length >= limit) break
    }
    this.#floor.note(targets, claimed.length >= limit ? claimed[0]?.was_due : undefined)
    return claimed.map((row) => claimOf(row, token))
  }

  async renew(token: string, leaseMs: number): Promise<number> {
    const { rowCount } = await run(this.#executor, this.#sql.renew, [token, leaseMs])
    return rowCount
  }

  async complete(
    done: readonly (JobKey & { readonly applied: number; readonly epoch: number })[],
    token: string,
  ): Promise<number> {
    if (done.length === 0) return 0
    const values = [token, ...keyArrays(done), done.map(({ applied }) => applied), done.map(({ epoch }) => epoch)]
    const { rowCount } = await run(this.#executor, this.#sql.complete, values)
    if (rowCount < done.length) await run(this.#executor, this.#sql.free, values)
    return rowCount
  }

  async release(
    token: string,
    { keys, delayMs }: { readonly keys?: readonly JobKey[]; readonly delayMs: number },
  ): Promise<void> {
    if (keys === undefined) await run(this.#executor, this.#sql.releaseAll, [token, delayMs])
    else if (keys.length > 0) await run(this.#executor, this.#sql.release, [token, ...keyArrays(keys), delayMs])
  }

  async fail(
    failures: readonly (JobKey & { readonly reason: string; readonly delayMs: number })[],
    token: string,
    { maxAttempts }: { readonly maxAttempts: number },
  ): Promise<void> {
    if (failures.length === 0) return
    const reasons = failures.map(({ reason }) => reason)
    const delays = failures.map(({ delayMs }) => delayMs)
    await run(this.#executor, this.#sql.fail, [token, ...keyArrays(failures), reasons, delays, maxAttempts])
  }

  async pending(query: PendingQuery, call?: CallOptions): Promise<JobRow[]> {
    const values: unknown[] = [query.tenant, query.upTo]
    let where = 'tenant = $1 AND first <= $2'
    if (query.targets) where += ` AND target = ANY($${values.push(query.targets)}::text[])`
    if (query.collection !== undefined) where += ` AND collection = $${values.push(query.collection)}`
    if (query.documents) where += ` AND document = ANY($${values.push(query.documents)}::text[])`
    const part = (state: string): string =>
      `(${this.#sql.rows} ${where} AND parked_at IS ${state} ORDER BY first LIMIT ${mostPending})`
    const text = `SELECT * FROM (${part('NOT NULL')} UNION ALL ${part('NULL')}) p
      ORDER BY parked DESC, first LIMIT ${mostPending}`
    const { rows } = await run<StoredJob>(this.#executor, { text }, values, call)
    return rows.map(rowOf)
  }

  async covered(
    target: JobTarget,
    collection: CollectionName,
    documents: readonly { readonly tenant: TenantId; readonly document: string }[],
  ): Promise<boolean[]> {
    if (documents.length === 0) return []
    const tenants = documents.map(({ tenant }) => tenant)
    const names = documents.map(({ document }) => document)
    const values = [target, collection, tenants, names]
    const { rows } = await run<{ covered: boolean }>(this.#executor, this.#sql.covered, values)
    return rows.map(({ covered }) => covered)
  }

  async backlog(tenant?: TenantId, call?: CallOptions): Promise<Backlog> {
    const { rows } = await run<StoredBacklog>(this.#executor, this.#sql.backlog, [tenant ?? null], call)
    const { waiting, claimed, parked, oldest, any_open: open } = rows[0]!
    return {
      waiting: Number(waiting),
      claimed: Number(claimed),
      parked: Number(parked),
      oldestMs: open ? Number(oldest) : null,
    }
  }

  async parked(options: {
    readonly tenant?: TenantId | undefined
    readonly target?: JobTarget | undefined
    readonly limit: number
  }): Promise<JobRow[]> {
    const values: unknown[] = []
    let where = 'parked_at IS NOT NULL'
    if (options.tenant !== undefined) where += ` AND tenant = $${values.push(options.tenant)}`
    if (options.target !== undefined) where += ` AND target = $${values.push(options.target)}`
    const text = `${this.#sql.rows} ${where} ORDER BY first LIMIT $${values.push(options.limit)}::bigint`
    const { rows } = await run<StoredJob>(this.#executor, { text }, values)
    return rows.map(rowOf)
  }

  async freeClaims(): Promise<number> {
    const { rowCount } = await run(this.#executor, this.#sql.freeClaims, [])
    return rowCount
  }

  async redrive(options: {
    readonly tenant?: TenantId | undefined
    readonly target?: JobTarget | undefined
  }): Promise<number> {
    const values = [options.tenant ?? null, options.target ?? null]
    const { rowCount } = await run(this.#executor, this.#sql.redrive, values)
    return rowCount
  }
}

function keyArrays(keys: readonly JobKey[]): string[][] {
  return [
    keys.map(({ target }) => target),
    keys.map(({ tenant }) => tenant),
    keys.map(({ collection }) => collection),
    keys.map(({ document }) => document),
  ]
}

interface StoredKey {
  readonly target: JobTarget
  readonly tenant: string
  readonly collection: string
  readonly document: string
  readonly since: number | string
  readonly fence: number | string
  readonly attempts: number
}

interface StoredClaim extends StoredKey {
  readonly epoch: number | string
  /** Of `claim` alone, to the microsecond. */
  readonly was_due?: string
}

interface StoredJob extends StoredKey {
  readonly first: number | string
  readonly parked: boolean
  readonly reason: string | null
  readonly created_at: number | string
}

interface StoredBacklog {
  readonly waiting: number | string
  readonly claimed: number | string
  readonly parked: number | string
  readonly oldest: number | string | null
  readonly any_open: boolean | null
}

function jobOf(row: StoredKey): NewJob & { readonly attempts: number } {
  return {
    target: row.target,
    tenant: tenantId(row.tenant),
    collection: collectionName(row.collection),
    document: row.document,
    since: Number(row.since),
    fence: Number(row.fence),
    attempts: row.attempts,
  }
}

function claimOf(row: StoredClaim, token: string): ClaimedJob {
  // Written out, for many come at once: spreading a job into each costs several times as much.
  return {
    target: row.target,
    tenant: tenantId(row.tenant),
    collection: collectionName(row.collection),
    document: row.document,
    since: Number(row.since),
    fence: Number(row.fence),
    attempts: row.attempts,
    token,
    epoch: Number(row.epoch),
  }
}

function rowOf(row: StoredJob): JobRow {
  const { first, parked, reason, created_at: createdAt } = row
  return { ...jobOf(row), first: Number(first), parked, reason, createdAt: Number(createdAt) }
}
