import { offAbort, onAbort, type Signal, throwIfAborted } from '../core/abort'
import type { Clock } from '../core/clock'
import { RetryBudget } from './budget'

export interface HedgeOptions {
  /** A second request follows after this, ms; by `percentile` when left out. */
  readonly afterMs?: number | undefined
  /** A second request follows when the first takes longer than this share of the latest 100; 0.95 by default. */
  readonly percentile?: number | undefined
  /** Second requests as a share of all, at most; 0.05 by default. */
  readonly budget?: number | undefined
}

const remembered = 100
/** With fewer, a percentile is chance. */
const telling = 20

/**
 * For idempotent reads: when an answer takes unusually long, the same is asked once more; the first answer counts and the
 * other request is aborted. A failure before that is a failure: repeating it is for retries.
 */
export class Hedge {
  readonly #clock: Clock
  readonly #afterMs: number | undefined
  readonly #percentile: number
  readonly #budget: RetryBudget
  readonly #latencies: number[] = []
  #at = 0

  constructor(clock: Clock, options: HedgeOptions) {
    this.#clock = clock
    this.#afterMs = options.afterMs
    this.#percentile = options.percentile ?? 0.95
    // Nothing is saved up: a server that is slow for everybody is not asked twice by everybody.
    this.#budget = new RetryBudget(clock, { ratio: options.budget ?? 0.05, minimumPerSecond: 0, capacity: 1 })
  }

  run<T>(work: (signal: AbortSignal) => Promise<T>, signal: Signal): Promise<T> {
    throwIfAborted(signal)
    this.#budget.earn()
    const delay = this.#delay()
    return new Promise<T>((resolve, reject) => {
      const running = new Set<AbortController>()
      let failure: { readonly error: unknown } | undefined
      const abort = (): void => {
        for (const attempt of running) attempt.abort(signal.reason)
      }
      const end = (settle: () => void): void => {
        cancel?.()
        offAbort(signal, abort)
        for (const loser of running) loser.abort()
        running.clear()
        settle()
      }
      const start = (): void => {
        const attempt = new AbortController()
        const startedAt = this.#clock.monotonic()
        running.add(attempt)
        work(attempt.signal).then(
          (value) => {
            if (!running.delete(attempt)) return
            this.#note(this.#clock.monotonic() - startedAt)
            end(() => resolve(value))
          },
          (error: unknown) => {
            if (!running.delete(attempt)) return
            failure ??= { error }
            if (running.size === 0) end(() => reject(failure?.error))
          },
        )
      }
      const cancel =
        delay === undefined
          ? undefined
          : this.#clock.timer(delay, () => {
              if (running.size > 0 && !signal.aborted && this.#budget.spend()) start()
            })
      onAbort(signal, abort)
      start()
    })
  }

  /** Undefined as long as too little is known. */
  #delay(): number | undefined {
    if (this.#afterMs !== undefined) return this.#afterMs
    if (this.#latencies.length < telling) return undefined
    const sorted = [...this.#latencies].sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * this.#percentile))]
  }

  #note(latency: number): void {
    this.#latencies[this.#at] = latency
    this.#at = (this.#at + 1) % remembered
  }
}
