import { describeValue } from './describe-value'
import { HeadwaterError } from './errors'
import { sha256 } from './ids'

const keyLength = 12

/** Cursor of a list: the place of the last item shown, as text, bound to the request it belongs to. */
export function encodeListCursor(request: string, place: string): string {
  return Buffer.from(`${sha256(request).slice(0, keyLength)}${place}`).toString('base64url')
}

/** The place, as `check` reads it, of at most so many bytes; HW_INVALID_CURSOR for what is none, or of another request. */
export function decodeListCursor<T>(request: string, cursor: string, maxBytes: number, check: (place: string) => T): T {
  const known = typeof cursor === 'string' && cursor.length <= Math.ceil(((keyLength + maxBytes) * 4) / 3)
  const bytes = known ? Buffer.from(cursor, 'base64url') : Buffer.alloc(0)
  const text = bytes.toString()
  if (text.length <= keyLength || bytes.toString('base64url') !== cursor) {
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it is malformed', { path: 'cursor' })
  }
  if (text.slice(0, keyLength) !== sha256(request).slice(0, keyLength)) {
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it belongs to another request', { path: 'cursor' })
  }
  try {
    return check(text.slice(keyLength))
  } catch (cause) {
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it is malformed', { path: 'cursor', cause })
  }
}

/** How many items a page is to have, 100 unless said otherwise; HW_INVALID_ARGUMENT, HW_LIMIT_EXCEEDED. */
export function checkPageSize(given: unknown, most: number): number {
  const limit = given === undefined ? Math.min(100, most) : given
  if (!Number.isInteger(limit) || (limit as number) < 1) {
    const problem = `limit: must be a whole number from 1, got ${describeValue(limit)}`
    throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'limit' })
  }
  if ((limit as number) > most) {
    throw new HeadwaterError('HW_LIMIT_EXCEEDED', `limit: at most ${most}, got ${limit}`, { path: 'limit' })
  }
  return limit as number
}
