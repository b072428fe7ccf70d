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
  SettledJob,
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
    const values = [...keyArrays(jobs), jobs.map(({ since }) => since), jobs.map(({ fence }) => fence)]
    if (!claim) {
      await run(this.#executor, this.#sql.enqueue, [...values, mends])
      return []
    }
    const { token, leaseMs } = claim
    const { rows } = await run<StoredClaim>(this.#executor, this.#sql.hold, [...values, token, leaseMs, mends])
    return rows.map((row) => claimOf(row, token))
  }

  async claim(
    options: {
      readonly targets: readonly JobTarget[]
      readonly except?: readonly CollectionName[] | undefined
      readonly limit: number
      readonly token: string
      readonly leaseMs: number
    },
    call?: CallOptions,
  ): Promise<ClaimedJob[]> {
    const { targets, except = [], limit, token, leaseMs } = options
    if (!Number.isInteger(limit) || limit < 1 || limit > 100_000) {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `limit must be a whole number from 1 to 100,000, got ${limit}`, {
        path: 'limit',
      })
    }
    const values = [targets, token, leaseMs]
    const claimed: StoredClaim[] = []
    const take = async (from: string | undefined): Promise<void> => {
      const isWhole = except.length === 0
      const text = this.#sql.claim(
        limit - claimed.length,
        isWhole ? (from === undefined ? 'all' : 'floored') : 'except',
      )
      const bound = isWhole ? (from === undefined ? values : [...values, from]) : [...values, except]
      claimed.push(...(await run<StoredClaim>(this.#executor, { text }, bound, call)).rows)
    }
    // What is left to others may be older than all that is taken.
    const floor = except.length > 0 ? undefined : this.#floor.of(targets)
    if (floor !== undefined) await take(floor)
    if (claimed.length < limit) await take(undefined)
    const isFull = claimed.length >= limit
    if (except.length === 0) this.#floor.note(targets, isFull ? claimed[0]?.was_due : undefined)
    // Who has enough to do looks for what others have left from time to time.
    if ((!isFull || this.#floor.looks()) && (await this.#expire(token, call)) && !isFull) await take(undefined)
    return claimed.map((row) => claimOf(row, token))
  }

  /** Gives back what claims hold whose lease has run out, one after the other. False where there was none. */
  async #expire(token: string, call?: CallOptions): Promise<boolean> {
    for (let expired = 0; ; expired++) {
      const from = [this.#floor.leases(), token]
      const { rows } = await run<{ gone: boolean; at: number | string }>(this.#executor, this.#sql.expire, from, call)
      const { gone, at } = rows[0]!
      if (gone) continue
      this.#floor.noLease(Number(at))
      return expired > 0
    }
  }

  async renew(token: string, leaseMs: number): Promise<number> {
    const { rows } = await run<{ jobs: number | string }>(this.#executor, this.#sql.renew, [token, leaseMs])
    return Number(rows[0]!.jobs)
  }

  async settle(
    tokens: readonly string[],
    collection: CollectionName,
    outcomes: readonly SettledJob[] = [],
  ): Promise<number> {
    const delayOf = (one: SettledJob): number | null => {
      if ('delayMs' in one) return one.delayMs
      return 'releasedMs' in one ? one.releasedMs : null
    }
    const { rows } = await run<{ done: number | string }>(this.#executor, this.#sql.settle, [
      tokens,
      collection,
      outcomes.map(({ target }) => target),
      outcomes.map(({ tenant }) => tenant),
      outcomes.map(({ document }) => document),
      outcomes.map((one) => ('applied' in one ? one.applied : null)),
      outcomes.map(delayOf),
      outcomes.map((one) => ('reason' in one ? one.reason : null)),
      outcomes.map((one) => 'parks' in one && one.parks),
    ])
    return Number(rows[0]!.done)
  }

  async pending(query: PendingQuery, call?: CallOptions): Promise<JobRow[]> {
    const { tenant, upTo, targets, collection, documents } = query
    const values: unknown[] = [tenant, upTo]
    const among = (column: string, list: readonly string[]): string =>
      ` AND ${column} = ANY($${values.push(list)}::text[])`
    let jobs = 'tenant = $1 AND first <= $2'
    let claims = 'c.tenant = $1'
    let claimed = ' AND i.first <= $2'
    if (targets) {
      jobs += among('target', targets)
      claimed += ` AND t.target = ANY($${values.length}::text[])`
    }
    if (collection !== undefined) {
      jobs += ` AND collection = $${values.push(collection)}`
      claims += ` AND c.collection = $${values.length}`
    }
    if (documents) {
      jobs += among('document', documents)
      claims += ` AND c.marks && ${this.#sql.marksOf(`$${values.length}::text[]`)}`
      claimed += ` AND i.document = ANY($${values.length}::text[])`
    }
    const part = (state: string): string =>
      `(${this.#sql.waiting} ${jobs} AND parked_at IS ${state} ORDER BY first LIMIT ${mostPending})`
    const text = `SELECT * FROM (${part('NOT NULL')} UNION ALL ${part('NULL')}
        UNION ALL (${this.#sql.claimed(claims)}${claimed} LIMIT ${mostPending})) p
      ORDER BY parked DESC, first LIMIT ${mostPending}`
    const { rows } = await run<StoredJob>(this.#executor, { text }, values, call)
    return rows.map(rowOf)
  }

  async covered(
    target: JobTarget,
    collection: CollectionName,
    documents: readonly { readonly tenant: TenantId; readonly document: string; readonly fence?: number | undefined }[],
  ): Promise<boolean[]> {
    if (documents.length === 0) return []
    const tenants = documents.map(({ tenant }) => tenant)
    const names = documents.map(({ document }) => document)
    const fences = documents.map(({ fence }) => fence ?? null)
    const values = [target, collection, tenants, names, fences]
    const { rows } = await run<{ covered: boolean }>(this.#executor, this.#sql.covered, values)
    return rows.map(({ covered }) => covered)
  }

  async backlog(tenant?: TenantId, call?: CallOptions): Promise<Backlog> {
    const { rows } = await run<StoredBacklog>(this.#executor, this.#sql.backlog, [tenant ?? null], call)
    const { waiting, claimed, parked, oldest } = rows[0]!
    return {
      waiting: Number(waiting),
      claimed: Number(claimed),
      parked: Number(parked),
      oldestMs: oldest === null ? null : Number(oldest),
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
    const text = `${this.#sql.waiting} ${where} ORDER BY first LIMIT $${values.push(options.limit)}::bigint`
    const { rows } = await run<StoredJob>(this.#executor, { text }, values)
    return rows.map(rowOf)
  }

  async freeClaims(): Promise<number> {
    const { rows } = await run<{ jobs: number | string }>(this.#executor, this.#sql.freeClaims, [])
    return Number(rows[0]!.jobs)
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
