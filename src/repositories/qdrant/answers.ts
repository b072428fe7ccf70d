import { HeadwaterError } from '../../core/errors'
import type { IndexEntry, IndexHit } from '../index-entry'
import type { VectorPoint } from '../vectors'
import { decodeEntry, decodePoint, keys, type StoredPayload } from './payload'

/** A property of an answer, or undefined where there is none. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** A list of an answer. What is none is no empty list: the answer is not Qdrant's, or cut. */
export function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new HeadwaterError('HW_UNAVAILABLE', 'qdrant: the answer lacks the list that was asked for', {
    cause: value,
    details: { store: 'qdrant' },
  })
}

export function payloadOf(point: unknown): StoredPayload {
  const payload = field(point, 'payload')
  return typeof payload === 'object' && payload !== null ? (payload as StoredPayload) : {}
}

export function idOf(point: unknown): string {
  return String(field(point, 'id'))
}

export function entryOf(point: unknown): IndexEntry {
  return decodeEntry(idOf(point), payloadOf(point))
}

export function pointOf(point: unknown, name: string): VectorPoint {
  const values = field(field(point, 'vector'), name)
  return decodePoint(idOf(point), payloadOf(point), Float32Array.from(Array.isArray(values) ? values : []))
}

/** The score as 'higher is better': a distance is negated. */
export function hitOf(point: unknown, isDistance: boolean): IndexHit {
  const payload = payloadOf(point)
  const document = payload[keys.document]
  const fence = payload[keys.fence]
  const score = Number(field(point, 'score'))
  return {
    id: idOf(point),
    document: typeof document === 'string' ? document : '',
    score: isDistance ? 0 - score : score,
    fence: typeof fence === 'number' ? fence : 0,
  }
}
