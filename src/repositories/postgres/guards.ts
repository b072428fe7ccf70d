/**
 * A guard that lives in SQL. Removing one is for mutation tests alone, which prove that a schedule of two connections
 * would notice. `claim-token`: only who holds a claim ends it. `overlap`: a job whose document was
 * written again meanwhile is kept. `completion-epoch`: so is a claim of another epoch. `lease`: a claim is nobody else's until its lease ends. `skip-locked`: a claim passes over what another is
 * claiming. `key-order`: jobs are written in one order. `row-lock`: documents are locked before they are changed.
 * `change-fence`: a change of what somebody else has written since is none.
 * `purge-gate`: no tombstone goes while a new document waits with a fence that is older.
 * `idempotency`: a commit key begins once, after whoever holds it. `refute-by-insert`: an unknown COMMIT is decided by
 * taking its key, not by looking. `blob-hold`: a blob that a transaction is about to refer to is not condemned meanwhile.
 */
export type SqlGuard =
  | 'claim-token'
  | 'overlap'
  | 'completion-epoch'
  | 'lease'
  | 'skip-locked'
  | 'key-order'
  | 'row-lock'
  | 'change-fence'
  | 'purge-gate'
  | 'idempotency'
  | 'refute-by-insert'
  | 'blob-hold'
