/**
 * A guard that lives in SQL. Removing one is for mutation tests alone, which prove that a schedule of two connections
 * would notice. `claim-token`: only the claim that holds a job completes it. `completion-fence`: a job whose fence has
 * moved on is kept. `completion-epoch`: so is one of another epoch. `lease`: a claimed job is nobody else's until its
 * lease ends. `claim-lock`: rows are locked as they are chosen. `skip-locked`: a claim passes over what another is
 * claiming. `key-order`: jobs are written in one order. `row-lock`: documents are locked before they are changed.
 * `idempotency`: a commit key begins once, after whoever holds it. `refute-by-insert`: an unknown COMMIT is decided by
 * taking its key, not by looking. `blob-hold`: a blob that a transaction is about to refer to is not condemned meanwhile.
 */
export type SqlGuard =
  | 'claim-token'
  | 'completion-fence'
  | 'completion-epoch'
  | 'lease'
  | 'claim-lock'
  | 'skip-locked'
  | 'key-order'
  | 'row-lock'
  | 'idempotency'
  | 'refute-by-insert'
  | 'blob-hold'
