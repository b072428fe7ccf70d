import type { Clock } from '../core/clock'

interface Timer {
  readonly at: number
  readonly order: number
  readonly fire: () => void
}

/**
 * A clock that stands still until it is told: `advance` fires what falls due, in order of time and then of setting,
 * and lets every promise that follows from it settle before the next timer fires.
 */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>()
  #now: number
  #elapsed = 0
  #order = 0

  /** `startAt` is the wall time it begins with, epoch ms. */
  constructor(startAt = Date.UTC(2026, 0, 1)) {
    this.#now = startAt
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#elapsed
  }

  timer(ms: number, fire: () => void): () => void {
    const timer: Timer = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, fire }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Timers that are set; a test that ends with any has leaked them. */
  get pending(): number {
    return this.#timers.size
  }

  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms
    await this.settle()
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#moveTo(next.at)
      this.#timers.delete(next)
      next.fire()
      await this.settle()
    }
    this.#moveTo(until)
  }

  /** Lets promises settle without moving time. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  #next(until: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.at > until) continue
      if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
    }
    return next
  }

  #moveTo(elapsed: number): void {
    this.#now += elapsed - this.#elapsed
    this.#elapsed = elapsed
  }
}
