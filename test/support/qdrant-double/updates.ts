import type { Collection, Point } from './collection'
import { badFormat, badRequest, notFound, QdrantFailure } from './failure'
import type { Predicate } from './filter'
import { isObject, type JsonObject } from './json'
import { parsePath, withoutPath } from './payload-path'
import { type PointId, parsePointId, parsePointIds } from './point-id'
import { parseVectors, storedVector, type Vectors } from './vectors'

/** A checked write, ready to be done as one numbered operation. */
export type Operation = (version: number) => void

interface SentPoint {
  readonly id: PointId
  readonly vectors: Map<string, number[]>
  readonly payload: JsonObject
}

/** Servers before 1.16 do not know these fields and pass them over. */
const conditionalSince = [1, 16] as const

export function knowsConditions(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > conditionalSince[0] || (major === conditionalSince[0] && minor >= conditionalSince[1])
}

/** The points of an upsert, in rows or columns; what is wrong with the body is told before the collection is looked at. */
export function parseUpsert(body: JsonObject): SentPoint[] {
  const rows = Array.isArray(body['points']) ? body['points'] : columns(body['batch'])
  const points = rows.map((row): SentPoint => {
    if (!isObject(row)) throw badFormat('invalid type, expected struct PointStruct')
    const id = parsePointId(row['id'])
    if (!('vector' in row)) throw badFormat('missing field `vector`')
    return { id, vectors: parseVectors(row['vector']), payload: parsePayload(row['payload'] ?? {}) }
  })
  if (points.length === 0) throw badRequest('Empty update request')
  return points
}

function columns(batch: unknown): unknown[] {
  if (!isObject(batch) || !Array.isArray(batch['ids'])) {
    throw badFormat('data did not match any variant of untagged enum PointInsertOperations')
  }
  const { ids, vectors, payloads } = batch
  if (payloads !== undefined && payloads !== null && !(Array.isArray(payloads) && payloads.length === ids.length)) {
    throw badRequest('number of ids and payloads must be equal')
  }
  const vectorAt = (at: number): unknown => {
    if (Array.isArray(vectors)) return vectors[at]
    if (!isObject(vectors)) return undefined
    return Object.fromEntries(
      Object.entries(vectors).map(([name, list]) => [name, Array.isArray(list) ? list[at] : null]),
    )
  }
  if (Array.isArray(vectors) && vectors.length !== ids.length)
    throw badRequest('number of ids and vectors must be equal')
  return ids.map((id, at) => ({
    id,
    vector: vectorAt(at),
    payload: Array.isArray(payloads) ? payloads[at] : undefined,
  }))
}

function parsePayload(payload: unknown): JsonObject {
  if (!isObject(payload)) throw badFormat('invalid type, expected a map as payload')
  return payload
}

const stored = (sent: ReadonlyMap<string, number[]>, to: Collection): Vectors =>
  new Map([...sent].map(([name, numbers]) => [name, storedVector(numbers, name, to.spaces)]))

export function upsert(to: Collection, body: JsonObject, points: readonly SentPoint[], version: string): Operation {
  const ready = points.map(({ id, vectors, payload }) => ({ id, vectors: stored(vectors, to), payload }))
  const mode = knowsConditions(version) ? (body['update_mode'] ?? 'upsert') : 'upsert'
  if (!['upsert', 'insert_only', 'update_only'].includes(String(mode))) throw badFormat(`unknown variant \`${mode}\``)
  const condition = knowsConditions(version) ? to.predicate(body['update_filter'], 'update_filter') : () => true
  return (operation) => {
    for (const point of ready) {
      const there = to.get(point.id)
      if (there ? mode === 'insert_only' || !condition(there) : mode === 'update_only') continue
      to.put({ ...point, version: operation })
    }
  }
}

/** The points that a write names: by ids, whether they are there or not, or by a filter. */
interface Selection {
  readonly ids?: readonly PointId[]
  readonly filter?: Predicate
}

export function select(from: Collection, body: JsonObject): Selection {
  if (Array.isArray(body['points'])) return { ids: parsePointIds(body['points']) }
  if (isObject(body['filter'])) return { filter: from.predicate(body['filter']) }
  throw badFormat('data did not match any variant of untagged enum PointsSelector')
}

