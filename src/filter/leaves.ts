import type { Json, JsonObject } from '../core/json'
import type { MetadataDeclaration } from './declaration'
import { parseInstant } from './instant'
import type { LeafType, LeafValue, Leaves } from './parsed'

/**
 * Checked metadata as leaves: lists flattened at any depth, objects in lists by their path, nothing for `null`, `{}`
 * and `[]`, distinct values in the order of their first place. Strings of a field declared as datetime become epoch ms.
 */
export function flattenMetadata(metadata: JsonObject, declaration?: MetadataDeclaration | undefined): Leaves {
  const found = new Map<string, Set<LeafValue>>()
  collect(metadata, '')
  return Object.fromEntries(Array.from(found, ([key, values]) => [key, [...values]]))

  function collect(value: Json, path: string): void {
    if (value === null) return
    if (Array.isArray(value)) {
      for (const item of value) collect(item, path)
    } else if (typeof value === 'object') {
      for (const key of Object.keys(value)) collect(value[key]!, path === '' ? key : `${path}.${key}`)
    } else {
      const instant = isDateTime(declaration, path) ? parseInstant(value) : undefined
      if (instant === undefined) add(typeOf(value), path, value)
      else add('d', path, instant)
    }
  }

  function add(type: LeafType, path: string, value: LeafValue): void {
    const key = leafKey(type, path)
    const values = found.get(key)
    // A Set takes -0 for 0.
    if (values) values.add(value)
    else found.set(key, new Set([value]))
  }
}

/** Name under which `Leaves` keeps the values of one type at a path. */
export function leafKey(type: LeafType, path: string): string {
  return `${type}:${path}`
}

export const leafTypes: readonly LeafType[] = ['s', 'n', 'b', 'd']

export function isDateTime(declaration: MetadataDeclaration | undefined, path: string): boolean {
  const kind = declaration?.fields[path]
  return kind === 'datetime' || kind === 'datetime[]'
}

export function typeOf(value: LeafValue): 's' | 'n' | 'b' {
  if (typeof value === 'string') return 's'
  return typeof value === 'number' ? 'n' : 'b'
}
