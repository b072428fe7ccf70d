import type { Collection } from './collection'
import { badFormat, badRequest, invalid } from './failure'
import type { Predicate } from './filter'
import { asInteger, type JsonObject } from './json'

/** `limit` and its like: a positive integer. `request` is its place in messages. */
export function positive(body: JsonObject, name: string, byDefault: number, request: string): number {
  const value = body[name]
  if (value === undefined || value === null) return byDefault
  const number = asInteger(value)
  if (number === undefined || number < 0) throw badFormat(`invalid value for ${name}, expected usize`)
  if (Number(number) < 1) throw invalid(`${request}.${name}: value 0 invalid, must be 1 or larger`)
  return Number(number)
}

/** Strict mode: the largest limit of a read. */
export function checkLimit(collection: Collection, limit: number): void {
  const strict = collection.config.strict_mode_config
  const most = strict?.['enabled'] === true ? asInteger(strict['max_query_limit']) : undefined
  if (most !== undefined && limit > most) {
    throw badRequest(
      `Limit exceeded ${limit} > ${most} for "limit". Help: Reduce the "limit" parameter to or below ${most}.`,
    )
  }
}

/** A read's filter; under strict mode every key that it reads may need an index. */
export function readFilter(collection: Collection, body: JsonObject, request: string): Predicate {
  const strict = collection.config.strict_mode_config
  const indexedOnly = strict?.['enabled'] === true && strict['unindexed_filtering_retrieve'] === false
  return collection.predicate(body['filter'], request, (key) => {
    if (!indexedOnly || collection.indexes.has(key)) return
    throw badRequest(`Index required but not found for "${key}". Help: Create an index for this key.`)
  })
}
