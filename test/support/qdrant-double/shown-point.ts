import type { Point } from './collection'
import { badFormat } from './failure'
import { isObject, type JsonObject } from './json'
import { onlyPaths, parsePath, withoutPath } from './payload-path'
import { shownVectors } from './vectors'

type Show = (point: Point) => JsonObject

/** What an answer shows of a point: `with_payload` and `with_vector` as the request has them. */
export function shower(body: JsonObject, payloadByDefault = false): Show {
  const payload = payloadShower(body['with_payload'] ?? payloadByDefault)
  const wanted = body['with_vector'] ?? body['with_vectors']
  return (point) => {
    const shown: JsonObject = { id: point.id }
    if (payload) shown['payload'] = payload(point.payload)
    const vector = shownVectors(point.vectors, wanted)
    if (vector !== undefined) shown['vector'] = vector
    return shown
  }
}

function payloadShower(wanted: unknown): ((payload: JsonObject) => unknown) | undefined {
  if (wanted === false) return undefined
  if (wanted === true) return (payload) => payload
  const include = Array.isArray(wanted) ? wanted : isObject(wanted) ? wanted['include'] : undefined
  if (Array.isArray(include)) {
    const paths = include.map(parsePath)
    return (payload) => onlyPaths(paths, payload)
  }
  const exclude = isObject(wanted) ? wanted['exclude'] : undefined
  if (!Array.isArray(exclude)) throw badFormat('data did not match any variant of untagged enum WithPayloadInterface')
  const paths = exclude.map(parsePath)
  return (payload) => paths.reduce<unknown>((kept, path) => withoutPath(path, kept), payload)
}
