import type { Signal } from '../core/abort'
import { type BulkheadOptions, FairGate } from './fair-gate'

export type { BulkheadOptions }

/** All callers of a store are one party: who came first is served first. */
const everybody = ''

/**
 * Limits what one store is asked at once. A slot passes straight to the caller who has waited longest, so nobody who
 * came later can take it; an aborted caller leaves the queue at once and frees its place.
 */
export class Bulkhead {
  readonly #gate: FairGate

  constructor(store: string, options: BulkheadOptions) {
    this.#gate = new FairGate('calls', options, store)
  }

  get active(): number {
    return this.#gate.active
  }

  get waiting(): number {
    return this.#gate.waiting
  }

  /** Waits for a slot; the function returned gives it back and may be called more than once. */
  enter(signal: Signal): Promise<() => void> {
    return this.#gate.enter(everybody, signal)
  }

  /** A slot, given back as with `enter`, if one is free. */
  tryEnter(): (() => void) | undefined {
    return this.#gate.tryEnter()
  }
}
