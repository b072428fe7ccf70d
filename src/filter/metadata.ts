import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { isPlainObject, type Json, type JsonObject } from '../core/json'
import { reading } from '../core/known-options'
import type { MetadataDeclaration, MetadataKind, ScalarKind } from './declaration'
import { parseInstant } from './instant'
import { flattenMetadata } from './leaves'
import { isStorableText, metadataKeyProblem } from './metadata-key'
import type { Leaves } from './parsed'

export { defineMetadata, type MetadataDeclaration, type MetadataOf } from './declaration'

export interface MetadataLimits {
  /** Bytes of JSON; 65,536. */
  readonly maxBytes?: number | undefined
  /** Objects and lists within one another, the metadata itself included; 8. */
  readonly maxDepth?: number | undefined
}

export const metadataLimits = Object.freeze({ maxBytes: 65_536, maxDepth: 8 }) satisfies MetadataLimits

/**
 * Checks a user's metadata and copies it, as plain JSON and flattened: `undefined` properties are dropped, `-0` becomes
 * `0`, times of declared `datetime` fields (an ISO string; a Date or whole epoch ms of the years 0 to 9999) are kept as ISO strings. `undefined` is
 * `{}`. The value itself is never changed. Throws HW_INVALID_METADATA with the path, `metadata.author.name`.
 */
export function normalizeMetadata(
  value: unknown,
  declaration?: MetadataDeclaration | undefined,
  limits: MetadataLimits = {},
): { metadata: JsonObject; leaves: Leaves } {
  if (value === undefined) return { metadata: {}, leaves: {} }
  const maxBytes = limits.maxBytes ?? metadataLimits.maxBytes
  const maxDepth = limits.maxDepth ?? metadataLimits.maxDepth
  const metadata = reading('metadata', 'HW_INVALID_METADATA', () => {
    if (isPlainObject(value))
      return new Normalizer(declaration?.fields, maxBytes, maxDepth).object(value, 'metadata', '')
    throw invalid('metadata', `${describeValue(value)} is not a plain object`)
  })
  if (Buffer.byteLength(JSON.stringify(metadata)) > maxBytes) throw tooLarge(maxBytes)
  return { metadata, leaves: flattenMetadata(metadata, declaration) }
}

class Normalizer {
  readonly #fields: Readonly<Record<string, MetadataKind>> | undefined
  readonly #maxBytes: number
  readonly #maxDepth: number
  readonly #ancestors: object[] = []
  /** No more than the JSON will take. Counted on the way, since a few shared objects can unfold into gigabytes. */
  #bytes = 0

  constructor(fields: Readonly<Record<string, MetadataKind>> | undefined, maxBytes: number, maxDepth: number) {
    this.#fields = fields
    this.#maxBytes = maxBytes
    this.#maxDepth = maxDepth
  }

  /** `at` is the place for messages, `path` the dotted path that filters and declarations use. */
  object(value: Record<string, unknown>, at: string, path: string): JsonObject {
    this.#enter(value, at)
    const copy: JsonObject = {}
    for (const key of Object.keys(value)) {
      const item = value[key]
      if (item === undefined) continue
      const problem = metadataKeyProblem(key)
      if (problem !== undefined) throw invalid(at, `the key ${describeValue(key)} ${problem}`)
      this.#count(key.length + 3)
      const inner = path === '' ? key : `${path}.${key}`
      const place = `${at}.${key}`
      const kind = this.#fields?.[inner]
      const json = kind === undefined ? this.#value(item, place, inner) : this.#declared(item, kind, place, inner)
      if (key !== '__proto__') copy[key] = json
      // An assignment would set the prototype instead of an ordinary key.
      else Object.defineProperty(copy, key, { value: json, enumerable: true, configurable: true, writable: true })
    }
    this.#ancestors.pop()
    return copy
  }

  #value(value: unknown, at: string, path: string): Json {
    if (Array.isArray(value)) return this.#list(value, at, (item, place) => this.#value(item, place, path))
    if (isPlainObject(value)) return this.object(value, at, path)
    return this.#scalar(value, at)
  }

  #list(values: readonly unknown[], at: string, copy: (item: unknown, place: string) => Json): Json[] {
    this.#enter(values, at)
    this.#count(values.length - 1)
    const list = Array.from(values, (item, index) => copy(item, `${at}[${index}]`))
    this.#ancestors.pop()
    return list
  }

  #scalar(value: unknown, at: string): Json {
    this.#count(1)
    if (value === null || typeof value === 'boolean') return value
    if (typeof value === 'number') {
      if (Number.isFinite(value)) return value + 0
      throw invalid(at, `${value} is not a finite number`)
    }
    if (typeof value !== 'string') {
      const hint = value instanceof Date ? '; declare the field as datetime, or pass an ISO string' : ''
      throw invalid(at, `${describeValue(value)} is not JSON${hint}`)
    }
    if (!isStorableText(value)) throw invalid(at, 'the string contains NUL or half of a surrogate pair')
    this.#count(value.length + 1)
    return value
  }

  #declared(value: unknown, kind: MetadataKind, at: string, path: string): Json {
    if (value === null) return value
    if (!kind.endsWith('[]')) return this.#kind(value, kind as ScalarKind, at, path)
    if (!Array.isArray(value)) throw mismatch(at, value, path, kind)
    return this.#list(value, at, (item, place) => this.#kind(item, kind.slice(0, -2) as ScalarKind, place, path))
  }

  #kind(value: unknown, kind: ScalarKind, at: string, path: string): Json {
    if (kind === 'datetime') {
      const instant = parseInstant(value)
      if (instant === undefined) throw mismatch(at, value, path, kind)
      if (typeof value === 'string') return this.#scalar(value, at)
      const text = isoOf(instant)
      if (text !== undefined) return this.#scalar(text, at)
      throw mismatch(at, value, path, `${kind}: whole milliseconds of the years 0 to 9999`)
    }
    const json = this.#scalar(value, at)
    if (kind === 'integer' ? Number.isSafeInteger(json) : typeof json === scalarTypes[kind]) return json
    throw mismatch(at, value, path, kind)
  }

  #enter(value: object, at: string): void {
    if (this.#ancestors.includes(value)) throw invalid(at, 'refers back to itself')
    if (this.#ancestors.push(value) > this.#maxDepth) throw invalid(at, `is nested more than ${this.#maxDepth} deep`)
    this.#count(2)
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > this.#maxBytes) throw tooLarge(this.#maxBytes)
  }
}

/** The instant as an ISO string; undefined where none of them reads back as just this one. */
function isoOf(instant: number): string | undefined {
  if (!(Math.abs(instant) <= 8.64e15)) return undefined
  const text = new Date(instant).toISOString()
  return parseInstant(text) === instant ? text : undefined
}

const scalarTypes = { keyword: 'string', text: 'string', float: 'number', boolean: 'boolean' } as const

function mismatch(at: string, value: unknown, path: string, kind: string): HeadwaterError {
  return invalid(at, `${describeValue(value)} does not fit: "${path}" is declared as ${kind}`)
}

function tooLarge(maxBytes: number): HeadwaterError {
  return invalid('metadata', `takes more than ${maxBytes} bytes of JSON`)
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_METADATA', `${path}: ${problem}`, { path })
}
