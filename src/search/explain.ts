import type { Clock } from '../core/clock'
import type { Leg, LegRank } from './fusion'

/** How a hit came to its place. */
export interface HitExplain extends Readonly<Partial<Record<Leg, LegRank>>> {
  /** With `diversity`: what likeness to better hits took from it, 0 to `diversity`. */
  readonly diversity?: { readonly penalty: number } | undefined
  /** Its place in the new order, from 1, and the score where one was given. */
  readonly rerank?: { readonly rank: number; readonly score?: number | undefined } | undefined
}

/** How a page came about. */
export interface PageExplain {
  /** How many candidates each leg gave, at the deepest that was asked. */
  readonly candidates: Readonly<Partial<Record<Leg, number>>>
  /** Of those, how many scored below `minScore`. */
  readonly belowMinScore: number
  /** What Postgres did not let pass. */
  readonly dropped: {
    /** No such chunk of this tenant: deleted, changed since, or never his. */
    readonly gone: number
    /** The document does not match the filter any more. */
    readonly filtered: number
    /** Under `groupBy`: further chunks of a document on the page. */
    readonly duplicates: number
  }
  /** How often the legs were asked again, deeper, because too few were left. */
  readonly refills: number
  /** Time for each part, ms; parts run side by side. */
  readonly ms: Readonly<Partial<Record<SearchPart, number>>>
  readonly cached: boolean
}

export type SearchPart = Leg | 'embedding' | 'diversity' | 'hydration' | 'facets' | 'rerank'

/** What is noted during one search. */
export class Trace {
  readonly candidates: Partial<Record<Leg, number>> = {}
  readonly ms: Partial<Record<SearchPart, number>> = {}
  belowMinScore = 0
  refills = 0
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async time<T>(part: SearchPart, work: () => Promise<T>): Promise<T> {
    const startedAt = this.#clock.monotonic()
    try {
      return await work()
    } finally {
      this.ms[part] = (this.ms[part] ?? 0) + this.#clock.monotonic() - startedAt
    }
  }
}
