import type { Collection, Point } from './collection'
import { badFormat, badRequest } from './failure'
import type { Predicate } from './filter'
import { parseInstant } from './instant'
import { asFloat, isObject } from './json'
import { indexedValues } from './payload-index'
import { compareIds } from './point-id'

export interface OrderedPoint {
  readonly point: Point
  readonly value: unknown
}

/** Points by the values of an indexed field; one with several values comes several times, one without not at all. */
export function orderedBy(collection: Collection, filter: Predicate, order: unknown): OrderedPoint[] {
  const { key, direction = 'asc', start_from: start } = isObject(order) ? order : { key: order }
  if (typeof key !== 'string') throw badFormat('data did not match any variant of untagged enum OrderByInterface')
  const index = collection.indexes.get(key)
  if (!index || !['integer', 'float', 'datetime'].includes(index.type)) {
    throw badRequest(`No range index for \`order_by\` key: \`${key}\`. Please create one to use \`order_by\`.`)
  }
  const sign = direction === 'desc' ? -1 : 1
  const number = (value: unknown): number =>
    (typeof value === 'string' ? parseInstant(value) : asFloat(value)) ?? Number.NaN
  return collection
    .matching(filter)
    .flatMap((point) => indexedValues(index, point.payload).map((value) => ({ point, value })))
    .filter(({ value }) => start === undefined || start === null || sign * (number(value) - number(start)) >= 0)
    .sort((a, b) => sign * (number(a.value) - number(b.value) || compareIds(a.point.id, b.point.id)))
    .map(({ point, value }) => ({ point, value: typeof value === 'string' ? number(value) : value }))
}
