import type { Signal } from '../core/abort'
import type { Clock } from '../core/clock'
import { sleep } from '../core/clock'
import { asHeadwaterError, HeadwaterError } from '../core/errors'
import type { Random } from '../core/random'
import { type BackoffOptions, backoffMs } from './backoff'
import type { RetryBudget } from './budget'

export interface RetryOptions extends BackoffOptions {
  /** Calls at most, the first one included. */
  readonly maxAttempts: number
}

export interface RetryContext extends RetryOptions {
  readonly clock: Clock
  readonly random: Random
  readonly budget: RetryBudget
  /** Ends a wait at once; nothing is called afterwards. */
  readonly signal: Signal
  /** Milliseconds left for everything, waits included. */
  remaining(): number
  /** Whether this failure may be followed by another call: retryable, and safe to repeat. */
  mayRetry(error: HeadwaterError): boolean
  /** Whether repeating it is charged to the budget; it is unless this says otherwise. */
  isCharged?(error: HeadwaterError): boolean
}

/**
 * Calls until it works, may not be repeated, the attempts or the budget are used up, or the next wait would end after
 * the deadline: a caller learns the failure now rather than a timeout later.
 */
export async function retry<T>(call: (attempt: number) => Promise<T>, context: RetryContext): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    let error: HeadwaterError
    try {
      return await call(attempt)
    } catch (cause) {
      error = asHeadwaterError(cause)
      if (error !== cause) throw cause
    }
    if (attempt >= context.maxAttempts || context.signal.aborted || !context.mayRetry(error)) throw error
    const wait = backoffMs(attempt - 1, context, context.random, error.retryAfterMs)
    if (wait >= context.remaining()) throw error
    if ((context.isCharged?.(error) ?? true) && !context.budget.spend()) throw error
    await waitOrAbort(context, wait, error)
  }
}

async function waitOrAbort(context: RetryContext, wait: number, lastError: HeadwaterError): Promise<void> {
  try {
    await sleep(context.clock, wait, context.signal)
  } catch (cause) {
    const abort = asHeadwaterError(cause)
    throw new HeadwaterError(abort.code, `${abort.message} while waiting to retry after: ${lastError.message}`, {
      cause: lastError,
    })
  }
}
