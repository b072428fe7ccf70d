import { HeadwaterError } from '../../core/errors'
import type { VectorPoint } from '../vectors'

/** Requests of one call that travel at once. */
const inFlight = 2
/** Digits, sign, point and comma of one number at most. */
const bytesPerNumber = 24
/** What Qdrant takes; beyond it a request fails in ways that look like an outage. */
const maxRequestBytes = 32 * 2 ** 20

/**
 * Groups whose sizes in JSON stay within both bounds; one above `bytes` alone is a group of its own, and one that no
 * request can hold is HW_LIMIT_EXCEEDED before anything is sent.
 */
export function batchesOf<T>(
  items: readonly T[],
  limits: { readonly points: number; readonly bytes: number },
  bytesOf: (item: T) => number,
): T[][] {
  const batches: T[][] = []
  let batch: T[] = []
  let bytes = 0
  for (const item of items) {
    const size = bytesOf(item)
    if (size > maxRequestBytes) {
      throw new HeadwaterError(
        'HW_LIMIT_EXCEEDED',
        `qdrant: one point of ${size} bytes is above the ${maxRequestBytes} that a request may have`,
        { path: 'points', details: { bytes: size, limit: maxRequestBytes } },
      )
    }
    if (batch.length > 0 && (batch.length >= limits.points || bytes + size > limits.bytes)) {
      batches.push(batch)
      batch = []
      bytes = 0
    }
    batch.push(item)
    bytes += size
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}

/** An upper bound of a point's size in a request, without writing its vector out; of the payload as JSON. */
export function sizeOf(dimensions: number, payload: string): number {
  return 200 + dimensions * bytesPerNumber + Buffer.byteLength(payload)
}

/** Of an id twice in a call the highest fence counts, and of equal ones the last. */
export function distinctPoints<T extends Pick<VectorPoint, 'id' | 'fence'>>(points: readonly T[]): T[] {
  const byId = new Map<string, T>()
  for (const point of points) {
    const other = byId.get(point.id)
    if (!other || other.fence <= point.fence) byId.set(point.id, point)
  }
  return byId.size === points.length ? [...points] : [...byId.values()]
}

export function checkFences(points: readonly Pick<VectorPoint, 'fence'>[]): void {
  const at = points.findIndex(({ fence }) => !Number.isSafeInteger(fence) || fence < 0)
  if (at < 0) return
  throw new HeadwaterError(
    'HW_INVALID_ARGUMENT',
    `points[${at}].fence must be a whole number below 2^53, got ${points[at]!.fence}`,
    { path: `points[${at}].fence` },
  )
}

/** Runs `work` on each, two at a time; after a failure no more are begun, and what runs is waited for. */
export async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values()
  const failures: unknown[] = []
  const runner = async (): Promise<void> => {
    for (const item of rest) {
      if (failures.length > 0) return
      await work(item).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, items.length) }, runner))
  if (failures.length > 0) throw failures[0]
}
