import type { Clock } from '../../core/clock'
import type { Scheduler } from './scheduler'

const startOfTime = Date.UTC(2026, 0, 1)

/** A machine's clock in virtual time. `jump` moves its wall time, as a correction by NTP does; durations stay true. */
export class VirtualClock implements Clock {
  readonly #scheduler: Scheduler
  #offset = 0
  #shown = Number.NEGATIVE_INFINITY

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  now(): number {
    return startOfTime + this.#scheduler.now + this.#offset
  }

  monotonic(): number {
    return this.#scheduler.now
  }

  timer(ms: number, fire: () => void): () => void {
    return this.#scheduler.after(ms, fire)
  }

  /** The latest wall time that it has ever shown. */
  get highest(): number {
    return Math.max(this.#shown, this.now())
  }

  jump(ms: number): void {
    this.#shown = this.highest
    this.#offset += ms
  }
}
