import { throwIfAborted } from '../core/abort'
import { HeadwaterError } from '../core/errors'
import { tenantId } from '../core/ids'
import type { BlobSource } from './blobs'

/** The bytes of a source, piece by piece; strings are UTF-8. */
export async function* bytesOf(source: BlobSource, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  if (typeof source === 'string') yield Buffer.from(source, 'utf8')
  else if (source instanceof Uint8Array) yield source
  else {
    for await (const piece of source) {
      throwIfAborted(signal)
      if (!(piece instanceof Uint8Array)) {
        throw new HeadwaterError('HW_INVALID_ARGUMENT', `source: pieces must be Uint8Array, got ${typeof piece}`, {
          path: 'source',
        })
      }
      yield piece
    }
  }
}

const keyPattern = /^[0-9a-f]{64}$/

/** Refuses what could name anything but a blob of this tenant. */
export function checkBlobName(tenant: string, key?: string): void {
  tenantId(tenant)
  if (key === undefined || (typeof key === 'string' && keyPattern.test(key))) return
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `key: ${JSON.stringify(key)} is not 64 lower-case hex digits`, {
    path: 'key',
  })
}

export function checkExpectedKey(key: string, expected: string | undefined): void {
  if (expected === undefined || expected === key) return
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `expectedKey: the bytes hash to ${key}, not to ${expected}`, {
    path: 'expectedKey',
  })
}

/** First and last byte to read, within `size`. The end may lie beyond it, as in HTTP; the start may not. */
export function resolveRange(
  range: { readonly start: number; readonly end?: number | undefined },
  size: number,
): { readonly start: number; readonly end: number } {
  const { start, end = size - 1 } = range
  if (Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < size && end >= start) {
    return { start, end: Math.min(end, size - 1) }
  }
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `range: ${start} to ${end} is not within ${size} bytes`, {
    path: 'range',
  })
}
