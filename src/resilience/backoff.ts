import type { Random } from '../core/random'

/** Exponential backoff with full jitter: a wait is drawn evenly from 0 up to `baseMs * 2^n`, at most `maxMs`. */
export interface BackoffOptions {
  /** Ceiling of the first wait, ms. */
  readonly baseMs: number
  /** Ceiling of every wait, ms. */
  readonly maxMs: number
}

/** The wait before retry number `retry` (0, 1, 2...), ms; what the server asked for is its floor. */
export function backoffMs(retry: number, options: BackoffOptions, random: Random, retryAfterMs = 0): number {
  const ceiling = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(retry, 50))
  return Math.max(retryAfterMs, random.next() * ceiling)
}
