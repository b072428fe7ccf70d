import { isPlainObject } from '../../core/json'
import type { FieldMapping } from './source'
import { vectorOf } from './values'

/** What is found under one path. */
export interface FieldProfile {
  readonly path: string
  /** How many rows have a value of which type. */
  readonly types: Readonly<Record<string, number>>
}

const mostPaths = 200
/** Lists of numbers are taken for vectors from this length on. */
const shortestVector = 3

/** Counts the types of values by path: columns, and what is within their objects, two names deep. */
export class Profile {
  readonly #types = new Map<string, Record<string, number>>()
  readonly #dimensions = new Map<string, Map<number, number>>()

  add(values: Readonly<Record<string, unknown>>, prefix = ''): void {
    for (const [name, value] of Object.entries(values)) {
      const path = `${prefix}${name}`
      if (!this.#count(path, value)) continue
      if (prefix === '' && isPlainObject(value)) this.add(value, `${path}.`)
    }
  }

  fields(): FieldProfile[] {
    return [...this.#types].map(([path, types]) => ({ path, types }))
  }

  /** By number of dimensions, how many rows have such a vector. */
  dimensions(path: string): Readonly<Record<number, number>> {
    return Object.fromEntries(this.#dimensions.get(path) ?? [])
  }

  #count(path: string, value: unknown): boolean {
    let types = this.#types.get(path)
    if (!types) {
      if (this.#types.size >= mostPaths) return false
      types = {}
      this.#types.set(path, types)
    }
    const type = typeOf(value)
    types[type] = (types[type] ?? 0) + 1
    if (type === 'vector') {
      const dimensions = this.#dimensions.get(path) ?? new Map<number, number>()
      const { length } = vectorOf(value)!
      dimensions.set(length, (dimensions.get(length) ?? 0) + 1)
      this.#dimensions.set(path, dimensions)
    }
    return true
  }
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'none'
  if (isVector(value)) return 'vector'
  if (Array.isArray(value)) return 'list'
  if (value instanceof Date) return 'time'
  if (value instanceof Uint8Array) return 'bytes'
  if (typeof value === 'bigint') return 'number'
  return typeof value
}

/** By its beginning and its end: vectors are long, and rows many. */
function isVector(value: unknown): boolean {
  if (typeof value === 'string') return /^\[\s*-?\d/.test(value) && value.endsWith(']') && isVector(vectorOf(value))
  if (ArrayBuffer.isView(value)) return value instanceof Float32Array || value instanceof Float64Array
  if (!Array.isArray(value) || value.length < shortestVector) return false
  return [value[0], value[1], value.at(-1)].every((one) => typeof one === 'number' || one === null)
}

const names = {
  id: ['id', '_id', 'uuid', 'doc_id', 'document_id', 'chunk_id', 'node_id', 'key', 'url'],
  text: ['text', 'document', 'content', 'page_content', 'body', 'chunk', 'chunk_text', 'passage'],
  title: ['title'],
} as const

/** A mapping by the names that fields usually have, and by what is in them. Paths within `payload` count by their ends. */
export function proposeMapping(profile: Profile): FieldMapping {
  const fields = profile.fields()
  const named = (wanted: readonly string[], type: string): string | undefined => {
    for (const name of wanted) {
      const found = fields.find(({ path, types }) => (path === name || path.endsWith(`.${name}`)) && types[type])
      if (found) return found.path
    }
    return undefined
  }
  const strings = fields.filter(({ types }) => types['string'])
  const id = named(names.id, 'string') ?? named(names.id, 'number') ?? fields[0]?.path ?? 'id'
  const text = named(names.text, 'string') ?? strings.find(({ path }) => path !== id)?.path ?? 'text'
  const title = named(names.title, 'string') ?? null
  const longest = (path: string): number => Math.max(...Object.keys(profile.dimensions(path)).map(Number))
  const vectors = fields.filter(({ types }) => types['vector']).map(({ path }) => path)
  // A place on a map is a list of numbers, too.
  vectors.sort((a, b) => longest(b) - longest(a))
  const taken = new Set([id, text, title, ...vectors])
  const metadata = fields.filter(({ path }) => !path.includes('.') && !taken.has(path) && path !== 'vectors')
  return { id, text, title, vector: vectors[0] ?? null, metadata: metadata.map(({ path }) => path) }
}
