import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import { checkedName } from '../../core/ids'
import { isPlainObject } from '../../core/json'
import { refuseUnknown } from '../../core/known-options'
import type { FieldMapping, SourceDistance } from './source'

/** What an import is to do: `inspect` proposes it, a person changes it, `apply` runs it. */
export interface ImportPlan {
  readonly format: 1
  /** Names the import for good: documents have it in `source`, its cursors are kept under it. */
  readonly name: string
  readonly parts: readonly PlannedPart[]
}

/** What becomes of a part of the source. A part that is taken out of the plan stays behind. */
export interface PlannedPart {
  /** As the source calls it. */
  readonly part: string
  readonly tenant: string
  readonly collection: string
  readonly fields: FieldMapping
  /** The space of its vectors; null where it has none. */
  readonly space: PlannedSpace | null
}

export interface PlannedSpace {
  /** The fingerprint: names the model. Null until somebody says it; then nothing is imported. */
  readonly name: string | null
  readonly dimensions: number
  /** How the source compares them, for `verify`; cosine when left out. */
  readonly distance?: SourceDistance | undefined
}

const partKeys = { part: true, tenant: true, collection: true, fields: true, space: true }
const fieldKeys = { id: true, text: true, title: true, vector: true, metadata: true }
const distances: readonly unknown[] = ['cosine', 'dot', 'euclid', 'manhattan'] satisfies SourceDistance[]

/** A plan that can be run, of what is in a file. HW_INVALID_ARGUMENT names the path at fault. */
export function checkPlan(given: unknown): ImportPlan {
  if (!isPlainObject(given)) throw invalid('plan', `must be an object, got ${describeValue(given)}`)
  refuseUnknown(given, { format: true, name: true, parts: true }, '', 'HW_INVALID_ARGUMENT')
  const { format, name, parts } = given
  if (format !== 1) throw invalid('format', `must be 1, got ${describeValue(format)}`)
  if (!Array.isArray(parts) || parts.length === 0) throw invalid('parts', 'must be a list of at least one part')
  const checked = parts.map((part: unknown, at) => checkPart(part, `parts[${at}]`))
  const named = checked.map(({ part }) => part)
  const twice = named.find((one, at) => named.indexOf(one) !== at)
  if (twice !== undefined) throw invalid('parts', `${describeValue(twice)} is there twice`)
  checked.forEach(({ collection, space }, at) => {
    const first = checked.find((one) => one.collection === collection && one.space)?.space
    if (!space || (space.name === first?.name && space.dimensions === first.dimensions)) return
    throw invalid(`parts[${at}].space`, 'another part brings vectors of another space into this collection')
  })
  return { format, name: checkedName(name, 'name'), parts: checked }
}

function checkPart(given: unknown, path: string): PlannedPart {
  if (!isPlainObject(given)) throw invalid(path, `must be an object, got ${describeValue(given)}`)
  refuseUnknown(given, partKeys, path, 'HW_INVALID_ARGUMENT')
  const { part, tenant, collection, fields, space } = given
  return {
    part: checkedPath(part, `${path}.part`),
    tenant: checkedName(tenant, `${path}.tenant`),
    collection: checkedName(collection, `${path}.collection`),
    fields: checkFields(fields, `${path}.fields`),
    space: checkSpace(space, isPlainObject(fields) ? fields['vector'] : null, `${path}.space`),
  }
}

function checkFields(given: unknown, path: string): FieldMapping {
  if (!isPlainObject(given)) throw invalid(path, `must be an object, got ${describeValue(given)}`)
  refuseUnknown(given, fieldKeys, path, 'HW_INVALID_ARGUMENT')
  const { id, text, title = null, vector = null, metadata = [] } = given
  if (!Array.isArray(metadata)) throw invalid(`${path}.metadata`, `must be a list, got ${describeValue(metadata)}`)
  return {
    id: checkedPath(id, `${path}.id`),
    text: checkedPath(text, `${path}.text`),
    title: title === null ? null : checkedPath(title, `${path}.title`),
    vector: vector === null ? null : checkedPath(vector, `${path}.vector`),
    metadata: metadata.map((one: unknown, at) => checkedPath(one, `${path}.metadata[${at}]`)),
  }
}

function checkSpace(given: unknown, vector: unknown, path: string): PlannedSpace | null {
  if ((given ?? null) === null) {
    if ((vector ?? null) === null) return null
    throw invalid(path, 'vectors are mapped: say { name, dimensions }, or set fields.vector to null to embed anew')
  }
  if (!isPlainObject(given)) throw invalid(path, `must be an object or null, got ${describeValue(given)}`)
  if ((vector ?? null) === null) throw invalid(path, 'must be null where fields.vector is')
  refuseUnknown(given, { name: true, dimensions: true, distance: true }, path, 'HW_INVALID_ARGUMENT')
  const { name, dimensions, distance = 'cosine' } = given
  if ((name ?? null) === null)
    throw invalid(`${path}.name`, 'name the model that made the vectors: it is their fingerprint')
  if (!(Number.isInteger(dimensions) && (dimensions as number) >= 1 && (dimensions as number) <= 65_536)) {
    throw invalid(`${path}.dimensions`, `must be a whole number from 1 to 65536, got ${describeValue(dimensions)}`)
  }
  if (!distances.includes(distance)) {
    throw invalid(`${path}.distance`, `must be one of ${distances.join(', ')}, got ${describeValue(distance)}`)
  }
  return {
    name: checkedName(name, `${path}.name`),
    dimensions: dimensions as number,
    distance: distance as SourceDistance,
  }
}

function checkedPath(value: unknown, path: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw invalid(path, `must be a text, got ${describeValue(value)}`)
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
