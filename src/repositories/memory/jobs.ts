import type { CallOptions } from '../../core/abort'
import type { CollectionName, TenantId } from '../../core/ids'
import type {
  Backlog,
  ClaimedJob,
  EnqueueOptions,
  JobRepository,
  JobRow,
  JobTarget,
  NewJob,
  PendingQuery,
  SettledJob,
} from '../jobs'
import { type Access, checkSight, type Engine, sees } from './access'
import { everyJob, jobKey } from './claimed-jobs'
import type { Changes, StoredClaim, StoredJob } from './tables'

const maxPending = 1000

/** The outbox in memory. Jobs are kept in the order in which they were first enqueued. */
export class MemoryJobs implements JobRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  enqueue(jobs: readonly NewJob[], { claim, mends = false }: EnqueueOptions = {}): Promise<ClaimedJob[]> {
    return this.#access.write('jobs.enqueue', undefined, (changes) => {
      for (const { tenant } of jobs) checkSight(this.#access.view, tenant)
      return enqueueIn(this.#access.engine, changes, jobs, { claim, mends })
    })
  }

  claim(
    options: {
      readonly targets: readonly JobTarget[]
      readonly except?: readonly CollectionName[] | undefined
      readonly limit: number
      readonly token: string
      readonly leaseMs: number
    },
    call?: CallOptions,
  ): Promise<ClaimedJob[]> {
    return this.#access.write('jobs.claim', call, (changes) => {
      const now = this.#now()
      const ignoresLeases = this.#access.engine.withoutGuard === 'lease'
      for (const [key, claim] of [...changes.claims.entries()]) {
        if ((claim.leaseUntil <= now || ignoresLeases) && sees(this.#access.view, claim.tenant)) {
          this.#expand(changes, key, claim, now)
        }
      }
      const due: StoredJob[] = []
      for (const [, job] of changes.jobs.entries()) {
        if (due.length >= options.limit) break
        if (job.parked || job.dueAt > now || !options.targets.includes(job.target)) continue
        if (options.except?.includes(job.collection)) continue
        if (sees(this.#access.view, job.tenant)) due.push(job)
      }
      for (const job of due) changes.jobs.delete(jobKey(job))
      return holdIn(this.#access.engine, changes, due, options)
    })
  }

  renew(token: string, leaseMs: number): Promise<number> {
    return this.#access.write('jobs.renew', undefined, (changes) => {
      const leaseUntil = this.#now() + leaseMs
      let jobs = 0
      for (const [key, claim] of this.#claimsOf(changes, [token])) {
        changes.claims.put(key, { ...claim, leaseUntil })
        jobs += claim.jobs.length
      }
      return jobs
    })
  }

  settle(tokens: readonly string[], collection: CollectionName, outcomes: readonly SettledJob[] = []): Promise<number> {
    return this.#access.write('jobs.settle', undefined, (changes) => {
      const { withoutGuard, tables } = this.#access.engine
      const byKey = new Map(outcomes.map((one) => [jobKey(one), one]))
      let done = 0
      const claims =
        withoutGuard === 'claim-token' ? this.#heldLikewise(changes, tokens) : this.#claimsOf(changes, tokens)
      for (const [key, claim] of claims) {
        if (claim.collection !== collection) continue
        if (claim.epoch !== tables.epoch && withoutGuard !== 'completion-epoch') continue
        changes.claims.delete(key)
        for (const job of claim.jobs) if (!this.#putBack(changes, job, byKey.get(jobKey(job)))) done++
      }
      return done
    })
  }

  /** Puts a settled job back into the queue unless it is done; true where it was. */
  #putBack(changes: Changes, job: JobRow, outcome: SettledJob | undefined): boolean {
    const now = this.#now()
    const { tenant, collection, document } = job
    const fence = Math.max(job.fence, changes.documents.get(`${tenant}/${collection}/${document}`)?.fence ?? 0)
    const moved = fence > job.fence
    const back = { ...job, fence, parked: false, dueAt: now, ...(moved && { attempts: 0, reason: null }) }
    if (outcome && 'reason' in outcome && !moved) {
      const { reason, delayMs, parks } = outcome
      putBack(changes, { ...back, attempts: job.attempts + 1, reason, parked: parks, dueAt: now + delayMs })
    } else if (outcome && 'releasedMs' in outcome && !moved) {
      putBack(changes, { ...back, dueAt: now + outcome.releasedMs })
    } else if (outcome && !('applied' in outcome)) putBack(changes, back)
    else {
      const applied = outcome?.applied ?? job.fence
      if (fence <= applied || this.#access.engine.withoutGuard === 'overlap') return false
      if ((changes.jobs.get(jobKey(job))?.fence ?? 0) >= fence) return false
      putBack(changes, back)
    }
    return true
  }

  pending(query: PendingQuery, call?: CallOptions): Promise<JobRow[]> {
    const documents = query.documents && new Set(query.documents)
    return this.#access.read('jobs.pending', call, (changes) => {
      checkSight(this.#access.view, query.tenant)
      const parked: JobRow[] = []
      const waiting: JobRow[] = []
      for (const job of everyJob(changes)) {
        if (job.tenant !== query.tenant || job.first > query.upTo) continue
        if (query.targets && !query.targets.includes(job.target)) continue
        if (query.collection !== undefined && job.collection !== query.collection) continue
        if (documents && !documents.has(job.document)) continue
        ;(job.parked ? parked : waiting).push(rowOf(job))
      }
      return [...parked, ...waiting].slice(0, maxPending)
    })
  }

  covered(
    target: JobTarget,
    collection: CollectionName,
    documents: readonly { readonly tenant: TenantId; readonly document: string; readonly fence?: number | undefined }[],
  ): Promise<boolean[]> {
    return this.#access.read('jobs.covered', undefined, (changes) => {
      const since = new Map<string, number>()
      for (const job of everyJob(changes)) {
        const key = jobKey(job)
        since.set(key, Math.min(job.since, since.get(key) ?? Number.POSITIVE_INFINITY))
      }
      return documents.map(({ tenant, document, fence = Number.POSITIVE_INFINITY }) => {
        checkSight(this.#access.view, tenant)
        const from = since.get(jobKey({ target, tenant, collection, document }))
        return from !== undefined && from < fence
      })
    })
  }

  backlog(tenant?: TenantId, call?: CallOptions): Promise<Backlog> {
    return this.#access.read('jobs.backlog', call, (changes) => {
      const now = this.#now()
      let [waiting, claimed, parked] = [0, 0, 0]
      let oldestMs: number | null = null
      const note = (job: JobRow): void => {
        oldestMs = Math.max(oldestMs ?? 0, now - job.createdAt)
      }
      for (const job of this.#inSight(changes, tenant)) {
        if (job.parked) parked++
        else {
          waiting++
          note(job)
        }
      }
      for (const [, claim] of changes.claims.entries()) {
        if ((tenant ?? claim.tenant) !== claim.tenant || !sees(this.#access.view, claim.tenant)) continue
        if (claim.leaseUntil > now) claimed += claim.jobs.length
        else waiting += claim.jobs.length
        claim.jobs.forEach(note)
      }
      return { waiting, claimed, parked, oldestMs }
    })
  }

  parked(options: {
    readonly tenant?: TenantId | undefined
    readonly target?: JobTarget | undefined
    readonly limit: number
  }): Promise<JobRow[]> {
    return this.#access.read('jobs.parked', undefined, (changes) => {
      const found: JobRow[] = []
      for (const job of this.#inSight(changes, options.tenant)) {
        if (found.length >= options.limit) break
        if (job.parked && (options.target ?? job.target) === job.target) found.push(rowOf(job))
      }
      return found
    })
  }

  freeClaims(): Promise<number> {
    return this.#access.write('jobs.freeClaims', undefined, (changes) => {
      let jobs = 0
      for (const [key, claim] of [...changes.claims.entries()]) {
        if (!sees(this.#access.view, claim.tenant)) continue
        jobs += claim.jobs.length
        this.#expand(changes, key, claim, this.#now())
      }
      return jobs
    })
  }

  redrive(options: {
    readonly tenant?: TenantId | undefined
    readonly target?: JobTarget | undefined
  }): Promise<number> {
    return this.#access.write('jobs.redrive', undefined, (changes) => {
      const parked = [...this.#inSight(changes, options.tenant)].filter(
        (job) => job.parked && (options.target ?? job.target) === job.target,
      )
      for (const job of parked) {
        changes.jobs.put(jobKey(job), { ...job, parked: false, attempts: 0, dueAt: this.#now() })
      }
      return parked.length
    })
  }

  #now(): number {
    return this.#access.engine.clock.now()
  }

  #expand(changes: Changes, key: string, claim: StoredClaim, dueAt: number): void {
    changes.claims.delete(key)
    if (this.#access.engine.withoutGuard === 'expansion') return
    for (const job of claim.jobs) putBack(changes, { ...job, dueAt })
  }

  #claimsOf(changes: Changes, tokens: readonly string[]): [string, StoredClaim][] {
    return [...changes.claims.entries()].filter(
      ([, claim]) => tokens.includes(claim.token) && sees(this.#access.view, claim.tenant),
    )
  }

  /** Without its guard, a late token ends whatever claims there are. */
  #heldLikewise(changes: Changes, tokens: readonly string[]): [string, StoredClaim][] {
    const own = this.#claimsOf(changes, tokens)
    return own.length > 0 ? own : [...changes.claims.entries()]
  }

  *#inSight(changes: Changes, tenant: TenantId | undefined): IterableIterator<StoredJob> {
    for (const [, job] of changes.jobs.entries()) {
      if ((tenant ?? job.tenant) === job.tenant && sees(this.#access.view, job.tenant)) yield job
    }
  }
}

