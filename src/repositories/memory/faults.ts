/** What a COMMIT comes to: done, done but the answer is lost, or undone and the answer is lost. */
export type CommitOutcome = 'ok' | 'lost-ack' | 'fail'

/** What may go wrong on the way to `MemoryTruth`; the simulator decides. */
export interface TruthFaults {
  /**
   * Awaited before every operation, named like `jobs.claim`, `begin` and `commit`. It may delay, or throw what a lost
   * connection would: within a transaction nothing but a rollback is possible afterwards.
   */
  before(op: string): Promise<void>
  /** Awaited at each COMMIT, and at the end of a statement that writes on its own. */
  commit(): Promise<CommitOutcome>
  /** Called when a COMMIT has taken effect, whatever its caller will be told. */
  committed?(): void
}

/**
 * A guard of the truth's. Removing one is for mutation tests alone, which prove that the tests would notice.
 * `claim-token`: only who holds a claim ends it. `overlap`: a job whose document was written again
 * meanwhile is kept. `completion-epoch`: so is a claim of another epoch.
 * `lease`: a claim is nobody else's until its lease ends. `expansion`: then its jobs are in the queue again.
 * `change-fence`: a change of what somebody else has written since is none. `idempotency`: a commit key begins once. `tombstone`: a removed chunk leaves its id and the fence of its removal.
 * `errand-token`, `errand-lease`, `errand-epoch`: as those of claims, of errands.
 * @internal
 */
export type Guard =
  | 'claim-token'
  | 'change-fence'
  | 'overlap'
  | 'completion-epoch'
  | 'lease'
  | 'expansion'
  | 'idempotency'
  | 'tombstone'
  | 'errand-token'
  | 'errand-lease'
  | 'errand-epoch'
