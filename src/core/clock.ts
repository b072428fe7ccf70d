import { offAbort, onAbort, type Signal, throwIfAborted } from './abort'

/**
 * Time as a port: the simulator and the tests bring their own, so that no code under test ever waits in earnest.
 * `now` is wall time in epoch ms; `monotonic` never goes back and is for durations and deadlines, ms.
 */
export interface Clock {
  now(): number
  monotonic(): number
  /** Calls back after `ms`; the returned function cancels. `background` timers never keep a process alive. */
  timer(ms: number, fire: () => void, options?: { background?: boolean }): () => void
  /** Lets timers, sockets and other calls have their turn; absent where time is not the system's. */
  turn?(): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, fire, options) {
    const handle = setTimeout(fire, Math.min(Math.max(0, ms), 2 ** 31 - 1))
    if (options?.background) handle.unref()
    return () => clearTimeout(handle)
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}

/** Waits `ms`; rejects with HW_ABORTED as soon as the signal aborts, and leaves no timer and no listener behind. */
export function sleep(clock: Clock, ms: number, signal?: Signal, options?: { background?: boolean }): Promise<void> {
  throwIfAborted(signal)
  return new Promise((resolve, reject) => {
    const cancel = clock.timer(ms, done, options)
    function done(): void {
      offAbort(signal, aborted)
      resolve()
    }
    function aborted(): void {
      cancel()
      offAbort(signal, aborted)
      try {
        throwIfAborted(signal)
      } catch (error) {
        reject(error)
      }
    }
    onAbort(signal, aborted)
  })
}
