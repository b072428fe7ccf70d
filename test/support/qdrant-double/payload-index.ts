import { badFormat } from './failure'
import { parseInstant } from './instant'
import { asFloat, asInteger, isObject, type JsonObject } from './json'
import { elementsAt, type PayloadPath, parsePath } from './payload-path'

const indexTypes = ['keyword', 'integer', 'float', 'bool', 'geo', 'datetime', 'text', 'uuid'] as const
type IndexType = (typeof indexTypes)[number]

/** A payload index. It changes the meaning of text matches and is asked for by order_by, facets and strict mode. */
export interface PayloadIndex {
  readonly path: PayloadPath
  readonly type: IndexType
  /** As it was given, when it was given as an object. */
  readonly params?: JsonObject
}

export function parseIndex(field: unknown, schema: unknown): PayloadIndex {
  const named = isObject(schema) ? schema['type'] : schema
  const type = indexTypes.find((each) => each === named)
  if (!type) throw badFormat('data did not match any variant of untagged enum PayloadFieldSchema')
  return { path: parsePath(field), type, ...(isObject(schema) && { params: schema }) }
}

const uuid = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

const holds: Record<IndexType, (element: unknown) => boolean> = {
  keyword: (element) => typeof element === 'string',
  text: (element) => typeof element === 'string',
  uuid: (element) => typeof element === 'string' && uuid.test(element),
  integer: (element) => asInteger(element) !== undefined,
  float: (element) => asFloat(element) !== undefined,
  bool: (element) => typeof element === 'boolean',
  datetime: (element) => typeof element === 'string' && parseInstant(element) !== undefined,
  geo: (element) => isObject(element) && asFloat(element['lon']) !== undefined && asFloat(element['lat']) !== undefined,
}

/** The values that the index holds of a payload. */
export const indexedValues = (index: PayloadIndex, payload: JsonObject): unknown[] =>
  elementsAt(index.path, payload).filter(holds[index.type])
