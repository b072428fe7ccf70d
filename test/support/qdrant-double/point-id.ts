import { badFormat } from './failure'

/** An unsigned integer, or a UUID in lower case with hyphens. */
export type PointId = number | bigint | string

const uuid = /^(?:urn:uuid:)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/

export function parsePointId(value: unknown): PointId {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
  if (typeof value === 'bigint' && value >= 0n) return value
  const parts = typeof value === 'string' ? uuid.exec(value.toLowerCase()) : null
  if (parts) return parts.slice(1).join('-')
  throw badFormat(
    `value ${String(value)} is not a valid point ID, valid values are either an unsigned integer or a UUID`,
  )
}

export function parsePointIds(value: unknown): PointId[] {
  if (!Array.isArray(value)) throw badFormat('invalid type, expected a sequence of point ids')
  return value.map(parsePointId)
}

/** Integers first, in their order, then UUIDs in that of their bytes. */
export function compareIds(a: PointId, b: PointId): number {
  if ((typeof a === 'string') !== (typeof b === 'string')) return typeof a === 'string' ? 1 : -1
  return a < b ? -1 : a > b ? 1 : 0
}
