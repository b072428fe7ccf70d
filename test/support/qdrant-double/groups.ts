import type { Collection } from './collection'
import { badFormat, badRequest } from './failure'
import { asInteger, type JsonObject } from './json'
import { checkLimit, positive } from './limits'
import { indexedValues } from './payload-index'
import { elementsAt, parsePath } from './payload-path'
import { compareIds } from './point-id'
import { run, shown } from './query'
import type { Scored } from './ranking'
import { shower } from './shown-point'

/** The best hits of each value of a field, groups by their best hit. Points without the field are in none. */
export function queryGroups(collection: Collection, body: JsonObject): JsonObject[] {
  const path = parsePath(body['group_by'])
  const limit = positive(body, 'limit', 10, 'internal')
  const size = positive(body, 'group_size', 3, 'internal')
  checkLimit(collection, limit * size)
  const show = shower(body)
  const groups = new Map<unknown, Scored[]>()
  for (const hit of run(collection, body, () => true, Math.max(limit * size, collection.size))) {
    for (const value of new Set(elementsAt(path, hit.point.payload))) {
      if (typeof value !== 'string' && asInteger(value) === undefined) continue
      const hits = groups.get(value) ?? []
      groups.set(value, [...hits, hit])
    }
  }
  return [...groups].slice(0, limit).map(([value, hits]) => ({
    hits: tiesById(hits)
      .slice(0, size)
      .map((hit) => shown(hit, show(hit.point))),
    id: value,
  }))
}

/** Within a group equal scores come by ascending id, unlike in a plain query. */
function tiesById(hits: readonly Scored[]): Scored[] {
  const rank = new Map<number, number>()
  for (const [at, hit] of hits.entries()) if (!rank.has(hit.score)) rank.set(hit.score, at)
  return [...hits].sort((a, b) => rank.get(a.score)! - rank.get(b.score)! || compareIds(a.point.id, b.point.id))
}

/** How many points have each value of an indexed field, most first. */
export function facet(collection: Collection, body: JsonObject): JsonObject[] {
  const key = body['key']
  if (typeof key !== 'string') throw badFormat('missing field `key`')
  const index = collection.indexes.get(key)
  if (!index || !['keyword', 'integer', 'bool', 'uuid'].includes(index.type)) {
    throw badRequest(
      `Index required but not found for "${key}" of one of the following types: [keyword, integer, uuid, bool].`,
    )
  }
  const limit = positive(body, 'limit', 10, 'facet_request')
  const counts = new Map<unknown, number>()
  for (const point of collection.matching(collection.predicate(body['filter'], 'facet_request'))) {
    for (const value of new Set(indexedValues(index, point.payload))) counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  const smaller = (a: unknown, b: unknown): number => ((a as string) < (b as string) ? -1 : 1)
  return [...counts]
    .sort(([a, many], [b, more]) => more - many || smaller(a, b))
    .slice(0, limit)
    .map(([value, count]) => ({ value, count }))
}
