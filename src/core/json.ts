import { HeadwaterError } from './errors'
import { reading } from './known-options'

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

/** JSON with sorted keys: equal values give equal text, whatever the order in which keys were set. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const keys = Object.keys(value).sort()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key]!)}`).join(',')}}`
}

const deepest = 100

/**
 * A value as JSON has it, copied: what cannot be written is left out, or null in a list, as `JSON.stringify` does.
 * HW_INVALID_ARGUMENT for what is no JSON at all, HW_LIMIT_EXCEEDED beyond `maxBytes`; never more work than that.
 */
export function jsonCopy(value: unknown, path: string, maxBytes: number): Json {
  let bytes = 0
  const count = (more: number): void => {
    bytes += more
    if (bytes <= maxBytes) return
    throw new HeadwaterError('HW_LIMIT_EXCEEDED', `${path}: takes more than ${maxBytes} bytes of JSON`, { path })
  }
  const copy = (given: unknown, depth: number): Json | undefined => {
    if (depth > deepest) throw notJson(path, `is nested more than ${deepest} deep, or refers back to itself`)
    if (typeof given === 'bigint') throw notJson(path, 'holds a bigint, which is no JSON')
    count(1)
    if (given === null || typeof given === 'boolean') return given
    if (typeof given === 'number') return Number.isFinite(given) ? given : null
    if (typeof given === 'string') {
      count(given.length)
      return given
    }
    if (typeof given !== 'object') return undefined
    if (ArrayBuffer.isView(given)) throw notJson(path, 'holds bytes, which are no JSON')
    if (Array.isArray(given)) {
      const { length } = given
      count(length)
      return Array.from({ length }, (_, at) => copy(given[at], depth + 1) ?? null)
    }
    const toJson: unknown = Reflect.get(given, 'toJSON')
    if (typeof toJson === 'function') return copy(toJson.call(given, ''), depth + 1)
    const object: JsonObject = {}
    for (const key of Object.keys(given)) {
      const one = copy(Reflect.get(given, key), depth + 1)
      if (one === undefined) continue
      count(key.length + 3)
      // An assignment to `__proto__` would set the prototype.
      Object.defineProperty(object, key, { value: one, enumerable: true, configurable: true, writable: true })
    }
    return object
  }
  return reading(path, 'HW_INVALID_ARGUMENT', () => {
    const copied = copy(value, 0)
    if (copied !== undefined) return copied
    throw notJson(path, `${typeof value} is no JSON`)
  })
}

function notJson(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
