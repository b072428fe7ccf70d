import { HeadwaterError } from '../core/errors'
import type { Candidate } from './fusion'

/** Bytes of an entry: 16 of the chunk's UUID, 8 of the score. */
const entryBytes = 24
const keyBytes = 16
const hexDigits = '0123456789abcdef'
/** As many as both legs propose at their deepest. */
const mostEntries = 40_000
const longest = Math.ceil(((1 + keyBytes + mostEntries * entryBytes) * 4) / 3)

/**
 * A cursor: version, key of the request it belongs to (32 hex digits), and the candidates in order. It holds ids and
 * scores only; every page hydrates them anew, under the tenant that asks.
 */
export function encodeCursor(key: string, all: readonly Candidate[]): string {
  const candidates = all.length > mostEntries ? all.slice(0, mostEntries) : all
  const bytes = Buffer.alloc(1 + keyBytes + candidates.length * entryBytes)
  bytes[0] = 1
  bytes.write(key, 1, keyBytes, 'hex')
  candidates.forEach(({ id, score }, at) => {
    const offset = 1 + keyBytes + at * entryBytes
    writeUuid(id, bytes, offset)
    bytes.writeDoubleBE(score, offset + 16)
  })
  return bytes.toString('base64url')
}

/** A page has hundreds of candidates: without a string and a call for each. */
function writeUuid(id: string, bytes: Uint8Array, offset: number): void {
  let digits = 0
  for (let at = 0; at < id.length && digits < 32; at++) {
    const digit = hexDigits.indexOf(id[at]!)
    if (digit < 0) continue
    bytes[offset + (digits >> 1)]! |= digits % 2 === 0 ? digit << 4 : digit
    digits++
  }
}

/** The candidates, or HW_INVALID_CURSOR when it is damaged or of another request. */
export function decodeCursor(cursor: string, key: string): Pick<Candidate, 'id' | 'score'>[] {
  const known = typeof cursor === 'string' && cursor.length <= longest
  const bytes = known ? Buffer.from(cursor, 'base64url') : Buffer.alloc(0)
  const body = bytes.length - 1 - keyBytes
  if (bytes[0] !== 1 || body < 0 || body % entryBytes !== 0 || bytes.toString('base64url') !== cursor) {
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it is malformed', { path: 'cursor' })
  }
  if (bytes.toString('hex', 1, 1 + keyBytes) !== key) {
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it belongs to another request', { path: 'cursor' })
  }
  return Array.from({ length: body / entryBytes }, (_, at) => {
    const offset = 1 + keyBytes + at * entryBytes
    const hex = bytes.toString('hex', offset, offset + 16)
    const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
    const score = bytes.readDoubleBE(offset + 16)
    if (Number.isFinite(score)) return { id, score }
    throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it is malformed', { path: 'cursor' })
  })
}
