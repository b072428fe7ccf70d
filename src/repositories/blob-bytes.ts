import { throwIfAborted } from '../core/abort'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { tenantId } from '../core/ids'
import { readingFailed } from '../core/items'
import { reading } from '../core/known-options'
import type { BlobSource } from './blobs'
import { installation } from './entity-table'

/** What a header carries. */
export const contentTypePattern = /^[\x20-\x7e]{1,255}$/

/** What gives bytes, as far as can be told before it is read. */
export function isBlobSource(source: unknown): source is BlobSource {
  if (typeof source !== 'object' || source === null) return typeof source === 'string'
  return source instanceof Uint8Array || Symbol.iterator in source || Symbol.asyncIterator in source
}

/** Refuses what gives no bytes. */
export function checkBlobSource(source: unknown): void {
  if (reading('source', 'HW_INVALID_ARGUMENT', () => isBlobSource(source))) return
  const problem = `source: must be bytes, text or a stream of bytes, got ${describeValue(source)}`
  throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'source' })
}

/** The bytes of a source, piece by piece; strings are UTF-8. */
export async function* bytesOf(source: BlobSource, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  if (typeof source === 'string') yield Buffer.from(source, 'utf8')
  else if (source instanceof Uint8Array) yield source
  else {
    for await (const piece of piecesOf(source)) {
      throwIfAborted(signal)
      if (!(piece instanceof Uint8Array)) {
        throw new HeadwaterError(
          'HW_INVALID_ARGUMENT',
          `source: pieces must be Uint8Array, got ${describeValue(piece)}`,
          {
            path: 'source',
          },
        )
      }
      yield piece
    }
  }
}

async function* piecesOf(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* source
  } catch (cause) {
    throw readingFailed('source', cause)
  }
}

const keyPattern = /^[0-9a-f]{64}$/

/** Refuses what could name anything but a blob of this tenant. */
export function checkBlobName(tenant: string, key?: string): void {
  if (tenant !== installation) tenantId(tenant)
  if (key === undefined || (typeof key === 'string' && keyPattern.test(key))) return
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `key: ${describeValue(key)} is not 64 lower-case hex digits`, {
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
