import type { Signal } from '../../core/abort'
import { sleep } from '../../core/clock'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { backoffMs } from '../../resilience/backoff'
import type { WriterPorts } from '../ports'

const backoff = { baseMs: 200, maxMs: 30_000 }
const mostOverloads = 20
const firstRestMs = 100
const mostRestMs = 5_000

/**
 * Keeps long work behind those who wait for answers: no more than `rate` entries a second, and after a store said that
 * it has too much to do (HW_OVERLOADED, which a 429 is too) a rest between batches, which shrinks as long as none says so
 * again.
 */
export class Pace {
  readonly #ports: Pick<WriterPorts, 'clock' | 'random'>
  readonly #rate: number
  readonly #signal: Signal
  #nextAt = 0
  #restMs = 0

  constructor(ports: Pick<WriterPorts, 'clock' | 'random'>, rate: number | undefined, signal: Signal) {
    if (rate !== undefined && !(rate > 0)) {
      throw new HeadwaterError('HW_INVALID_OPTIONS', `rate: must be entries a second, more than 0, got ${rate}`, {
        path: 'rate',
      })
    }
    this.#ports = ports
    this.#rate = rate ?? Number.POSITIVE_INFINITY
    this.#signal = signal
  }

  /** Does `work`, again after a while where a store has too much to do. */
  async through<T>(work: () => Promise<T>): Promise<T> {
    for (let overloads = 0; ; overloads++) {
      try {
        return await work()
      } catch (error) {
        if (!isHeadwaterError(error, 'HW_OVERLOADED') || overloads === mostOverloads) throw error
        this.#restMs = Math.min(mostRestMs, Math.max(firstRestMs, this.#restMs * 2))
        const waitMs = backoffMs(overloads, backoff, this.#ports.random, error.retryAfterMs)
        await sleep(this.#ports.clock, Math.max(this.#restMs, waitMs), this.#signal)
      }
    }
  }

  /** Waits until so many entries may have been done. */
  async after(entries: number): Promise<void> {
    const { clock } = this.#ports
    const now = clock.monotonic()
    this.#nextAt = Math.max(this.#nextAt, now) + (entries * 1_000) / this.#rate
    const waitMs = Math.max(this.#nextAt - now, this.#restMs)
    this.#restMs = this.#restMs < 1 ? 0 : this.#restMs * 0.9
    if (waitMs >= 1) await sleep(clock, waitMs, this.#signal)
  }
}
