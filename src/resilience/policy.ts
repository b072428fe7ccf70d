import { abortable, type CallOptions, type Signal } from '../core/abort'
import { type Clock, systemClock } from '../core/clock'
import { abortSignalOf, Deadline } from '../core/deadline'
import { HeadwaterError } from '../core/errors'
import { type Random, systemRandom } from '../core/random'
import { isHeard } from '../observability/channels'
import { told } from '../observability/told'
import { type BreakerOptions, CircuitBreaker, type FailureCounter, type Outcome } from './breaker'
import { type BudgetOptions, RetryBudget } from './budget'
import { Bulkhead, type BulkheadOptions } from './bulkhead'
import { type CounterOptions, loadCounter } from './counter'
import { type RetryOptions, retry } from './retry'

/** How calls to one store are protected. Every part is optional; times in ms. */
export interface PolicyOptions {
  /** Longest time of a call whose caller names none. Infinity for none. */
  readonly timeoutMs?: number | undefined
  readonly retry?: Partial<RetryOptions> | undefined
  readonly budget?: Partial<BudgetOptions> | undefined
  readonly breaker?: Partial<BreakerOptions & CounterOptions> | undefined
  readonly bulkhead?: Partial<BulkheadOptions> | undefined
  /** What a failure says about the store; the default is `judgeOutcome`. */
  readonly judge?: ((error: unknown, elapsedMs: number) => Outcome) | undefined
}

export interface ResolvedPolicyOptions {
  readonly timeoutMs: number
  readonly retry: RetryOptions
  readonly budget: BudgetOptions
  readonly breaker: BreakerOptions & CounterOptions
  readonly bulkhead: BulkheadOptions
}

export const policyDefaults = Object.freeze({
  timeoutMs: 30_000,
  retry: Object.freeze({ maxAttempts: 4, baseMs: 100, maxMs: 5_000 }),
  budget: Object.freeze({ ratio: 0.1, minimumPerSecond: 1, capacity: 10 }),
  breaker: Object.freeze({
    threshold: 0.5,
    window: 20,
    minimumCalls: 5,
    openMs: 1_000,
    maxOpenMs: 30_000,
    probeTimeoutMs: 5_000,
  }),
  bulkhead: Object.freeze({ concurrency: 64, queue: 1_000 }),
}) satisfies ResolvedPolicyOptions

/** A timeout shorter than this is the caller's haste and says nothing about the store. */
const tellingTimeoutMs = 1_000

export interface RunOptions extends CallOptions {
  /** Whether the call may be repeated, or for which of its failures; never taken for granted. */
  readonly idempotent: boolean | ((error: HeadwaterError) => boolean)
  /** False when the caller holds a slot of `bulkhead` already. */
  readonly queued?: boolean | undefined
  /** True when `work` settles by itself as soon as its signal aborts: then its own error reaches the caller. */
  readonly prompt?: boolean | undefined
}

export interface PolicyPorts {
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

/**
 * The one owner of retries for a store: absolute deadline, then retry within the budget, and in each attempt the
 * bulkhead and the breaker. A slot is held until the work itself has ended, also when its caller has gone.
 */
export class Policy {
  readonly store: string
  readonly breaker: CircuitBreaker
  readonly bulkhead: Bulkhead
  readonly budget: RetryBudget
  readonly #options: ResolvedPolicyOptions
  readonly #clock: Clock
  readonly #random: Random

