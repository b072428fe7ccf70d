import type { Signal } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { commitIsUnknown } from '../../resilience/classify-postgres'
import type { Lease } from './lease'

/**
 * COMMIT, and what came of it. Of a failed transaction it answers ROLLBACK without an error, so the tag is checked
 * (HW_TRANSACTION_ABORTED, with the first failure as its cause); an answer that was lost is HW_COMMIT_UNKNOWN.
 */
export async function commit(lease: Lease, signal: Signal, firstFailure: HeadwaterError | undefined): Promise<void> {
  const answer = await lease.ask({ text: 'COMMIT' }, signal)
  if (answer.ok) {
    if (answer.result.command === 'COMMIT') return
    throw new HeadwaterError(
      'HW_TRANSACTION_ABORTED',
      `The transaction was rolled back at COMMIT${firstFailure ? ` because of: ${firstFailure.message}` : ''}`,
      { cause: firstFailure, retryable: firstFailure?.retryable },
    )
  }
  if (answer.sent && commitIsUnknown(answer.failure)) throw unknownCommit(answer.failure.error)
  throw answer.failure.error
}

/** A change that was sent and whose answer was lost. */
export function unknownCommit(cause: HeadwaterError): HeadwaterError {
  if (cause.code === 'HW_COMMIT_UNKNOWN') return cause
  return new HeadwaterError('HW_COMMIT_UNKNOWN', `It is not known whether the change was committed: ${cause.message}`, {
    cause,
  })
}
