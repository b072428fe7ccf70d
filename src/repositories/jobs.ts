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

/** What became of a claimed job, where it is not just what was claimed that was applied. */
export type JobOutcome =
  /** It was applied as of this fence: above its own is done, below it is not. */
  | { readonly applied: number }
  /** One more attempt: due again after `delayMs`, or parked for good. */
  | { readonly reason: string; readonly delayMs: number; readonly parks: boolean }
  /** Given back untouched, due again after `delayMs`. */
  | { readonly releasedMs: number }

export type SettledJob = JobKey & JobOutcome

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
  /** Claims them at once, for the process that is about to apply them. */
  readonly claim?: { readonly token: string; readonly leaseMs: number } | undefined
  readonly mends?: boolean | undefined
}

/**
 * The outbox: a queue of jobs, one for a document and target, and claims, each a row for what is applied together. A job
 * is in the queue or in a claim; written anew while it is claimed, it is in both. All times come from the truth's own
 * clock.
 */
export interface JobRepository {
  /**
   * Adds jobs to the queue. Against a job of the same key that waits there: the lowest `since`, the highest `fence`, the
   * lowest `first`; backoff cleared, un-parked, attempts forgotten. With `claim` they are claimed instead, together with
   * what waits in the queue of the same keys, and returned. With `mends` the content is what it was, only an index is
   * not: failed attempts still count, so that poison is not tried from the start by each mending.
   */
  enqueue(jobs: readonly NewJob[], options?: EnqueueOptions): Promise<ClaimedJob[]>
  /**
   * Takes up to `limit` due jobs (not parked, not backing off) out of the queue into claims, the longest waiting first.
   * What claims hold whose lease has run out goes back to the queue first, where there is room for more. Jobs of the
   * collections in \`except\` are left to others.
   */
  claim(
    options: {
      readonly targets: readonly JobTarget[]
      readonly except?: readonly CollectionName[] | undefined
      readonly limit: number
      readonly token: string
      readonly leaseMs: number
    },
    call?: CallOptions,
  ): Promise<ClaimedJob[]>
  /** Extends the lease of the claims of `token`; returns how many jobs they hold. */
  renew(token: string, leaseMs: number): Promise<number>
  /**
   * Ends the claims of these tokens in a collection: their jobs are done, but for those in `outcomes` that are not. Back to the
   * queue also goes a job whose document has been written again since, unless it waits there anew: what was applied late
   * may have undone what was applied meanwhile. Does nothing where the claims are gone (their lease ran out) or are of an
   * earlier epoch. Returns how many jobs are done.
   */
  settle(tokens: readonly string[], collection: CollectionName, outcomes?: readonly SettledJob[]): Promise<number>
  /** Jobs that a receipt still waits for, parked ones first; at most `limit` (1,000) rows. */
  pending(query: PendingQuery, call?: CallOptions): Promise<JobRow[]>
  /**
   * True for each document that has a job (claimed or parked too) for the target: what reconcile leaves alone. With a fence,
   * one that brings what was changed at it: a job knows nothing of what was before its `since`.
   */
  covered(
    target: JobTarget,
    collection: CollectionName,
    documents: readonly { readonly tenant: TenantId; readonly document: string; readonly fence?: number | undefined }[],
  ): Promise<boolean[]>
  backlog(tenant?: TenantId, call?: CallOptions): Promise<Backlog>
  parked(options: {
    readonly tenant?: TenantId | undefined
    readonly target?: JobTarget | undefined
    readonly limit: number
  }): Promise<JobRow[]>
  /** Gives back what every claim holds, for a truth that no other process can have open. Returns how many jobs. */
  freeClaims(): Promise<number>
  /** Makes parked jobs due, with their attempts forgotten; returns how many. */
  redrive(options: { readonly tenant?: TenantId | undefined; readonly target?: JobTarget | undefined }): Promise<number>
}
