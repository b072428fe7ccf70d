import type { Clock } from '../core/clock'

export interface BudgetOptions {
  /** Share of calls that may be retried, 0 to 1. */
  readonly ratio: number
  /** Retries allowed per second however few calls there are, so that a quiet store can still recover. */
  readonly minimumPerSecond: number
  /** Most retries that can be saved up for a burst. */
  readonly capacity: number
}

/**
 * A token bucket of retries, one per store: every call earns `ratio` of a token and a retry costs one. When a server
 * is down for everybody, retries then add a tenth to its load instead of multiplying it.
 */
export class RetryBudget {
  readonly #clock: Clock
  readonly #options: BudgetOptions
  #tokens: number
  #at: number

  constructor(clock: Clock, options: BudgetOptions) {
    this.#clock = clock
    this.#options = options
    this.#tokens = options.capacity
    this.#at = clock.monotonic()
  }

  /** Retries that could be made now. */
  get available(): number {
    this.#refill()
    return Math.floor(this.#tokens)
  }

  /** A call (not a retry) was made. */
  earn(): void {
    this.#tokens = Math.min(this.#options.capacity, this.#tokens + this.#options.ratio)
  }

  /** Takes a token; false when there is none, and then there is no retry. */
  spend(): boolean {
    this.#refill()
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  #refill(): void {
    const now = this.#clock.monotonic()
    const earned = ((now - this.#at) / 1_000) * this.#options.minimumPerSecond
    this.#at = now
    this.#tokens = Math.min(this.#options.capacity, this.#tokens + earned)
  }
}
