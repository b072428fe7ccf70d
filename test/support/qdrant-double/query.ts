import type { Collection, Point } from './collection'
import { badFormat, badRequest, QdrantFailure, wrongInput } from './failure'
import type { Predicate } from './filter'
import { asFloat, asInteger, isObject, type JsonObject } from './json'
import { checkLimit, positive, readFilter } from './limits'
import { orderedBy } from './ordering'
import { parsePointId } from './point-id'
import { diversified, nearest, reciprocalRank, type Scored } from './ranking'
import { shower } from './shown-point'
import { denseNumbers, largerIsBetter, shortest, storedVector, type VectorSpace } from './vectors'

/** A query's answer: scored points, best first. */
export function query(collection: Collection, body: JsonObject): JsonObject[] {
  const limit = positive(body, 'limit', 10, 'internal')
  const offset = Number(asInteger(body['offset'] ?? 0) ?? 0)
  checkLimit(collection, limit)
  const found = run(collection, body, () => true, limit + offset)
  const show = shower(body)
  return found.slice(offset).map((each) => shown(each, show(each.point)))
}

export function shown(each: Scored, point: JsonObject): JsonObject {
  const { id, ...rest } = point
  return {
    id,
    // What was not scored has no version either.
    version: each.orderValue === undefined ? each.point.version : 0,
    score: shortest(each.score),
    ...rest,
    ...(each.orderValue !== undefined && each.orderValue !== null && { order_value: each.orderValue }),
  }
}

/** Runs a query or prefetch; `outer` is the filter of the query around it. */
export function run(collection: Collection, body: JsonObject, outer: Predicate, limit: number): Scored[] {
  const form = parseForm(body['query'])
  const own = readFilter(collection, body, 'internal')
  const filter: Predicate = (subject) => outer(subject) && own(subject)
  const lists = prefetches(body['prefetch']).map((each) =>
    run(collection, each, filter, positive(each, 'limit', 10, 'internal.prefetch')),
  )
  const points = lists.length > 0 ? union(lists) : collection.ordered()
  const threshold = asFloat(body['score_threshold'])
  if (form.kind === 'ids') {
    return points
      .filter(filter)
      .slice(0, limit)
      .map((point) => ({ point, score: 1, orderValue: null }))
  }
  if (form.kind === 'order') {
    const among = new Set(points)
    return orderedBy(collection, (subject) => filter(subject) && among.has(subject as Point), form.by)
      .slice(0, limit)
      .map(({ point, value }) => ({ point, score: 1, orderValue: value }))
  }
  if (form.kind === 'rrf') {
    if (lists.length === 0) throw badRequest('cannot do Fusion without prefetches')
    const fused = reciprocalRank(lists, form.k)
    return fused.filter((each) => threshold === undefined || each.score >= threshold).slice(0, limit)
  }
  const name = typeof body['using'] === 'string' ? body['using'] : ''
  const space = collection.spaces.get(name)
  if (!space) throw wrongInput(`Not existing vector name error: ${name}`)
  const target = resolve(collection, form.target, name, filter)
  const ranked = nearest(points, target.vector, name, space.distance, target.filter).filter((each) =>
    within(each.score, threshold, space),
  )
  if (!form.mmr) return ranked.slice(0, limit)
  const diversity = asFloat(form.mmr['diversity']) ?? 0.5
  const candidates = positive(form.mmr, 'candidates_limit', Math.max(limit, 100), 'internal.query.mmr')
  return diversified(ranked.slice(0, candidates), collection, name, diversity, limit)
}

type Form =
  | { readonly kind: 'ids' }
  | { readonly kind: 'order'; readonly by: unknown }
  | { readonly kind: 'rrf'; readonly k: number }
  | { readonly kind: 'nearest'; readonly target: unknown; readonly mmr?: JsonObject }

function parseForm(form: unknown): Form {
  if (form === undefined || form === null) return { kind: 'ids' }
  if (!isObject(form)) return { kind: 'nearest', target: checkTarget(form) }
  if ('nearest' in form) {
    const target = checkTarget(form['nearest'])
    return { kind: 'nearest', target, ...(isObject(form['mmr']) && { mmr: form['mmr'] }) }
  }
  if ('order_by' in form) return { kind: 'order', by: form['order_by'] }
  if (form['fusion'] === 'rrf') return { kind: 'rrf', k: 2 }
  if (isObject(form['rrf'])) return { kind: 'rrf', k: positive(form['rrf'], 'k', 2, 'internal.query.rrf') }
  throw new QdrantFailure(501, `the double knows no query of the form ${Object.keys(form).join(', ')}`)
}

function checkTarget(target: unknown): unknown {
  if (denseNumbers(target)) return target
  if (target === null || typeof target === 'boolean' || typeof target === 'object') {
    throw badFormat('Expected some form of vector, id, or a type of query')
  }
  return parsePointId(target)
}

/** The vector to be near to; a point that is named by its id is left out of its own neighbours. */
function resolve(collection: Collection, target: unknown, name: string, filter: Predicate) {
  const numbers = denseNumbers(target)
  if (numbers) return { vector: storedVector(numbers, name, collection.spaces), filter }
  const point = collection.require(parsePointId(target))
  const vector = point.vectors.get(name)
  if (!vector) throw badRequest(`Point ${point.id} has no vector ${name}`)
  return { vector, filter: (subject: Parameters<Predicate>[0]) => subject.id !== point.id && filter(subject) }
}

function prefetches(prefetch: unknown): JsonObject[] {
  if (prefetch === undefined || prefetch === null) return []
  const list = Array.isArray(prefetch) ? prefetch : [prefetch]
  if (!list.every(isObject)) throw badFormat('data did not match any variant of untagged enum Prefetch')
  return list
}

const union = (lists: readonly (readonly Scored[])[]): Point[] => [
  ...new Set(lists.flatMap((list) => list.map((each) => each.point))),
]

const within = (score: number, threshold: number | undefined, space: VectorSpace): boolean =>
  threshold === undefined || (largerIsBetter(space.distance) ? score >= threshold : score <= threshold)
