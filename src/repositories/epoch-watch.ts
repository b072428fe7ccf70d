import type { Clock } from '../core/clock'
import type { Truth } from './truth'

/** How long a process may believe what it has read of the epoch, ms. */
const believedMs = 1_000

/**
 * The epoch of the truth as this process knows it: what caches put into their keys. It is read again at the first use
 * after a second, so that within about that time of a restore nothing from before it is served any more. While the
 * truth cannot be asked, the last known one stands: a cache goes on without it. Before one is known there are no keys:
 * what is kept under others than those of the other processes is not deleted by them.
 */
export class EpochWatch {
  readonly #truth: Truth
  readonly #clock: Clock
  #known = 0
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(truth: Truth, clock: Clock) {
    this.#truth = truth
    this.#clock = clock
  }

  /** For keys; see `refresh`. */
  readonly current = (): number => this.#known

  /** Reads it if the last reading is old, or older than a receipt of this epoch. Rejects only before one is known. */
  async refresh(atLeast = 0): Promise<void> {
    if (this.#known >= atLeast && this.#clock.monotonic() - this.#readAt < believedMs) return
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    await this.#reading
  }

  async #read(): Promise<void> {
    try {
      this.#known = await this.#truth.session({ worker: true }).registry.epoch()
    } catch (error) {
      // Asked again a second later.
      if (this.#known === 0) throw error
    }
    this.#readAt = this.#clock.monotonic()
  }
}
