import { HeadwaterError } from '../core/errors'
import { sha256 } from '../core/ids'

const keyLength = 12

/** Cursor of a list: the last id shown, bound to the request it belongs to. */
export function encodeListCursor(request: string, lastId: string): string {
  return Buffer.from(`${sha256(request).slice(0, keyLength)}${lastId}`).toString('base64url')
}

export function decodeListCursor(request: string, cursor: string): string {
  const bytes = typeof cursor === 'string' ? Buffer.from(cursor, 'base64url') : Buffer.alloc(0)
  const text = bytes.toString()
  if (text.length <= keyLength || bytes.toString('base64url') !== cursor) {
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it is malformed', { path: 'cursor' })
  }
  if (text.slice(0, keyLength) !== sha256(request).slice(0, keyLength)) {
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it belongs to another request', { path: 'cursor' })
  }
  return text.slice(keyLength)
}
