import { abortError, offAbort, onAbort, type Signal, throwIfAborted } from '../core/abort'
import { HeadwaterError } from '../core/errors'

export interface BulkheadOptions {
  /** Calls that run at once. */
  readonly concurrency: number
  /** Calls that may wait for their turn; one more is HW_OVERLOADED. */
  readonly queue: number
}

/**
 * Limits what one store is asked at once. A slot passes straight to the caller who has waited longest, so nobody who
 * came later can take it; an aborted caller leaves the queue at once and frees its place.
 */
export class Bulkhead {
  readonly #store: string
  readonly #options: BulkheadOptions
  readonly #waiting = new Set<() => void>()
  #active = 0

  constructor(store: string, options: BulkheadOptions) {
    this.#store = store
    this.#options = options
  }

  get active(): number {
    return this.#active
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Waits for a slot; the function returned gives it back and may be called more than once. */
  async enter(signal: Signal): Promise<() => void> {
    throwIfAborted(signal)
    const leave = this.tryEnter()
    if (leave) return leave
    await this.#queue(signal)
    return this.#exit()
  }

  /** A slot, given back as with `enter`, if one is free. */
  tryEnter(): (() => void) | undefined {
    if (this.#active >= this.#options.concurrency) return undefined
    this.#active++
    return this.#exit()
  }

  #exit(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      this.#leave()
    }
  }

  #leave(): void {
    const [next] = this.#waiting
    if (next) next()
    else this.#active--
  }

  #queue(signal: Signal): Promise<void> {
    const { concurrency, queue } = this.#options
    if (this.#waiting.size >= queue) {
      throw new HeadwaterError(
        'HW_OVERLOADED',
        `${this.#store}: ${concurrency} calls are running and ${queue} are waiting, which is the limit`,
        { details: { store: this.#store, active: this.#active, waiting: this.#waiting.size } },
      )
    }
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        this.#waiting.delete(turn)
        offAbort(signal, aborted)
        resolve()
      }
      const aborted = (): void => {
        this.#waiting.delete(turn)
        reject(abortError(signal))
      }
      this.#waiting.add(turn)
      onAbort(signal, aborted)
    })
  }
}
