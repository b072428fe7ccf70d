import { HeadwaterError } from '../core/errors'
import { sha256 } from '../core/ids'
import { checkId } from '../writer/write/document-input'

const keyLength = 12
/** Of the key and the longest id. */
const longest = Math.ceil(((keyLength + 512) * 4) / 3)

/** Cursor of a list: the last id shown, bound to the request it belongs to. */
export function encodeListCursor(request: string, lastId: string): string {
  return Buffer.from(`${sha256(request).slice(0, keyLength)}${lastId}`).toString('base64url')
}

export function decodeListCursor(request: string, cursor: string): string {
  const known = typeof cursor === 'string' && cursor.length <= longest
  const bytes = known ? Buffer.from(cursor, 'base64url') : Buffer.alloc(0)
  const text = bytes.toString()
  if (text.length <= keyLength || bytes.toString('base64url') !== cursor) {
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it is malformed', { path: 'cursor' })
  }
  if (text.slice(0, keyLength) !== sha256(request).slice(0, keyLength)) {
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it belongs to another request', { path: 'cursor' })
  }
  try {
    return checkId(text.slice(keyLength))
  } catch (cause) {
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it is malformed', { path: 'cursor', cause })
  }
}
