import { throwIfAborted } from '../../core/abort'
import { type ErrorCode, isHeadwaterError } from '../../core/errors'

/** What a cache that cannot be asked says; everything else is a mistake or the caller's own wish. */
const passing = new Set<ErrorCode>([
  'HW_UNAVAILABLE',
  'HW_TIMEOUT',
  'HW_CIRCUIT_OPEN',
  'HW_OVERLOADED',
  'HW_UNAUTHORIZED',
])

/** Does without the cache when it cannot be asked, and counts how often. */
export class FailOpen {
  #lapses = 0

  /** Calls that were answered without Redis. */
  get lapses(): number {
    return this.#lapses
  }

  async try<T, F>(work: Promise<T>, otherwise: F, signal: AbortSignal | undefined): Promise<T | F> {
    try {
      return await work
    } catch (error) {
      throwIfAborted(signal)
      if (!isHeadwaterError(error) || !passing.has(error.code)) throw error
      this.#lapses++
      return otherwise
    }
  }
}
