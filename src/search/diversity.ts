import type { Candidate } from './fusion'

/** So many of the best are compared with one another; those behind follow in their order. */
export const diversityPool = 100

/**
 * Maximal marginal relevance: takes one after the other the candidate whose relevance (fused score, 0 to 1 within the
 * pool) is least diminished by its likeness (cosine, 0 to 1) to one that is taken already. `diversity` weighs the two: 0
 * keeps the order, 1 looks at likeness alone. A candidate without a vector is like none. Ties keep their order.
 */
export function diversify(
  candidates: readonly Candidate[],
  vectors: ReadonlyMap<string, Float32Array>,
  diversity: number,
): Candidate[] {
  const pool = candidates.slice(0, diversityPool)
  const scores = pool.map(({ score }) => score)
  const [least, most] = [Math.min(...scores), Math.max(...scores)]
  const relevance = scores.map((score) => (most === least ? 1 : (score - least) / (most - least)))
  const units = pool.map(({ id }) => unit(vectors.get(id)))
  const likeness = pool.map(() => 0)
  const left = new Set(pool.keys())
  const taken: Candidate[] = []
  while (left.size > 0) {
    let best = -1
    let bestValue = Number.NEGATIVE_INFINITY
    for (const at of left) {
      const value = (1 - diversity) * relevance[at]! - diversity * likeness[at]!
      if (best < 0 || value > bestValue) [best, bestValue] = [at, value]
    }
    left.delete(best)
    taken.push({ ...pool[best]!, penalty: diversity * likeness[best]! })
    for (const at of left) likeness[at] = Math.max(likeness[at]!, cosine(units[at], units[best]))
  }
  return [...taken, ...candidates.slice(diversityPool)]
}

function unit(vector: Float32Array | undefined): Float32Array | undefined {
  if (!vector) return undefined
  const length = Math.sqrt(dot(vector, vector))
  return length === 0 ? undefined : vector.map((value) => value / length)
}

function cosine(a: Float32Array | undefined, b: Float32Array | undefined): number {
  return a && b ? Math.max(0, dot(a, b)) : 0
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
