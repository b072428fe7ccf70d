import type { Collection } from './collection'
import { badFormat } from './failure'
import { isObject, type JsonObject } from './json'
import { query } from './query'

/** The search endpoint from before `query`: a vector, perhaps `{ name, vector }`. */
export function search(collection: Collection, body: JsonObject): JsonObject[] {
  const { vector, ...rest } = body
  if (isObject(vector)) return query(collection, { ...rest, query: vector['vector'], using: vector['name'] })
  if (!Array.isArray(vector)) throw badFormat('data did not match any variant of untagged enum NamedVectorStruct')
  return query(collection, { ...rest, query: vector })
}

export function searches(collection: Collection, body: JsonObject): JsonObject[][] {
  const list = body['searches']
  if (!Array.isArray(list) || !list.every(isObject)) throw badFormat('missing field `searches`')
  return list.map((each) => search(collection, each))
}