/** What `enqueue` does, within a statement. */
export function enqueueIn(
  engine: Engine,
  changes: Changes,
  jobs: readonly NewJob[],
  { claim, mends = false }: EnqueueOptions,
): ClaimedJob[] {
  const now = engine.clock.now()
  const keys = new Set<string>()
  for (const job of jobs) {
    const key = jobKey(job)
    keys.add(key)
    changes.jobs.put(key, coalesced(changes.jobs.get(key), job, mends, now))
  }
  if (!claim) return []
  const held = [...keys].map((key) => changes.jobs.get(key)!)
  for (const key of keys) changes.jobs.delete(key)
  return holdIn(engine, changes, held, claim)
}

/** Makes claims of jobs, which are in the queue no more: a row for each tenant and collection. */
function holdIn(
  { clock, tables }: Engine,
  changes: Changes,
  jobs: readonly StoredJob[],
  { token, leaseMs }: { readonly token: string; readonly leaseMs: number },
): ClaimedJob[] {
  const { epoch } = tables
  const leaseUntil = clock.now() + leaseMs
  for (const job of jobs) {
    const { tenant, collection } = job
    const key = `${token}/${tenant}/${collection}`
    const earlier = changes.claims.get(key)?.jobs ?? []
    changes.claims.put(key, { token, tenant, collection, epoch, leaseUntil, jobs: [...earlier, rowOf(job)] })
  }
  return jobs.map(({ target, tenant, collection, document, fence, since, attempts }) => {
    return { target, tenant, collection, document, fence, since, token, epoch, attempts }
  })
}

