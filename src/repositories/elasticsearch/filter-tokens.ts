import type { LeafType, LeafValue } from '../../filter/parsed'
import type { Bound } from '../../filter/reduce-tests'
import { systemFieldTypes } from '../../filter/system-fields'
import { numberOfHex, sortableHex, tokenOf } from '../filter-tokens'
import type { IndexPayload } from '../index-entry'

/**
 * Everything that a filter can ask of an entry: `path NUL type value`, and `path NUL` for what exists. Neither part
 * holds a NUL, so no two run together.
 */
const end = '\0'

export function tokensOf(payload: IndexPayload): string[] {
  const found: string[] = []
  const add = (path: string, type: LeafType, values: readonly LeafValue[]): void => {
    if (values.length > 0) found.push(existsToken(path))
    for (const value of values) found.push(token(path, type, value))
  }
  for (const [key, values] of Object.entries(payload.leaves)) add(key.slice(2), key[0] as LeafType, values)
  const { document, source, createdAt, updatedAt, version } = payload
  // Nobody asks whether these are there.
  found.push(
    token('$id', systemFieldTypes.$id, document),
    token('$createdAt', systemFieldTypes.$createdAt, createdAt),
    token('$updatedAt', systemFieldTypes.$updatedAt, updatedAt),
    token('$version', systemFieldTypes.$version, version),
  )
  if (source !== null) add('$source', systemFieldTypes.$source, [source])
  // Two types under one path say twice that it is there.
  return [...new Set(found)]
}

export function existsToken(path: string): string {
  return path + end
}

export function token(path: string, type: LeafType, value: LeafValue): string {
  return tokenOf((of, as) => of + end + as, path, type, value)
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
      return numberOfHex(rest)
    default:
      return undefined
  }
}
