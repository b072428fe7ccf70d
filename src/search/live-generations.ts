import type { Clock } from '../core/clock'
import { Deadline } from '../core/deadline'
import { HeadwaterError } from '../core/errors'
import type { CollectionName, Scope } from '../core/ids'
import type { Generation } from '../repositories/generations'
import type { Truth } from '../repositories/truth'

/** What a search is answered from. */
export interface Live {
  readonly generations: readonly Generation[]
  /** Rejects when others are live by now: to be awaited before anything is made of what the indexes gave. */
  readonly confirmed: Promise<void>
}

/** The live generations of each collection. The rows in the truth are the authority; what was read before is a guess. */
export class LiveGenerations {
  readonly #truth: Truth
  readonly #clock: Clock
  readonly #known = new Map<CollectionName, readonly Generation[]>()

  constructor(truth: Truth, clock: Clock) {
    this.#truth = truth
    this.#clock = clock
  }

  async read({ tenant, collection }: Scope): Promise<readonly Generation[]> {
    const found = await this.#truth.session({ tenant }).generations.list({ collection, states: ['live'] })
    this.#known.set(collection, found)
    return found
  }

  /**
   * `work` over the live generations. It begins with those that were live last time, while they are read anew: what it
   * gave counts if they still are, else it is given up and runs again. Names are never used again, and all that are kept
   * follow the writes, so an index that is live when it is read again answered as it should a moment before.
   */
  async run<T>(scope: Scope, deadline: Deadline, work: (live: Live, deadline: Deadline) => Promise<T>): Promise<T> {
    const known = this.#known.get(scope.collection)
    const reading = this.read(scope)
    if (known) {
      const guess = new Deadline(this.#clock, deadline.options())
      try {
        const confirmed = reading.then((found) => {
          if (!areSame(known, found)) throw new HeadwaterError('HW_ABORTED', 'Another generation is live by now')
        })
        const answer = work({ generations: known, confirmed }, guess)
        // Whichever fails first is told; the other must not be left to nobody.
        answer.catch(() => undefined)
        confirmed.catch((error: unknown) => guess.abort(error))
        if (areSame(known, await reading)) return await answer
      } finally {
        guess[Symbol.dispose]()
      }
    }
    return work({ generations: await reading, confirmed: Promise.resolve() }, deadline)
  }
}

function areSame(some: readonly Generation[], others: readonly Generation[]): boolean {
  const identity = (list: readonly Generation[]): string =>
    JSON.stringify(
      list.map(({ id, name, fingerprint, language, chunking }) => [id, name, fingerprint, language, chunking]),
    )
  return identity(some) === identity(others)
}
