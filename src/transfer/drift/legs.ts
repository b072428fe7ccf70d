import type { Json } from '../../core/json'
import { isUnitLength } from '../../embeddings/own-vectors'
import type { ImportSource, SourceRow } from '../import/source'
import { plainValue, valueAt, vectorOf } from '../import/values'

/** Which fields of a row say what; paths as in an import. What is not mapped is not compared. */
export interface DriftFields {
  /** Of the document, as the truth calls it. */
  readonly id: string
  /** A hash, a version or a time that changes with the document. */
  readonly stamp?: string | undefined
  readonly tenant?: string | undefined
  /** Of an index with several entries a document: which of them it is. Without it each document is there once. */
  readonly chunk?: string | undefined
  /** Of an index: its dimensions and its length tell another model. */
  readonly vector?: string | undefined
  /** Of the truth: the name of a blob that the document owns. */
  readonly blob?: string | undefined
}

/** One of the stores that are compared: the truth is the first. */
export interface DriftLeg {
  readonly name: string
  readonly source: ImportSource
  readonly fields: DriftFields
}

/** What is kept of a row, in the order in which it is written. */
export type LegEntry = readonly [
  leg: number,
  id: string,
  stamp: string | null,
  tenant: string | null,
  chunk: string | null,
  /** Dimensions, and `unit`, `zero` or `free` for its length; null where no vector is looked at. */
  shape: string | null,
]

/** Of a blob: by whom it is named, or that it is there. */
export const blobLegs = { named: -1, there: -2 } as const

/** The entry of a row. An id that an index lacks is told by the row's own, which no document has. */
export function entryOf(leg: number, { values }: Pick<SourceRow, 'values'>, fields: DriftFields): LegEntry {
  const own = ownIdOf(values)
  const id = textOf(valueAt(values, fields.id)) ?? `(without ${fields.id}) ${own ?? ''}`
  const told = (path: string | undefined): string | null => (path === undefined ? null : textOf(valueAt(values, path)))
  const shape = fields.vector === undefined ? null : shapeOf(valueAt(values, fields.vector))
  return [leg, id, stampOf(told(fields.stamp)), told(fields.tenant), told(fields.chunk), shape]
}

/** The id that a row has in its own store. */
export function ownIdOf(values: SourceRow['values']): string | null {
  return textOf(values['_id'] ?? values['id'])
}

/** As text, whatever its type: stores tell one value in several. Null for none. */
export function textOf(value: unknown): string | null {
  const plain = plainValue(value ?? null) as Json
  if (plain === null) return null
  return typeof plain === 'object' ? JSON.stringify(plain) : String(plain)
}

/** Times are compared as times: one store tells them with more digits, or in another zone, than the other. */
function stampOf(text: string | null): string | null {
  if (text === null || !/^\d{4}-\d\d-\d\d[T ]/.test(text)) return text
  const time = Date.parse(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))
  return Number.isNaN(time) ? text : `${time} ms`
}

function shapeOf(value: unknown): string {
  const vector = vectorOf(value)
  if (vector === undefined || typeof vector.length !== 'number') return 'none'
  let square = 0
  for (let at = 0; at < vector.length; at++) square += vector[at]! ** 2
  const length = square === 0 ? 'zero' : isUnitLength(Math.sqrt(square)) ? 'unit' : 'free'
  return `${vector.length} ${length}`
}
