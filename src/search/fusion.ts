import type { IndexHit } from '../repositories/index-entry'

export type Leg = 'text' | 'vector'

/** Where a leg had a candidate: rank from 1, and the engine's own score. */
export interface LegRank {
  readonly rank: number
  readonly score: number
}

export interface Candidate {
  readonly id: string
  readonly document: string
  readonly score: number
  readonly legs: Readonly<Partial<Record<Leg, LegRank>>>
}

export interface FusionOptions {
  /** Damps the lead of the first ranks; 60 by default. */
  readonly k: number
  readonly weights: Readonly<Record<Leg, number>>
  /** The legs that were asked for, whether they answered or not. */
  readonly legs: readonly Leg[]
}

/**
 * Reciprocal rank fusion: each leg gives weight / (k + rank). Asked alone, a leg keeps its own order and scores. Ties go by
 * id, so that equal inputs give equal pages.
 */
export function fuse(legs: Readonly<Partial<Record<Leg, readonly IndexHit[]>>>, options: FusionOptions): Candidate[] {
  const single = options.legs.length === 1
  const found = new Map<string, { id: string; document: string; score: number; legs: Partial<Record<Leg, LegRank>> }>()
  for (const leg of options.legs) {
    const hits = legs[leg] ?? []
    hits.forEach(({ id, document, score }, at) => {
      const candidate = found.get(id) ?? { id, document, score: 0, legs: {} }
      found.set(id, candidate)
      candidate.legs[leg] = { rank: at + 1, score }
      candidate.score += single ? score : options.weights[leg] / (options.k + at + 1)
    })
  }
  return [...found.values()].sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
}
