import type { IndexHit } from '../repositories/index-entry'

export type Leg = 'text' | 'vector'

/** How the legs' answers become one: by ranks, or by scores. */
export type FusionMethod = 'rrf' | 'weighted'

/** What is used where a query says nothing. */
export const defaultFusion: FusionMethod = 'weighted'

/** Where a leg had a candidate: rank from 1, the engine's own score, and what that gave to the fused score. */
export interface LegRank {
  readonly rank: number
  readonly score: number
  readonly part: number
}

export interface Candidate {
  readonly id: string
  readonly document: string
  readonly score: number
  readonly legs: Readonly<Partial<Record<Leg, LegRank>>>
  /** What diversity took from it. */
  readonly penalty?: number | undefined
}

/** One answer of a leg, best first. A leg gives one for each phrasing. */
export interface LegList {
  readonly leg: Leg
  readonly hits: readonly IndexHit[]
}

export interface FusionOptions {
  readonly method: FusionMethod
  /** Damps the lead of the first ranks; 60 by default. */
  readonly k: number
  readonly weights: Readonly<Record<Leg, number>>
  /** The lists that were asked for, whether they were answered or not: how many of each leg. */
  readonly asked: Readonly<Partial<Record<Leg, number>>>
}

/** Parts of one list's hits in the fused score, and that of a candidate which the list lacks. */
interface Parts {
  readonly of: readonly number[]
  readonly lacking: number
}

/**
 * One list of candidates, best first. A list asked alone keeps its own order and scores. Ties go by id, so that equal
 * inputs give equal pages.
 */
export function fuse(lists: readonly LegList[], options: FusionOptions): Candidate[] {
  const alone = (options.asked.text ?? 0) + (options.asked.vector ?? 0) === 1
  const found = new Map<string, Mutable<Candidate, LegParts>>()
  const lacking = new Map<Leg, number>()
  for (const { leg, hits } of lists) {
    const parts = alone ? { of: hits.map(({ score }) => score), lacking: 0 } : partsOf(leg, hits, options)
    lacking.set(leg, (lacking.get(leg) ?? 0) + parts.lacking)
    for (const [at, { id, document, score }] of hits.entries()) {
      // What the lists that lack it give is added to all below, so that it is taken off here.
      const part = parts.of[at]! - parts.lacking
      const candidate = found.get(id)
      if (!candidate) {
        found.set(id, { id, document, score: 0, legs: { [leg]: { rank: at + 1, score, part } } })
        continue
      }
      const before = candidate.legs[leg]
      if (!before) {
        candidate.legs[leg] = { rank: at + 1, score, part }
        continue
      }
      before.part += part
      if (before.rank <= at + 1) continue
      before.rank = at + 1
      before.score = score
    }
  }
  const all = [...found.values()]
  const least = [...lacking.values()].reduce((sum, part) => sum + part, 0)
  const worded = options.method === 'weighted' && all.some(({ legs }) => legs.text)
  for (const candidate of all) {
    candidate.score = least
    // The best of what has none of the words comes after the best that has them, also where a model sees noise alone.
    const share = worded && !candidate.legs.text ? wordless : 1
    for (const [leg, lacked] of lacking) {
      const given = candidate.legs[leg]
      if (!given) continue
      given.part *= share
      candidate.score += given.part
      given.part += lacked
    }
  }
  return all.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
}

/** While they are made, nothing is copied: there are hundreds, of which ten are shown. */
type LegParts = Partial<Record<Leg, { -readonly [K in keyof LegRank]: LegRank[K] }>>
type Mutable<C extends Candidate, L> = { -readonly [K in keyof C]: K extends 'legs' ? L : C[K] }

function partsOf(leg: Leg, hits: readonly IndexHit[], options: FusionOptions): Parts {
  return options.method === 'rrf' ? reciprocalRanks(leg, hits, options) : normalisedScores(leg, hits, options)
}

/** Reciprocal rank fusion: weight / (k + rank). */
function reciprocalRanks(leg: Leg, hits: readonly IndexHit[], { k, weights }: FusionOptions): Parts {
  return { of: hits.map((_, at) => weights[leg] / (k + at + 1)), lacking: 0 }
}

/**
 * What likeness counts of a candidate that has none of the words, where others have some: enough to lose a tie, and no
 * more. With 0.9 what a model is sure of fell behind what has a common word of the question.
 */
const wordless = 0.999

/** From so many hits on, the last one of the vector leg is taken for what has nothing to do with the query. */
const wholeList = 50

/**
 * A convex combination of scores between 0 and 1. Words: divided by the best score, as 0 means that none is held.
 * Vectors: between the last and the best, since a model's cosines may all lie in a narrow band; a short list says little
 * of that band and is measured from nearer 0. A candidate that the vector leg lacks is worth what its last one is.
 */
function normalisedScores(leg: Leg, hits: readonly IndexHit[], { weights, asked }: FusionOptions): Parts {
  const [best, last] = [hits[0]?.score ?? 0, hits.at(-1)?.score ?? 0]
  const total = (asked.text ? weights.text : 0) + (asked.vector ? weights.vector : 0)
  const share = total === 0 ? 0 : weights[leg] / total / (asked[leg] ?? 1)
  const least = leg === 'text' ? 0 : last * (last > 0 ? Math.min(1, hits.length / wholeList) : 1)
  const of = hits.map(({ score }) => share * (best > least ? (score - least) / (best - least) : 1))
  return { of, lacking: leg === 'vector' ? (of.at(-1) ?? 0) : 0 }
}

/** Those hits that score enough, in their own leg's score. */
export function atLeast(list: LegList, minScore: Readonly<Partial<Record<Leg, number>>>): LegList {
  const least = minScore[list.leg]
  return least === undefined ? list : { ...list, hits: list.hits.filter(({ score }) => score >= least) }
}
