import { abortError, offAbort, onAbort, type Signal, throwIfAborted } from '../core/abort'
import { HeadwaterError } from '../core/errors'

export interface BulkheadOptions {
  /** Calls that run at once. */
  readonly concurrency: number
  /** Calls that may wait for their turn; one more is HW_OVERLOADED. */
  readonly queue: number
}

interface Waiter {
  readonly turn: () => void
  readonly refuse: (error: HeadwaterError) => void
}

/**
 * Lets whole calls in, so many at once, before any of their work is paid for; what their statements then wait for in
 * the bulkheads of the stores is bounded by that. Those who wait are served party by party in turn, in each the one
 * who came first; where the queue is full, the party with the most waiters loses its last one to a party with fewer.
 */
export class FairGate {
  readonly #what: string
  readonly #options: BulkheadOptions
  readonly #store: string | undefined
  /** By party, the one whose turn it is first. */
  readonly #waiting = new Map<string, Set<Waiter>>()
  #active = 0
  #count = 0

  /** `what` names the calls: `searches`; `store` whose they are, if they are one's own. */
  constructor(what: string, options: BulkheadOptions, store?: string) {
    this.#what = what
    this.#options = options
    this.#store = store
  }

  get active(): number {
    return this.#active
  }

  get waiting(): number {
    return this.#count
  }

  /** A place if one is free and nobody waits; the function returned gives it back, once. */
  tryEnter(): (() => void) | undefined {
    if (this.#active >= this.#options.concurrency) return undefined
    this.#active++
    return this.#exit()
  }

  /** Waits for a place. HW_OVERLOADED where too many do. */
  async enter(party: string, signal: Signal): Promise<() => void> {
    throwIfAborted(signal)
    const leave = this.tryEnter()
    if (leave) return leave
    if (this.#count >= this.#options.queue) this.#makeRoom(party)
    await this.#queue(party, signal)
    return this.#exit()
  }

  #exit(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      this.#next()
    }
  }

  #next(): void {
    const [first] = this.#waiting
    if (!first) {
      this.#active--
      return
    }
    const [party, waiters] = first
    const [waiter] = waiters
    this.#remove(party, waiter!)
    if (this.#waiting.delete(party) && waiters.size > 0) this.#waiting.set(party, waiters)
    waiter!.turn()
  }

  #makeRoom(party: string): void {
    let [most, waiters]: [string, Set<Waiter>] = [party, this.#waiting.get(party) ?? new Set()]
    const own = waiters.size
    for (const [name, those] of this.#waiting) if (those.size > waiters.size) [most, waiters] = [name, those]
    if (waiters.size <= own + 1) throw this.#overloaded()
    const last = [...waiters].at(-1)!
    this.#remove(most, last)
    last.refuse(this.#overloaded())
  }

  #queue(party: string, signal: Signal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        turn: () => {
          offAbort(signal, aborted)
          resolve()
        },
        refuse: (error) => {
          offAbort(signal, aborted)
          reject(error)
        },
      }
      const aborted = (): void => {
        this.#remove(party, waiter)
        reject(abortError(signal))
      }
      const waiters = this.#waiting.get(party) ?? new Set()
      this.#waiting.set(party, waiters.add(waiter))
      this.#count++
      onAbort(signal, aborted)
    })
  }

  #remove(party: string, waiter: Waiter): void {
    const waiters = this.#waiting.get(party)
    if (!waiters?.delete(waiter)) return
    this.#count--
    if (waiters.size === 0) this.#waiting.delete(party)
  }

  #overloaded(): HeadwaterError {
    const { concurrency, queue } = this.#options
    const store = this.#store
    const whose = store === undefined ? '' : `${store}: `
    return new HeadwaterError(
      'HW_OVERLOADED',
      `${whose}${concurrency} ${this.#what} are running and ${queue} are waiting, which is the limit`,
      { details: { ...(store !== undefined && { store }), active: this.#active, waiting: this.#count } },
    )
  }
}
