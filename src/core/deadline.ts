import { setMaxListeners } from 'node:events'
import { abortable, anyNumber, type CallOptions, offAbort, onAbort, type Signal, throwIfAborted } from './abort'
import type { Clock } from './clock'
import { describeValue } from './describe-value'
import { HeadwaterError } from './errors'

/** As CallOptions, from within. */
export interface DeadlineOptions {
  signal?: Signal | undefined
  timeoutMs?: number | undefined
}

/**
 * An absolute point in time, and a signal that fires then (or when the caller aborts). It is made once at the public
 * method and handed down, so that retries and layers share one allowance. Most calls never need a real AbortSignal, so
 * `signal` makes one when it is first asked for.
 */
export class Deadline implements Disposable, Signal {
  readonly #clock: Clock
  readonly #at: number
  readonly #source: Signal | undefined
  readonly #cancel: (() => void) | undefined
  #listeners: Set<() => void> | undefined
  #controller: AbortController | undefined
  #aborted = false
  #reason: unknown

  constructor(clock: Clock, options: DeadlineOptions = {}, defaultTimeoutMs = Number.POSITIVE_INFINITY) {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
    if (!(typeof timeoutMs === 'number' && timeoutMs >= 0)) {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `timeoutMs: must be 0 or more, got ${describeValue(timeoutMs)}`, {
        path: 'timeoutMs',
      })
    }
    throwIfAborted(options.signal)
    this.#clock = clock
    this.#at = clock.monotonic() + timeoutMs
    this.#source = options.signal
    onAbort(this.#source, this.#follow)
    if (Number.isFinite(timeoutMs)) this.#cancel = clock.timer(timeoutMs, this.#expire)
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  /** The same for code that is not ours, such as a driver. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      // All that a call does at once waits for it: many listeners are no leak, and Node would warn of them.
      setMaxListeners(anyNumber, this.#controller.signal)
      if (this.#aborted) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.#aborted) return
    this.#listeners ??= new Set()
    this.#listeners.add(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners?.delete(listener)
  }

  /** Milliseconds left, never below 0; Infinity when there is no limit. */
  remaining(): number {
    return Math.max(0, this.#at - this.#clock.monotonic())
  }

  error(): HeadwaterError {
    return new HeadwaterError('HW_TIMEOUT', 'The deadline passed')
  }

  /** The options to hand to the next layer down. */
  options(): CallOptions {
    const left = this.remaining()
    return { signal: this.signal, ...(Number.isFinite(left) && { timeoutMs: left }) }
  }

  [Symbol.dispose](): void {
    this.#cancel?.()
    offAbort(this.#source, this.#follow)
  }

  readonly #follow = (): void => this.abort(this.#source?.reason)

  readonly #expire = (): void => this.abort(this.error())

  /** Ends what runs under it before its time. */
  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    const listeners = this.#listeners
    this.#listeners = undefined
    this.#controller?.abort(reason)
    for (const listener of listeners ?? []) listener()
  }
}

/** A signal for code that is not ours. */
export function abortSignalOf(signal: Signal): AbortSignal {
  return signal instanceof Deadline ? signal.signal : (signal as AbortSignal)
}

/**
 * As `withDeadline`, and `work` is left behind when the time is up, whatever it waits for then. For reads, and for what
 * may be repeated; never for a write, whose end must be known.
 */
export function withinDeadline<T>(
  clock: Clock,
  options: DeadlineOptions | undefined,
  defaultTimeoutMs: number | undefined,
  work: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  return withDeadline(clock, options, defaultTimeoutMs, (deadline) => abortable(work(deadline), deadline))
}

/** Runs `work` under a deadline made of the caller's options, and clears its timer and listeners afterwards. */
export async function withDeadline<T>(
  clock: Clock,
  options: DeadlineOptions | undefined,
  defaultTimeoutMs: number | undefined,
  work: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(clock, options, defaultTimeoutMs)
  try {
    return await work(deadline)
  } finally {
    deadline[Symbol.dispose]()
  }
}
