import { type CallOptions, throwIfAborted } from '../../core/abort'
import type { IndexAlias } from '../index-marker'

/** Aliases of indexes in memory; one goes with its index. */
export class MemoryAlias<I extends { readonly name: string }> implements IndexAlias<I> {
  readonly #check: (index: I) => unknown
  readonly #names = new Map<string, string>()

  /** `check` throws for an index that is not there. */
  constructor(check: (index: I) => unknown) {
    this.#check = check
  }

  async leadsTo(alias: string, index: I, call?: CallOptions): Promise<boolean> {
    throwIfAborted(call?.signal)
    return this.#names.get(alias) === index.name
  }

  async set(alias: string, index: I, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    this.#check(index)
    this.#names.set(alias, index.name)
  }

  /** The first half of a change that is never finished. @internal */
  lose(alias: string): void {
    this.#names.delete(alias)
  }

  forget(index: I): void {
    for (const [alias, name] of this.#names) if (name === index.name) this.#names.delete(alias)
  }
}