/** A job that a newer write made stays as it is, but for what comes with this one; so does one with more attempts. */
function putBack(changes: Changes, job: StoredJob): void {
  const key = jobKey(job)
  const held = changes.jobs.get(key)
  const stays = held !== undefined && (held.fence > job.fence || held.attempts > job.attempts)
  changes.jobs.put(key, {
    ...(stays ? held : job),
    ...(held && {
      since: Math.min(held.since, job.since),
      fence: Math.max(held.fence, job.fence),
      first: Math.min(held.first, job.first),
      createdAt: Math.min(held.createdAt, job.createdAt),
    }),
  })
}

function coalesced(held: StoredJob | undefined, job: NewJob, mends: boolean, now: number): StoredJob {
  const { target, tenant, collection, document, fence, since } = job
  const fresh = { target, tenant, collection, document, attempts: 0, parked: false, reason: null, dueAt: now }
  if (!held) return { ...fresh, fence, since, first: fence, createdAt: now }
  return {
    ...fresh,
    ...(mends && { attempts: held.attempts, reason: held.reason }),
    fence: Math.max(held.fence, fence),
    since: Math.min(held.since, since),
    first: Math.min(held.first, fence),
    createdAt: held.createdAt,
    dueAt: Math.min(held.dueAt, now),
  }
}

function rowOf(job: JobRow): JobRow {
  const { target, tenant, collection, document, fence, since, first, attempts, parked, reason, createdAt } = job
  return { target, tenant, collection, document, fence, since, first, attempts, parked, reason, createdAt }
}
