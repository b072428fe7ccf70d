import { createHash } from 'node:crypto'
import type { LeafType, LeafValue } from '../../filter/parsed'
import type { Bound } from '../../filter/reduce-tests'
import { systemFieldTypes, systemValue } from '../../filter/system-fields'
import type { IndexPayload } from '../index-entry'

/**
 * Everything that a filter can ask of an entry, as keyword terms of one field: `path NUL type value`, and `path NUL` for
 * what exists. Neither part holds a NUL, so no two run together; two types under one key, or a thousand keys, are just
 * more terms. Numbers are the 16 hex digits whose order is that of the doubles.
 */
const end = '\0'

/** Longest string, in UTF-8 bytes, that stands for itself; longer ones stand hashed, under a type of their own. */
const longestPlain = 512

export function tokensOf(payload: IndexPayload): string[] {
  const found: string[] = []
  const add = (path: string, type: LeafType, values: readonly LeafValue[]): void => {
    if (values.length > 0) found.push(existsToken(path))
    for (const value of values) found.push(token(path, type, value))
  }
  for (const [key, values] of Object.entries(payload.leaves)) add(key.slice(2), key[0] as LeafType, values)
  const subject = { ...payload, id: payload.document }
  for (const name of Object.keys(systemFieldTypes) as (keyof typeof systemFieldTypes)[]) {
    const value = systemValue(subject, name)
    if (value !== null) add(name, systemFieldTypes[name], [value])
  }
  return [...new Set(found)]
}

export function existsToken(path: string): string {
  return path + end
}

export function token(path: string, type: LeafType, value: LeafValue): string {
  if (typeof value === 'number') return `${path}${end}${type}${sortableHex(value)}`
  if (typeof value === 'boolean') return `${path}${end}${type}${value}`
  if (Buffer.byteLength(value) <= longestPlain) return `${path}${end}${type}${value}`
  return `${path}${end}h${createHash('sha256').update(value).digest('base64')}`
}

/** A range over the terms of one path and type alone. */
export function numberRange(path: string, type: 'n' | 'd', min?: Bound, max?: Bound): Record<string, string> {
  const prefix = `${path}${end}${type}`
  return {
    ...(min ? { [min.inclusive ? 'gte' : 'gt']: prefix + sortableHex(min.value) } : { gte: prefix }),
    // Above every hex digit.
    ...(max ? { [max.inclusive ? 'lte' : 'lt']: prefix + sortableHex(max.value) } : { lt: `${prefix}g` }),
  }
}

/** What a facet shows of a token: its value, or undefined for a hashed string or another path. */
export function valueOfToken(path: string, text: string): LeafValue | undefined {
  const prefix = path + end
  if (!text.startsWith(prefix) || text.length === prefix.length) return undefined
  const rest = text.slice(prefix.length + 1)
  switch (text[prefix.length]) {
    case 's':
      return rest
    case 'b':
      return rest === 'true'
    case 'n':
    case 'd':
      return numberOf(rest)
    default:
      return undefined
  }
}

const bytes = Buffer.alloc(8)

/** Sign bit flipped for positive numbers, all bits for negative ones: bytes then sort as numbers do. */
function sortableHex(value: number): string {
  bytes.writeDoubleBE(value === 0 ? 0 : value)
  flip(bytes[0]! < 0x80)
  return bytes.toString('hex')
}

function numberOf(hex: string): number {
  bytes.write(hex, 'hex')
  flip(bytes[0]! >= 0x80)
  return bytes.readDoubleBE()
}

function flip(signAlone: boolean): void {
  if (signAlone) bytes[0]! ^= 0x80
  else for (let i = 0; i < 8; i++) bytes[i]! ^= 0xff
}
