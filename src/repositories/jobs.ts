import type { CallOptions } from '../core/abort'
import type { CollectionName, TenantId } from '../core/ids'

/** What a job keeps in step: the two projections, and the cache (invalidation). */
export type JobTarget = 'vector' | 'text' | 'cache'

export interface JobKey {
  readonly target: JobTarget
  readonly tenant: TenantId
  readonly collection: CollectionName
  readonly document: string
}

/** 'Project this document at fence >= `fence`, what changed after `since`.' */
export interface NewJob extends JobKey {
  readonly fence: number
  readonly since: number
}

export interface ClaimedJob extends NewJob {
  readonly token: string
  /** Epoch of the truth when it was claimed. */
  readonly epoch: number
  /** Failed attempts so far. */
  readonly attempts: number
}

/** A job as it waits, or as it was parked. */
export interface JobRow extends NewJob {
  /** Lowest fence that waits in this job: what `waitFor` compares a receipt with. */
  readonly first: number
  readonly attempts: number
  readonly parked: boolean
  /** Error code and message of the last failure, or null. */
  readonly reason: string | null
  /** Epoch ms. */
  readonly createdAt: number
}

/** Jobs by what they are waiting for. */
export interface Backlog {
  /** Due, or backing off; held by nobody. */
  readonly waiting: number
  /** Held by a worker. */
  readonly claimed: number
  /** Given up until a redrive or a new write. */
  readonly parked: number
  /** Age of the oldest job that is not parked, ms; null when there is none. */
  readonly oldestMs: number | null
}

/** Which jobs a receipt waits for: all of a tenant's that hold a fence up to `upTo`, or these documents' alone. */
export interface PendingQuery {
  readonly tenant: TenantId
  readonly upTo: number
  readonly targets?: readonly JobTarget[] | undefined
  readonly collection?: CollectionName | undefined
  readonly documents?: readonly string[] | undefined
}

export interface EnqueueOptions {
  readonly claim?: { readonly token: string; readonly leaseMs: number } | undefined
  readonly mends?: boolean | undefined
}

/**
 * The outbox. All times come from the truth's own clock. Each guard is an argument: the claim token, the applied
 * fence and the epoch.
 */
export interface JobRepository {
  /**
   * Adds jobs. Against a waiting job of the same key: the lowest `since`, the highest `fence`, the lowest `first`;
   * backoff cleared, un-parked, attempts forgotten, a claim that somebody holds left alone. With `claim`, jobs that nobody holds are claimed at
   * once, and those that now carry the token are returned. With `mends` the content is what it was, only an index is
   * not: failed attempts still count, so that poison is not tried from the start by each mending.
   */
  enqueue(jobs: readonly NewJob[], options?: EnqueueOptions): Promise<ClaimedJob[]>
  /** Claims up to `limit` due jobs (not parked, not backing off, no lease that lasts), the longest waiting first. */
  claim(
    options: {
      readonly targets: readonly JobTarget[]
      readonly limit: number
      readonly token: string
      readonly leaseMs: number
    },
    call?: CallOptions,
  ): Promise<ClaimedJob[]>
  /** Extends the lease of what the token still holds; returns how many those are. */
  renew(token: string, leaseMs: number): Promise<number>
  /**
   * Deletes each job that still carries `token`, whose fence is not above `applied` and whose epoch is unchanged; one
   * whose fence has moved on keeps its `since` and is released at once. Returns how many were deleted.
   */
  complete(
    done: readonly (JobKey & { readonly applied: number; readonly epoch: number })[],
    token: string,
  ): Promise<number>
  /** Gives claims back untouched, due again after `delayMs`; of all that the token holds when `keys` is not given. */
  release(token: string, options: { readonly keys?: readonly JobKey[]; readonly delayMs: number }): Promise<void>
  /** Counts a failed attempt, due again after `delayMs`; parked when `attempts` reaches `maxAttempts`. */
  fail(
    failures: readonly (JobKey & { readonly reason: string; readonly delayMs: number })[],
    token: string,
    options: { readonly maxAttempts: number },
  ): Promise<void>
  /** Jobs that a receipt still waits for, parked ones first; at most `limit` (1,000) rows. */
  pending(query: PendingQuery, call?: CallOptions): Promise<JobRow[]>
  /** True for each document that has a job (parked too) for the target: what reconcile leaves alone. */
  covered(
    target: JobTarget,
    collection: CollectionName,
    documents: readonly { readonly tenant: TenantId; readonly document: string }[],
  ): Promise<boolean[]>
  backlog(tenant?: TenantId, call?: CallOptions): Promise<Backlog>
  parked(options: {
    readonly tenant?: TenantId | undefined
    readonly target?: JobTarget | undefined
    readonly limit: number
  }): Promise<JobRow[]>
  /** Gives back every claim there is, for a truth that no other process can have open. Returns how many. */
  freeClaims(): Promise<number>
  /** Makes parked jobs due, with their attempts forgotten; returns how many. */
  redrive(options: { readonly tenant?: TenantId | undefined; readonly target?: JobTarget | undefined }): Promise<number>
}
