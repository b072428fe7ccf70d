import type { Json, JsonObject } from '../../core/json'
import type { LeafValue, Leaves } from '../../filter/parsed'

/** A deep copy of a JSON value: what crosses a repository's boundary is never shared with the caller. */
export function copyJson<T extends Json>(value: T): T
export function copyJson(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => copyJson(item))
  const copy: JsonObject = {}
  for (const key of Object.keys(value)) define(copy, key, copyJson(value[key]!))
  return copy
}

export function copyLeaves(leaves: Leaves): Leaves {
  const copy: Leaves = {}
  for (const key of Object.keys(leaves)) define(copy, key, leaves[key]!.slice())
  return copy
}

/** `__proto__` is an ordinary key in JSON, and an assignment would not make it one. */
function define<V extends Json | LeafValue[]>(target: Record<string, V>, key: string, value: V): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  } else {
    target[key] = value
  }
}
