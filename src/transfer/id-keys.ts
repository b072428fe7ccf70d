import { createHash } from 'node:crypto'
import { keyBytes } from './sorted-runs'

/** Of an id, of a length that does not depend on it. */
export function keyOf(id: string): Buffer {
  return createHash('sha256').update(id).digest().subarray(0, keyBytes)
}
