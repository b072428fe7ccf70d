import type { Signal } from '../core/abort'
import type { Clock } from '../core/clock'
import { withDeadline } from '../core/deadline'
import { HeadwaterError } from '../core/errors'
import { publish } from '../observability/channels'

/** What a call tells about the store: it answered, it was not there, or nothing (aborted, refused by ourselves). */
export type Outcome = 'success' | 'failure' | 'ignored'

/** Decides when failures are too many; cockatiel's breakers fit. */
export interface FailureCounter {
  success(state: 'closed' | 'half-open'): void
  /** True when the circuit should open. */
  failure(state: 'closed' | 'half-open'): boolean
}

export interface BreakerOptions {
  /** Time in the open state before one call may try, ms; doubles with each failed trial. */
  readonly openMs: number
  /** Longest time in the open state, ms. */
  readonly maxOpenMs: number
  /** Longest time a trial call may take before it counts as failed, ms. */
  readonly probeTimeoutMs: number
}

export type BreakerState = 'closed' | 'open' | 'half-open'

type State =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly until: number; readonly trials: number }
  | { readonly kind: 'half-open'; readonly trials: number }

/**
 * Circuit breaker of one store.
 *
 * closed: calls pass, outcomes are counted; open when the counter says so.
 * open: calls are rejected with HW_CIRCUIT_OPEN; once `openMs` has passed, the next call becomes the trial (half-open).
 * half-open: that one call runs, under a timeout of its own; every other caller is rejected at once, none queues behind
 * it. Success closes, failure opens for twice as long, a trial that tells nothing leaves the door open for the next.
 *
 * An outcome that arrives in a later state than its call began in is dropped.
 */
export class CircuitBreaker {
  readonly #store: string
  readonly #clock: Clock
  readonly #counter: FailureCounter
  readonly #options: BreakerOptions
  readonly #judge: (error: unknown, elapsedMs: number) => Outcome
  #state: State = { kind: 'closed' }
  #lastFailure: unknown

  constructor(
    store: string,
    clock: Clock,
    counter: FailureCounter,
    options: BreakerOptions,
    judge: (error: unknown, elapsedMs: number) => Outcome,
  ) {
    this.#store = store
    this.#clock = clock
    this.#counter = counter
    this.#options = options
    this.#judge = judge
  }

  get state(): BreakerState {
    return this.#state.kind
  }

  /** Rejects what could not run now anyway, so that it need not wait in a queue first. */
  check(): void {
    const state = this.#state
    if (state.kind === 'half-open') throw this.#refusal(0)
    if (state.kind === 'open') {
      const wait = state.until - this.#clock.monotonic()
      if (wait > 0) throw this.#refusal(wait)
    }
  }

  /** `work` must settle soon after its signal aborts. */
  async run<T>(work: (signal: Signal) => Promise<T>, signal: Signal): Promise<T> {
    this.check()
    if (this.#state.kind === 'open') return this.#probe(work, signal, this.#state.trials + 1)
    const began = this.#state
    const startedAt = this.#clock.monotonic()
    try {
      const value = await work(signal)
      if (this.#state === began) this.record('success')
      return value
    } catch (error) {
      if (this.#state === began) this.record(this.#judge(error, this.#clock.monotonic() - startedAt), error)
      throw error
    }
  }

  /** Counts what was learnt outside `run`, such as the loss of a connection in the middle of a transaction. */
  record(outcome: Outcome, error?: unknown): void {
    if (this.#state.kind !== 'closed' || outcome === 'ignored') return
    if (outcome === 'success') this.#counter.success('closed')
    else if (this.#counter.failure('closed')) this.#open(1, error)
  }

  async #probe<T>(work: (signal: Signal) => Promise<T>, signal: Signal, trials: number): Promise<T> {
    this.#become({ kind: 'half-open', trials })
    const startedAt = this.#clock.monotonic()
    try {
      const value = await withDeadline(
        this.#clock,
        { signal, timeoutMs: this.#options.probeTimeoutMs },
        undefined,
        work,
      )
      this.#counter.success('half-open')
      this.#become({ kind: 'closed' })
      return value
    } catch (error) {
      const elapsed = this.#clock.monotonic() - startedAt
      const outcome = elapsed >= this.#options.probeTimeoutMs ? 'failure' : this.#judge(error, elapsed)
      if (outcome === 'failure') {
        this.#counter.failure('half-open')
        this.#open(trials, error)
      } else if (outcome === 'success') {
        this.#counter.success('half-open')
        this.#become({ kind: 'closed' })
      } else {
        this.#become({ kind: 'open', until: this.#clock.monotonic(), trials: trials - 1 })
      }
      throw error
    }
  }

  #open(trials: number, error: unknown): void {
    const openMs = Math.min(this.#options.maxOpenMs, this.#options.openMs * 2 ** Math.min(trials - 1, 30))
    this.#lastFailure = error
    this.#become({ kind: 'open', until: this.#clock.monotonic() + openMs, trials })
  }

  #become(state: State): void {
    this.#state = state
    publish('headwater:breaker', () => ({ store: this.#store, state: state.kind }))
  }

  #refusal(waitMs: number): HeadwaterError {
    const when = waitMs > 0 ? `next trial in ${Math.ceil(waitMs)} ms` : 'a trial call is running'
    return new HeadwaterError('HW_CIRCUIT_OPEN', `${this.#store}: the circuit is ${this.state}, ${when}`, {
      cause: this.#lastFailure,
      ...(waitMs > 0 && { retryAfterMs: Math.ceil(waitMs) }),
      details: { store: this.#store, state: this.state },
    })
  }
}
