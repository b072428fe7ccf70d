import type { CallOptions } from '../../core/abort'
import type { CollectionName, TenantId } from '../../core/ids'
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
import { type Access, checkSight, sees } from './access'
import type { Changes, StoredJob } from './tables'

const maxPending = 1000

/** The outbox in memory. Jobs are kept in the order in which they were first enqueued. */
export class MemoryJobs implements JobRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  enqueue(jobs: readonly NewJob[], { claim, mends = false }: EnqueueOptions = {}): Promise<ClaimedJob[]> {
    return this.#access.write('jobs.enqueue', undefined, (changes) => {
      const now = this.#now()
      const keys = new Set<string>()
      for (const job of jobs) {
        checkSight(this.#access.view, job.tenant)
        const key = keyOf(job)
        keys.add(key)
        changes.jobs.put(key, coalesced(changes.jobs.get(key), job, mends, now))
      }
      if (!claim) return []
      const claimed: ClaimedJob[] = []
      for (const key of keys) {
        const job = changes.jobs.get(key)!
        if (isHeld(job, now) && job.token !== claim.token) continue
        claimed.push(this.#hold(changes, key, job, claim))
      }
      return claimed
    })
  }

  claim(
    options: {
      readonly targets: readonly JobTarget[]
      readonly limit: number
      readonly token: string
      readonly leaseMs: number
    },
    call?: CallOptions,
  ): Promise<ClaimedJob[]> {
    return this.#access.write('jobs.claim', call, (changes) => {
      const now = this.#now()
      const ignoresLeases = this.#access.engine.withoutGuard === 'lease'
      const due: [string, StoredJob][] = []
      for (const entry of changes.jobs.entries()) {
        if (due.length >= options.limit) break
        const job = entry[1]
        if (job.parked || job.dueAt > now || !options.targets.includes(job.target)) continue
        if (isHeld(job, now) && !ignoresLeases) continue
        if (sees(this.#access.view, job.tenant)) due.push(entry)
      }
      return due.map(([key, job]) => this.#hold(changes, key, job, options))
    })
  }

  renew(token: string, leaseMs: number): Promise<number> {
    return this.#access.write('jobs.renew', undefined, (changes) => {
      const leaseUntil = this.#now() + leaseMs
      const held = this.#heldBy(changes, token)
      for (const [key, job] of held) changes.jobs.put(key, { ...job, leaseUntil })
      return held.length
    })
  }

  complete(
    done: readonly (JobKey & { readonly applied: number; readonly epoch: number })[],
    token: string,
  ): Promise<number> {
    return this.#access.write('jobs.complete', undefined, (changes) => {
      const { withoutGuard, tables } = this.#access.engine
      let deleted = 0
      for (const item of done) {
        const key = keyOf(item)
        const job = changes.jobs.get(key)
        if (!job || !sees(this.#access.view, job.tenant)) continue
        if (job.token !== token && withoutGuard !== 'claim-token') continue
        if (item.epoch !== tables.epoch && withoutGuard !== 'completion-epoch') continue
        if (job.fence > item.applied && withoutGuard !== 'completion-fence') {
          changes.jobs.put(key, free(job, this.#now()))
        } else {
          changes.jobs.delete(key)
          deleted++
        }
      }
      return deleted
    })
  }

  release(token: string, options: { readonly keys?: readonly JobKey[]; readonly delayMs: number }): Promise<void> {
    return this.#access.write('jobs.release', undefined, (changes) => {
      const dueAt = this.#now() + options.delayMs
      for (const [key, job] of this.#heldBy(changes, token, options.keys)) changes.jobs.put(key, free(job, dueAt))
    })
  }

  fail(
    failures: readonly (JobKey & { readonly reason: string; readonly delayMs: number })[],
    token: string,
    options: { readonly maxAttempts: number },
  ): Promise<void> {
    return this.#access.write('jobs.fail', undefined, (changes) => {
      for (const failure of failures) {
        for (const [key, job] of this.#heldBy(changes, token, [failure])) {
          const attempts = job.attempts + 1
          const parked = attempts >= options.maxAttempts
          changes.jobs.put(key, {
            ...free(job, this.#now() + failure.delayMs),
            attempts,
            parked,
            reason: failure.reason,
          })
        }
      }
    })
  }

  pending(query: PendingQuery, call?: CallOptions): Promise<JobRow[]> {
    const documents = query.documents && new Set(query.documents)
    return this.#access.read('jobs.pending', call, (changes) => {
      checkSight(this.#access.view, query.tenant)
      const parked: JobRow[] = []
      const waiting: JobRow[] = []
      for (const [, job] of changes.jobs.entries()) {
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
    documents: readonly { readonly tenant: TenantId; readonly document: string }[],
  ): Promise<boolean[]> {
    return this.#access.read('jobs.covered', undefined, (changes) =>
      documents.map(({ tenant, document }) => {
        checkSight(this.#access.view, tenant)
        return changes.jobs.get(keyOf({ target, tenant, collection, document })) !== undefined
      }),
    )
  }

  backlog(tenant?: TenantId, call?: CallOptions): Promise<Backlog> {
    return this.#access.read('jobs.backlog', call, (changes) => {
      const now = this.#now()
      let [waiting, claimed, parked] = [0, 0, 0]
      let oldestMs: number | null = null
      for (const job of this.#inSight(changes, tenant)) {
        if (job.parked) {
          parked++
          continue
        }
        if (isHeld(job, now)) claimed++
        else waiting++
        oldestMs = Math.max(oldestMs ?? 0, now - job.createdAt)
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
      const held = [...this.#inSight(changes, undefined)].filter((job) => job.token !== null)
      for (const job of held) {
        changes.jobs.put(keyOf(job), { ...job, token: null, leaseUntil: 0, dueAt: this.#now() })
      }
      return held.length
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
        changes.jobs.put(keyOf(job), { ...job, parked: false, attempts: 0, dueAt: this.#now() })
      }
      return parked.length
    })
  }

  #now(): number {
    return this.#access.engine.clock.now()
  }

  #hold(
    changes: Changes,
    key: string,
    job: StoredJob,
    { token, leaseMs }: { readonly token: string; readonly leaseMs: number },
  ): ClaimedJob {
    changes.jobs.put(key, { ...job, token, leaseUntil: this.#now() + leaseMs })
    const { target, tenant, collection, document, fence, since, attempts } = job
    const { epoch } = this.#access.engine.tables
    return { target, tenant, collection, document, fence, since, token, epoch, attempts }
  }

  /** The jobs that carry the token, of `keys` only when given. */
  #heldBy(changes: Changes, token: string, keys?: readonly JobKey[]): [string, StoredJob][] {
    const candidates = keys ? entriesOf(changes, keys) : changes.jobs.entries()
    const held: [string, StoredJob][] = []
    for (const entry of candidates) {
      if (entry[1].token === token && sees(this.#access.view, entry[1].tenant)) held.push(entry)
    }
    return held
  }

  *#inSight(changes: Changes, tenant: TenantId | undefined): IterableIterator<StoredJob> {
    for (const [, job] of changes.jobs.entries()) {
      if ((tenant ?? job.tenant) === job.tenant && sees(this.#access.view, job.tenant)) yield job
    }
  }
}

function* entriesOf(changes: Changes, keys: readonly JobKey[]): IterableIterator<[string, StoredJob]> {
  for (const key of new Set(keys.map(keyOf))) {
    const job = changes.jobs.get(key)
    if (job) yield [key, job]
  }
}

/** The document's id comes last, so that no two keys run together. */
function keyOf({ target, tenant, collection, document }: JobKey): string {
  return `${target}/${tenant}/${collection}/${document}`
}

function isHeld(job: StoredJob, now: number): boolean {
  return job.token !== null && job.leaseUntil > now
}

function free(job: StoredJob, dueAt: number): StoredJob {
  return { ...job, token: null, leaseUntil: 0, dueAt }
}

function coalesced(held: StoredJob | undefined, job: NewJob, mends: boolean, now: number): StoredJob {
  const { target, tenant, collection, document, fence, since } = job
  const fresh = { target, tenant, collection, document, attempts: 0, parked: false, reason: null, dueAt: now }
  if (!held) return { ...fresh, fence, since, first: fence, createdAt: now, token: null, leaseUntil: 0 }
  return {
    ...fresh,
    ...(mends && { attempts: held.attempts, reason: held.reason }),
    fence: Math.max(held.fence, fence),
    since: Math.min(held.since, since),
    first: Math.min(held.first, fence),
    createdAt: held.createdAt,
    token: held.token,
    leaseUntil: held.leaseUntil,
  }
}

function rowOf(job: StoredJob): JobRow {
  const { target, tenant, collection, document, fence, since, first, attempts, parked, reason, createdAt } = job
  return { target, tenant, collection, document, fence, since, first, attempts, parked, reason, createdAt }
}