  constructor(store: string, counter: FailureCounter, options: PolicyOptions = {}, ports: PolicyPorts = {}) {
    this.store = store
    this.#options = resolvePolicy(options)
    this.#clock = ports.clock ?? systemClock
    this.#random = ports.random ?? systemRandom
    this.budget = new RetryBudget(this.#clock, this.#options.budget)
    this.bulkhead = new Bulkhead(store, this.#options.bulkhead)
    this.breaker = new CircuitBreaker(store, this.#clock, counter, this.#options.breaker, options.judge ?? judgeOutcome)
  }

  /** Loads the failure counter (cockatiel) and makes a policy around it. */
  static async create(store: string, options: PolicyOptions = {}, ports: PolicyPorts = {}): Promise<Policy> {
    return new Policy(store, await loadCounter(resolvePolicy(options).breaker), options, ports)
  }

  /**
   * Runs `work`, which should heed its signal and settle soon after it aborts. Rejects with what `work` threw,
   * HW_TIMEOUT, HW_ABORTED, HW_CIRCUIT_OPEN or HW_OVERLOADED.
   */
  run<T>(work: (signal: AbortSignal) => Promise<T>, options: RunOptions): Promise<T> {
    return this.call((signal) => work(abortSignalOf(signal)), options)
  }

  /**
   * As `run`, for work that needs no real AbortSignal. Where the circuit is closed and a slot is free, which is nearly
   * always, the first attempt takes the short way: the same rules and counts, without the layers in between.
   */
  call<T>(work: (signal: Signal) => Promise<T>, options: RunOptions): Promise<T> {
    if (!isHeard('headwater:call')) return this.#call(work, options)
    return told(
      'headwater:call',
      this.#clock,
      () => this.#call(work, options),
      (ended) => ({ ...ended, store: this.store }),
    )
  }

  async #call<T>(work: (signal: Signal) => Promise<T>, options: RunOptions): Promise<T> {
    const deadline = new Deadline(this.#clock, options, this.#options.timeoutMs)
    try {
      this.budget.earn()
      let first: { readonly error: unknown } | undefined
      const leave = this.breaker.state === 'closed' ? this.#slot(options) : undefined
      if (leave) {
        try {
          return await this.breaker.run((signal) => this.#work(work, signal, options, leave), deadline)
        } catch (error) {
          first = { error }
        }
      }
      const attempts = async (attempt: Attempt): Promise<T> => {
        if (!first) return this.#attempt(work, deadline, options, attempt)
        const { error } = first
        first = undefined
        throw error
      }
      return await this.retry(attempts, deadline, options.idempotent)
    } finally {
      deadline[Symbol.dispose]()
    }
  }

  /**
   * Retries alone, on this store's budget: for work that is protected piece by piece, such as a transaction. A conflict of
   * transactions says nothing of the store and is not charged.
   */
  async retry<T>(
    call: (attempt: Attempt) => Promise<T>,
    deadline: Deadline,
    idempotent: RunOptions['idempotent'],
    maxAttempts: number = this.#options.retry.maxAttempts,
  ): Promise<T> {
    const attempt: Attempt = { refused: false }
    let earlier: unknown
    try {
      return await retry(
        async () => {
          try {
            return await call(attempt)
          } catch (error) {
            if (!attempt.refused) earlier = error
            throw error
          }
        },
        {
          ...this.#options.retry,
          maxAttempts,
          clock: this.#clock,
          random: this.#random,
          budget: this.budget,
          signal: deadline,
          remaining: () => deadline.remaining(),
          isCharged: (error) => error.code !== 'HW_CONFLICT',
          mayRetry: (error) =>
            !attempt.refused && error.retryable && (typeof idempotent === 'function' ? idempotent(error) : idempotent),
        },
      )
    } catch (error) {
      // Refused by ourselves after a real failure: the failure is what the caller needs to know.
      throw attempt.refused && earlier !== undefined && !deadline.aborted ? earlier : error
    }
  }

  async #attempt<T>(
    work: (signal: Signal) => Promise<T>,
    deadline: Deadline,
    options: RunOptions,
    attempt: Attempt,
  ): Promise<T> {
    let leave = (): void => {}
    let started = false
    try {
      this.breaker.check()
      if (options.queued !== false) leave = await this.bulkhead.enter(deadline)
      return await this.breaker.run((signal) => {
        started = true
        return this.#work(work, signal, options, leave)
      }, deadline)
    } catch (error) {
      if (!started) {
        leave()
        attempt.refused = true
      }
      throw error
    }
  }

  #slot(options: RunOptions): (() => void) | undefined {
    return options.queued === false ? noSlot : this.bulkhead.tryEnter()
  }

  #work<T>(work: (signal: Signal) => Promise<T>, signal: Signal, options: RunOptions, leave: () => void): Promise<T> {
    const running = startWork(work, signal)
    running.then(leave, leave)
    return options.prompt ? running : abortable(running, signal)
  }
}

function noSlot(): void {}

/** State of one run's attempts: refused means that the bulkhead or the breaker turned it away. */
export interface Attempt {
  refused: boolean
}

async function startWork<T>(work: (signal: Signal) => Promise<T>, signal: Signal): Promise<T> {
  return work(signal)
}

function resolvePolicy(options: PolicyOptions): ResolvedPolicyOptions {
  const resolved: ResolvedPolicyOptions = {
    timeoutMs: options.timeoutMs ?? policyDefaults.timeoutMs,
    retry: { ...policyDefaults.retry, ...options.retry },
    budget: { ...policyDefaults.budget, ...options.budget },
    breaker: { ...policyDefaults.breaker, ...options.breaker },
    bulkhead: { ...policyDefaults.bulkhead, ...options.bulkhead },
  }
  return Object.freeze(resolved)
}

/**
 * Only the store's own unavailability counts against it: no answer, or a timeout that was long enough to mean
 * something. A refusal (bad request, no right, conflict) is an answer, so the store is there.
 */
export function judgeOutcome(error: unknown, elapsedMs: number): Outcome {
  if (!(error instanceof HeadwaterError)) return 'ignored'
  switch (error.code) {
    case 'HW_UNAVAILABLE':
      // Read-only: a standby, a demoted primary, a disk near its end. Reads go on.
      return error.details?.['sqlState'] === '25006' ? 'success' : 'failure'
    case 'HW_TIMEOUT':
      if (error.details?.['sqlState'] !== undefined) return 'success'
      return elapsedMs >= tellingTimeoutMs ? 'failure' : 'ignored'
    case 'HW_ABORTED':
    case 'HW_CLOSED':
    case 'HW_OVERLOADED':
    case 'HW_CIRCUIT_OPEN':
    case 'HW_DRIVER_MISSING':
    case 'HW_INTERNAL':
      return 'ignored'
    default:
      return 'success'
  }
}
