import { describeValue } from '../../core/describe-value'
import { isHeadwaterError } from '../../core/errors'
import { sha256 } from '../../core/ids'
import { isPlainObject, type JsonObject } from '../../core/json'
import { normalizeMetadata } from '../../filter/metadata'
import { checkId, type DocumentInput } from '../../writer/write/document-input'
import type { PlannedPart } from './plan'
import type { SourceRow } from './source'
import { plainValue, valueAt, vectorOf } from './values'

/** How a document differs from its row. */
export type ImportChange =
  /** The id was no text of 1 to 512 printable bytes: it is a hash of it, and the metadata `importedId` has the id. */
  | 'id hashed'
  /** The id was a number. */
  | 'id made text'
  /** Metadata that no filter can hold is in `keptAsJson`, as text. */
  | 'metadata kept as JSON'
  /** There is no vector: the collection's embedder makes one, where it has one of this space. */
  | 'without vector'

export interface MappedRow {
  /** Of the document, as far as the row has one. */
  readonly id: string | null
  /** Absent where the row can be none; `problem` says why. */
  readonly document?: DocumentInput | undefined
  readonly problem?: string | undefined
  readonly changes: readonly ImportChange[]
}

/** What documents have as their source, by which a later run knows its own. */
export function importSource(name: string, { part }: Pick<PlannedPart, 'part'>): string {
  return `import:${name}/${part}`
}

/** The document that a row becomes. It is checked when it is written. */
export function mapRow({ values, problem }: SourceRow, part: PlannedPart, name: string): MappedRow {
  const { fields, space } = part
  if (problem !== undefined) return { id: null, problem, changes: [] }
  const given = valueAt(values, fields.id)
  const id = idOf(given)
  if (!id) return { id: null, problem: `${fields.id}: ${describeValue(given)} is no id`, changes: [] }
  const changes: ImportChange[] = id.change ? [id.change] : []
  const text = valueAt(values, fields.text)
  if (typeof text !== 'string' || text.trim() === '') {
    return { id: id.id, problem: `${fields.text}: there is no text`, changes }
  }
  const found = metadataOf(values, fields)
  const { metadata, kept } = filterable(found)
  if (kept) changes.push('metadata kept as JSON')
  if (id.change === 'id hashed') metadata['importedId'] = String(given)
  const vector = fields.vector && space ? vectorOf(valueAt(values, fields.vector)) : undefined
  if (space && vector === undefined) changes.push('without vector')
  const title = fields.title ? valueAt(values, fields.title) : undefined
  const document: DocumentInput = {
    id: id.id,
    text,
    metadata,
    source: importSource(name, part),
    ...(typeof title === 'string' && { title }),
    ...(vector !== undefined && { vector: vector as readonly number[] }),
  }
  return { id: id.id, document, changes }
}

function idOf(given: unknown): { readonly id: string; readonly change?: ImportChange } | undefined {
  if (typeof given === 'bigint') return { id: String(given), change: 'id made text' }
  if (typeof given === 'number') {
    // Beyond that, JSON has rounded it: two ids may have become one.
    return Math.abs(given) <= Number.MAX_SAFE_INTEGER ? { id: String(given), change: 'id made text' } : undefined
  }
  if (typeof given !== 'string' || given === '') return undefined
  try {
    return { id: checkId(given) }
  } catch {
    return { id: `sha256-${sha256(given)}`, change: 'id hashed' }
  }
}

/** Of objects their keys, of other values their last names; what became id, text, title or vector is not repeated. */
function metadataOf(values: SourceRow['values'], fields: PlannedPart['fields']): Record<string, unknown> {
  const taken = new Set([fields.id, fields.text, fields.title, fields.vector])
  const found: Record<string, unknown> = Object.create(null)
  for (const path of fields.metadata ?? []) {
    let value = valueAt(values, path)
    // A column of text may hold the JSON.
    if (typeof value === 'string' && value.startsWith('{')) value = parsed(value)
    if (!isPlainObject(value)) {
      if (value !== undefined) found[path.slice(path.lastIndexOf('.') + 1)] = plainValue(value)
      continue
    }
    for (const [name, one] of Object.entries(value)) {
      if (!taken.has(`${path}.${name}`)) found[name] = plainValue(one)
    }
  }
  return found
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Metadata as documents may have it; the keys that they may not have stand together as JSON. */
function filterable(found: Record<string, unknown>): { metadata: JsonObject; kept: boolean } {
  const whole = normalized(found)
  if (whole) return { metadata: whole, kept: false }
  const metadata: JsonObject = {}
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(found)) {
    const one = normalized({ [name]: value })
    if (one) Object.assign(metadata, one)
    else kept[name] = value
  }
  if (Object.keys(kept).length === 0) return { metadata, kept: false }
  return { metadata: { ...metadata, keptAsJson: jsonText(kept) }, kept: true }
}

function normalized(found: Record<string, unknown>): JsonObject | undefined {
  try {
    return normalizeMetadata({ ...found }).metadata
  } catch (error) {
    if (isHeadwaterError(error)) return undefined
    throw error
  }
}

/** Numbers that JSON has not are told by their names. */
function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'number' && !Number.isFinite(one) ? String(one) : one,
  ).toWellFormed()
}