export function deletePoints(from: Collection, body: JsonObject): Operation {
  const selection = select(from, body)
  return () => {
    const ids = selection.filter ? from.matching(selection.filter).map((point) => point.id) : (selection.ids ?? [])
    for (const id of ids) from.remove(id)
  }
}

/** Replaces the points selected by what `change` makes of each. A point that is not there is an error, after the others. */
function changePoints(of: Collection, selection: Selection, change: (point: Point) => Partial<Point>): Operation {
  return (version) => {
    const points = selection.filter ? of.matching(selection.filter) : (selection.ids ?? []).map((id) => of.get(id))
    for (const point of points) if (point) of.put({ ...point, ...change(point), version })
    const missing = points.indexOf(undefined)
    if (missing >= 0) throw notFound(`No point with id ${selection.ids?.[missing]} found`)
  }
}

/** Merges at the top level; null takes a key away. */
function merged(into: JsonObject, payload: JsonObject): JsonObject {
  const kept = Object.entries({ ...into, ...payload }).filter(([key]) => payload[key] !== null)
  return Object.fromEntries(kept)
}

export function setPayload(of: Collection, body: JsonObject): Operation {
  const payload = parsePayload(body['payload'])
  if (body['key'] !== undefined && body['key'] !== null) throw new QdrantFailure(501, 'the double knows no payload key')
  return changePoints(of, select(of, body), (point) => ({ payload: merged(point.payload, payload) }))
}

export function overwritePayload(of: Collection, body: JsonObject): Operation {
  const payload = parsePayload(body['payload'])
  return changePoints(of, select(of, body), () => ({ payload }))
}

export function deletePayload(of: Collection, body: JsonObject): Operation {
  if (!Array.isArray(body['keys'])) throw badFormat('missing field `keys`')
  const paths = body['keys'].map(parsePath)
  const without = (payload: JsonObject): JsonObject =>
    paths.reduce((kept, path) => withoutPath(path, kept) as JsonObject, payload)
  return changePoints(of, select(of, body), (point) => ({ payload: without(point.payload) }))
}

export const clearPayload = (of: Collection, body: JsonObject): Operation =>
  changePoints(of, select(of, body), () => ({ payload: {} }))

export function updateVectors(of: Collection, body: JsonObject): Operation {
  const rows = body['points']
  if (!Array.isArray(rows) || rows.length === 0) throw badRequest('Empty update request')
  const sent = new Map(
    rows.map((row) => {
      if (!isObject(row)) throw badFormat('invalid type, expected struct PointVectors')
      return [parsePointId(row['id']), stored(parseVectors(row['vector']), of)] as const
    }),
  )
  return changePoints(of, { ids: [...sent.keys()] }, (point) => ({
    vectors: new Map([...point.vectors, ...(sent.get(point.id) ?? [])]),
  }))
}

export function deleteVectors(of: Collection, body: JsonObject): Operation {
  const names = body['vector']
  if (!Array.isArray(names) || names.length === 0) throw badFormat('missing field `vector`')
  return changePoints(of, select(of, body), (point) => ({
    vectors: new Map([...point.vectors].filter(([name]) => !names.includes(name))),
  }))
}

type Kind = (to: Collection, body: JsonObject, version: string) => Operation

const kinds: Record<string, Kind> = {
  upsert: (to, body, version) => upsert(to, body, parseUpsert(body), version),
  delete: deletePoints,
  delete_points: deletePoints,
  set_payload: setPayload,
  overwrite_payload: overwritePayload,
  delete_payload: deletePayload,
  clear_payload: clearPayload,
  update_vectors: updateVectors,
  delete_vectors: deleteVectors,
}

/** The operations of a batch request. */
export function batch(to: Collection, body: JsonObject, version: string): Operation[] {
  if (!Array.isArray(body['operations'])) throw badFormat('missing field `operations`')
  return body['operations'].map((each: unknown) => {
    const [[kind, inner] = []] = isObject(each) ? Object.entries(each) : []
    const make = kind === undefined ? undefined : kinds[kind]
    if (!make || !isObject(inner)) throw badFormat('data did not match any variant of untagged enum UpdateOperation')
    return make(to, inner, version)
  })
}
