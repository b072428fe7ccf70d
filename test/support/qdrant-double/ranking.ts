import type { Collection, Point } from './collection'
import type { Predicate } from './filter'
import { compareIds } from './point-id'
import { type Distance, largerIsBetter, score } from './vectors'

export interface Scored {
  readonly point: Point
  readonly score: number
  /** The value it was ordered by; null for points in the order of their ids, undefined for scored ones. */
  readonly orderValue?: unknown
}

/** Nearest first. Equal scores come by id: descending where larger is better, ascending for distances. */
export function nearest(
  points: readonly Point[],
  query: Float32Array,
  name: string,
  distance: Distance,
  filter: Predicate,
): Scored[] {
  const sign = largerIsBetter(distance) ? -1 : 1
  const found: Scored[] = []
  for (const point of points) {
    const vector = point.vectors.get(name)
    if (vector && filter(point)) found.push({ point, score: score(distance, query, vector) })
  }
  return found.sort((a, b) => sign * (a.score - b.score || compareIds(a.point.id, b.point.id)))
}

/** Reciprocal rank fusion, ranks from 0. Which of two equal sums comes first is open in Qdrant; here the smaller id. */
export function reciprocalRank(lists: readonly (readonly Scored[])[], k: number): Scored[] {
  const sums = new Map<Point, number>()
  for (const list of lists) {
    for (const [rank, { point }] of list.entries()) {
      sums.set(point, Math.fround((sums.get(point) ?? 0) + Math.fround(1 / (k + rank))))
    }
  }
  return [...sums]
    .map(([point, sum]) => ({ point, score: sum }))
    .sort((a, b) => b.score - a.score || compareIds(a.point.id, b.point.id))
}

/** Maximal marginal relevance: scores stay those of the query, only the order is diversified. */
export function diversified(
  candidates: readonly Scored[],
  collection: Collection,
  name: string,
  diversity: number,
  limit: number,
): Scored[] {
  const { distance } = collection.spaces.get(name)!
  const sign = largerIsBetter(distance) ? 1 : -1
  const left = [...candidates]
  const chosen: Scored[] = []
  while (left.length > 0 && chosen.length < limit) {
    let best = 0
    let bestWorth = Number.NEGATIVE_INFINITY
    for (const [at, candidate] of left.entries()) {
      const vector = candidate.point.vectors.get(name)!
      const alike = chosen.map((each) => sign * score(distance, vector, each.point.vectors.get(name)!))
      const worth = (1 - diversity) * sign * candidate.score - (alike.length > 0 ? diversity * Math.max(...alike) : 0)
      // The last of equals is taken, as the server does; only the first pick keeps the query's order.
      if (worth > bestWorth || (worth === bestWorth && chosen.length > 0)) {
        best = at
        bestWorth = worth
      }
    }
    chosen.push(...left.splice(best, 1))
  }
  return chosen
}
