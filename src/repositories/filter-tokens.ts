import { createHash } from 'node:crypto'
import type { LeafType, LeafValue } from '../filter/parsed'

/**
 * What a filter asks by equality, as keyword terms of one field: a path, a type and a value in one string. Two types
 * under one key, or a thousand keys, are just more terms, and a list of values is one clause whatever its length.
 * Numbers are the 16 hex digits whose order is that of the doubles, so that 2 and 2.0 are one term.
 */
export type TokenType = LeafType | 'h'

/** Start of the terms of one path and type; those of no other path begin so. `h`: strings that stand hashed. */
export type TokenHead = (path: string, type: TokenType) => string

/** Longest string, in UTF-8 bytes, that stands for itself; longer ones stand hashed, under a type of their own. */
const longestPlain = 512

export function tokenOf(head: TokenHead, path: string, type: LeafType, value: LeafValue): string {
  if (typeof value === 'number') return head(path, type) + sortableHex(value)
  if (typeof value === 'boolean') return head(path, type) + value
  if (!isHashed(value)) return head(path, type) + value
  return head(path, 'h') + createHash('sha256').update(value).digest('base64')
}

/** True for a value that cannot be read from its term. */
export function isHashed(value: LeafValue): boolean {
  return typeof value === 'string' && value.length * 3 > longestPlain && Buffer.byteLength(value) > longestPlain
}

const bytes = Buffer.alloc(8)

/** Sign bit flipped for positive numbers, all bits for negative ones: bytes then sort as numbers do. */
export function sortableHex(value: number): string {
  bytes.writeDoubleBE(value === 0 ? 0 : value)
  flip(bytes[0]! < 0x80)
  return bytes.toString('hex')
}

export function numberOfHex(hex: string): number {
  bytes.write(hex, 'hex')
  flip(bytes[0]! >= 0x80)
  return bytes.readDoubleBE()
}

function flip(signAlone: boolean): void {
  if (signAlone) bytes[0]! ^= 0x80
  else for (let i = 0; i < 8; i++) bytes[i]! ^= 0xff
}
