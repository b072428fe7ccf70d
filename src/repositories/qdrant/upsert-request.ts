import type { QdrantRequest } from '../../connections/qdrant/operations'
import { mostFloatBytes, writeFloat32 } from '../../core/write-number'
import type { VectorPoint } from '../vectors'
import type { QdrantFilter } from './conditions'
import type { StoredPayload } from './payload'

export interface EncodedPoint<P = Omit<VectorPoint, 'vector'>> {
  readonly point: P
  readonly payload: StoredPayload
  /** The payload as it is sent. */
  readonly json: string
}

const comma = 44
/** Bytes of a number and its comma: at most, and of one between -1 and 1. */
const longestNumber = mostFloatBytes + 1
const usualNumber = 14

/** The body of an upsert: written out once, for numbers are most of it; for a client of the user's, as an object. */
export function upsertRequest(
  vectorName: string,
  points: readonly EncodedPoint<VectorPoint>[],
  fence: QdrantFilter,
): Pick<QdrantRequest, 'body' | 'written'> {
  return {
    body: () => ({
      points: points.map(({ point: { id, vector }, payload }) => ({
        id,
        vector: { [vectorName]: Array.from(vector) },
        payload,
      })),
      update_filter: fence,
    }),
    written: () => written(vectorName, points, fence),
  }
}

function written(vectorName: string, points: readonly EncodedPoint<VectorPoint>[], fence: QdrantFilter): Uint8Array {
  const beforeVector = `,"vector":{${JSON.stringify(vectorName)}:[`
  const end = `],"update_filter":${JSON.stringify(fence)}}`
  const room = (one: EncodedPoint<VectorPoint>): number => {
    return (
      (one.point.id.length + beforeVector.length + one.json.length) * 3 + one.point.vector.length * longestNumber + 64
    )
  }
  const expected = points.reduce((sum, { point, json }) => sum + json.length + point.vector.length * usualNumber, 0)
  let bytes: Buffer = Buffer.allocUnsafe(expected + 64 * points.length + Buffer.byteLength(end) + 1_024)
  let at = bytes.write('{"points":[')
  for (const [i, one] of points.entries()) {
    const { point, json } = one
    bytes = roomy(bytes, at, room(one))
    at += bytes.write(`${i === 0 ? '' : ','}{"id":${JSON.stringify(point.id)}${beforeVector}`, at)
    const { vector } = point
    for (let d = 0; d < vector.length; d++) {
      at = writeFloat32(vector[d]!, bytes, at)
      bytes[at++] = comma
    }
    // Over the last comma.
    at += bytes.write(`]},"payload":${json}}`, at - 1) - 1
  }
  bytes = roomy(bytes, at, end.length * 3)
  at += bytes.write(end, at)
  return bytes.subarray(0, at)
}

function roomy(bytes: Buffer, used: number, more: number): Buffer {
  if (bytes.length - used >= more) return bytes
  const larger = Buffer.allocUnsafe(2 * bytes.length + more)
  bytes.copy(larger, 0, 0, used)
  return larger
}
