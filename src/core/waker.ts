import { type Clock, sleep } from './clock'

/** Loops that wait until something wakes them, and miss nothing that did while they were at work. */
export class Waker {
  readonly #sleepers = new Set<() => void>()
  #wakes = 0

  /** How often it has been called so far: to be read before a round, and given to `idle` after it. */
  get wakes(): number {
    return this.#wakes
  }

  wake(): void {
    this.#wakes++
    for (const wake of this.#sleepers) wake()
  }

  /** Waits `ms` (undefined: for as long as it takes), unless it is woken, was since `wakes`, or the signal aborts. */
  async idle(clock: Clock, ms: number | undefined, wakes: number, signal: AbortSignal): Promise<void> {
    if (this.#wakes !== wakes || signal.aborted) return
    const woken = new AbortController()
    const wake = (): void => woken.abort()
    this.#sleepers.add(wake)
    signal.addEventListener('abort', wake, { once: true })
    try {
      if (ms !== undefined) await sleep(clock, ms, woken.signal)
      else await new Promise<void>((resolve) => woken.signal.addEventListener('abort', () => resolve()))
    } catch {
      // Woken early, which is what the signal is for.
    } finally {
      signal.removeEventListener('abort', wake)
      this.#sleepers.delete(wake)
    }
  }
}
