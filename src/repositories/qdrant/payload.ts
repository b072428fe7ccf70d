import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { LeafType, LeafValue, Leaves } from '../../filter/parsed'
import { inputOf } from '../entry-stamp'
import { isHashed } from '../filter-tokens'
import type { IndexEntry, IndexPayload } from '../index-entry'
import { type IndexFormat, payloadMade } from '../index-format'
import type { VectorIndex, VectorPoint } from '../vectors'
import { leafKeyOf, payloadKey } from './payload-key'
import { leavesOfTokens, tokensOf } from './tokens'

/** Names of the fixed keys; leaves have a letter and `_` before theirs, so the two never meet. */
export const keys = Object.freeze({
  tenant: 'tenant',
  document: 'document',
  source: 'source',
  createdAt: 'created',
  updatedAt: 'updated',
  version: 'version',
  fence: 'f',
  stamp: 'stamp',
  /** What is asked by equality, from format 2 on; see tokens.ts. */
  tokens: 'tokens',
  /** The half of the stamp that tells the vector's input: a filter cannot look at the start of a value. */
  input: 'input',
})

/** What a scan needs of a point. */
export const entryKeys = Object.freeze([keys.tenant, keys.document, keys.fence, keys.stamp])
/** What a hit needs. */
export const hitKeys = Object.freeze([keys.document, keys.fence])

export type StoredPayload = Record<string, unknown>

/** What this version makes. */
export const qdrantFormat: IndexFormat = Object.freeze({ words: 1, payload: payloadMade })

export function payloadFormat({ format = qdrantFormat }: VectorIndex): number {
  return format.payload
}

export function encodePayload({ fence, stamp, payload }: Omit<VectorPoint, 'vector'>, format: number): StoredPayload {
  const { tenant, document, source, createdAt, updatedAt, version, leaves } = payload
  const stored: StoredPayload = {
    [keys.tenant]: tenant,
    [keys.document]: document,
    [keys.createdAt]: isoOf(createdAt, 'payload.createdAt'),
    [keys.updatedAt]: isoOf(updatedAt, 'payload.updatedAt'),
    [keys.version]: version,
    [keys.fence]: fence,
    [keys.stamp]: stamp,
    [keys.input]: inputOf(stamp),
  }
  if (source !== null) stored[keys.source] = source
  const readable = format >= 2
  if (readable) stored[keys.tokens] = tokensOf(payload)
  for (const [key, values] of Object.entries(leaves)) {
    if (readable && isReadable(key[0] as LeafType, values)) continue
    stored[payloadKey(key[0] as LeafType, key.slice(2))] = values
  }
  return stored
}

/** True where the values are in the terms already, and nothing asks for them by a range. */
function isReadable(type: LeafType, values: readonly LeafValue[]): boolean {
  return type === 'b' || (type === 's' && !values.some(isHashed))
}

/** The reverse, of any format. What a stranger wrote or damaged becomes empty rather than an error: a deep check finds it. */
export function decodePoint(id: string, stored: StoredPayload, vector: Float32Array): VectorPoint {
  const entry = decodeEntry(id, stored)
  const source = stored[keys.source]
  const version = stored[keys.version]
  const payload: IndexPayload = {
    tenant: entry.tenant as TenantId,
    document: entry.document,
    source: typeof source === 'string' ? source : null,
    createdAt: millisOf(stored[keys.createdAt]),
    updatedAt: millisOf(stored[keys.updatedAt]),
    version: typeof version === 'number' ? version : 0,
    leaves: decodeLeaves(stored),
  }
  return { id, fence: entry.fence ?? 0, stamp: entry.stamp, payload, vector }
}

/** Tenant, document and stamp are empty where the point has none. */
export function decodeEntry(id: string, stored: StoredPayload): IndexEntry {
  const text = (key: string): string => (typeof stored[key] === 'string' ? stored[key] : '')
  const fence = stored[keys.fence]
  return {
    id,
    tenant: text(keys.tenant),
    document: text(keys.document),
    fence: typeof fence === 'number' ? fence : null,
    stamp: text(keys.stamp),
  }
}

function decodeLeaves(stored: StoredPayload): Leaves {
  const tokens = stored[keys.tokens]
  const leaves: [string, LeafValue[]][] = Array.isArray(tokens) ? Object.entries(leavesOfTokens(tokens)) : []
  for (const key of Object.keys(stored)) {
    const leaf = leafKeyOf(key)
    const values = stored[key]
    if (leaf !== undefined && Array.isArray(values)) leaves.push([leaf, values])
  }
  return Object.fromEntries(leaves)
}

/** As RFC 3339, which a datetime index reads; the range is that of four-digit years. */
function isoOf(millis: number, path: string): string {
  if (Number.isInteger(millis) && millis >= earliest && millis <= latest) return new Date(millis).toISOString()
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path} must be whole epoch ms within the years 0 to 9999`, { path })
}

/** First and last instants that four digits of a year can say, epoch ms. */
export const earliest = Date.parse('0000-01-01T00:00:00.000Z')
export const latest = Date.parse('9999-12-31T23:59:59.999Z')

function millisOf(value: unknown): number {
  const millis = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(millis) ? 0 : millis
}
