import type { CallOptions } from './abort'
import { abortable, throwIfAborted } from './abort'
import type { Clock } from './clock'
import { HeadwaterError } from './errors'

/**
 * An absolute point in time and a signal that fires then (or when the caller aborts). It is made once at the public
 * method and handed down, so that retries and layers share one allowance.
 */
export class Deadline implements Disposable {
  readonly #clock: Clock
  readonly #at: number
  readonly #controller = new AbortController()
  readonly #undo: (() => void)[] = []

  constructor(clock: Clock, options: CallOptions = {}, defaultTimeoutMs = Number.POSITIVE_INFINITY) {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
    if (!(timeoutMs >= 0)) {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `timeoutMs must be 0 or more, got ${timeoutMs}`, {
        path: 'timeoutMs',
      })
    }
    throwIfAborted(options.signal)
    this.#clock = clock
    this.#at = clock.monotonic() + timeoutMs
    const { signal } = options
    if (signal) {
      const abort = (): void => this.#controller.abort(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      this.#undo.push(() => signal.removeEventListener('abort', abort))
    }
    if (Number.isFinite(timeoutMs)) {
      const expire = (): void => this.#controller.abort(this.error())
      this.#undo.push(clock.timer(timeoutMs, expire))
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
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
    for (const undo of this.#undo.splice(0)) undo()
  }
}

/**
 * As `withDeadline`, and `work` is left behind when the time is up, whatever it waits for then. For reads, and for what
 * may be repeated; never for a write, whose end must be known.
 */
export function withinDeadline<T>(
  clock: Clock,
  options: CallOptions | undefined,
  defaultTimeoutMs: number | undefined,
  work: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  return withDeadline(clock, options, defaultTimeoutMs, (deadline) => abortable(work(deadline), deadline.signal))
}

/** Runs `work` under a deadline made of the caller's options, and clears its timer and listeners afterwards. */
export async function withDeadline<T>(
  clock: Clock,
  options: CallOptions | undefined,
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
