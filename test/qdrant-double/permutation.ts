import type { Exchange } from './transcript'

type Fields = Record<string, unknown>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const collectionNames = ['collection_name', 'alias_name', 'old_alias_name', 'new_alias_name']
const payloadKeys = ['key', 'field_name', 'group_by', 'order_by']
const vectorFields = ['vector', 'vectors', 'query', 'nearest']

/**
 * The same transcript under other names: collections, aliases, named vectors, payload keys and ids are renamed, the
 * vectors' coordinates are swapped and their signs turned, which keeps every score. Ids keep their order: answers do.
 */
export function permutation(seed: number): (exchange: Exchange) => Exchange {
  const next = random(seed)
  const salt = Math.floor(next() * 0xffff)
    .toString(16)
    .padStart(4, '0')
  const stride = 1 + Math.floor(next() * 1000)
  const swaps = new Map<number, { from: number; sign: number }[]>()
  for (const size of [2, 3, 4, 8]) {
    const order = Array.from({ length: size }, (_, at) => ({ at, by: next() })).sort((a, b) => a.by - b.by)
    swaps.set(
      size,
      order.map(({ at }) => ({ from: at, sign: next() < 0.5 ? -1 : 1 })),
    )
  }

  const name = (text: unknown): unknown =>
    typeof text === 'string' && /^\w{1,20}$/.test(text) ? `${salt}_${[...text].reverse().join('')}` : text
  const path = (text: string): string => text.replace(/\w+/g, (key) => `${key}_${salt}`)
  const id = (value: unknown): unknown => {
    if (typeof value === 'number' && value >= 0) return value * stride + 5
    return typeof value === 'string' && uuid.test(value) ? `${salt}${value.slice(4, -1)}${value.at(-1)}` : value
  }
  const keys = (payload: unknown): unknown => {
    if (Array.isArray(payload)) return payload.map(keys)
    if (!isFields(payload)) return payload
    return Object.fromEntries(Object.entries(payload).map(([key, value]) => [path(key), keys(value)]))
  }
  const vector = (value: unknown): unknown => {
    if (isFields(value) && !('size' in value)) {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [name(key), vector(inner)]))
    }
    if (!Array.isArray(value)) return value
    if (Array.isArray(value[0])) return value.map(vector)
    const swap = value.every((each) => typeof each === 'number') ? swaps.get(value.length) : undefined
    return swap ? swap.map(({ from, sign }) => sign * (value[from] as number)) : value
  }
  const ids = (value: unknown): unknown => (Array.isArray(value) ? value.map(id) : id(value))

  const member = (key: string, value: unknown): unknown => {
    if (key === 'payload') return keys(value)
    if (key === 'payloads' || key === 'payload_schema') return keysOnly(key, value)
    if (payloadKeys.includes(key) && typeof value === 'string') return path(value)
    if ((key === 'with_payload' || key === 'keys') && Array.isArray(value))
      return value.map((each) => path(String(each)))
    if (collectionNames.includes(key) || key === 'using') return name(value)
    if (['id', 'ids', 'has_id', 'next_page_offset'].includes(key)) return ids(value)
    if (key === 'points' && Array.isArray(value) && value.every((each) => !isFields(each))) return ids(value)
    if (key === 'offset' && typeof value === 'string') return id(value)
    if (key === 'query' && !isFields(value) && !Array.isArray(value)) return id(value)
    if (vectorFields.includes(key) && (Array.isArray(value) || (key !== 'query' && isFields(value))))
      return vector(value)
    return walk(value)
  }
  // Of the schema only the fields are payload keys, not what is said of them.
  const keysOnly = (key: string, value: unknown): unknown => {
    if (key === 'payloads' || !isFields(value)) return keys(value)
    return Object.fromEntries(Object.entries(value).map(([field, schema]) => [path(field), schema]))
  }
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk)
    if (!isFields(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, member(key, each)]))
  }
  const url = (text: string): string => {
    const [where = '', ...search] = text.split(/(?=\?)/)
    const parts = where.split('/')
    if (parts[1] !== 'collections' || parts[2] === undefined || parts[2] === 'aliases') return text
    parts[2] = String(name(parts[2]))
    if (parts[3] === 'points' && parts[4]) parts[4] = String(id(/^\d+$/.test(parts[4]) ? Number(parts[4]) : parts[4]))
    return [parts.join('/'), ...search].join('')
  }
  return (exchange) => ({
    ...exchange,
    path: url(exchange.path),
    ...(exchange.body !== undefined && { body: walk(exchange.body) }),
    response: walk(exchange.response),
  })
}

/** mulberry32. */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
