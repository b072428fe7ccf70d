/**
 * Qdrant's filter semantics once more, as the transcript and the server's sources show them, written apart from the
 * double: over plain JSON, without compiling, parsing or indexes.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export interface PlainFilter {
  must?: PlainCondition[]
  should?: PlainCondition[]
  must_not?: PlainCondition[]
  min_should?: { conditions: PlainCondition[]; min_count: number }
}

export type Bounds<T> = { lt?: T; lte?: T; gt?: T; gte?: T }
type Scalar = string | number
export type Match = { value: Scalar | boolean } | { any: Scalar[] } | { except: Scalar[] } | { text: string }

export type PlainCondition =
  | PlainFilter
  | { is_empty: { key: string } }
  | { is_null: { key: string } }
  | { has_id: number[] }
  | { nested: { key: string; filter: PlainFilter } }
  | { key: string; match: Match }
  | { key: string; range: Bounds<number> | Bounds<string> }
  | { key: string; values_count: Bounds<number> }

export function plainlyMatches(filter: PlainFilter, payload: Json, id?: number): boolean {
  const holds = (condition: PlainCondition): boolean => conditionHolds(condition, payload, id)
  if (filter.must && !filter.must.every(holds)) return false
  if (filter.should && filter.should.length > 0 && !filter.should.some(holds)) return false
  if (filter.must_not?.some(holds)) return false
  if (!filter.min_should) return true
  return filter.min_should.conditions.filter(holds).length >= filter.min_should.min_count
}

function conditionHolds(condition: PlainCondition, payload: Json, id: number | undefined): boolean {
  if ('has_id' in condition) return id !== undefined && condition.has_id.includes(id)
  if ('is_empty' in condition) {
    return read(payload, condition.is_empty.key).every(
      (value) => value === null || (isList(value) && value.length === 0),
    )
  }
  if ('is_null' in condition) return read(payload, condition.is_null.key).includes(null)
  if ('nested' in condition) {
    const { key, filter } = condition.nested
    return read(payload, `${key}[]`).some((value) => isMap(value) && plainlyMatches(filter, value))
  }
  if (!('key' in condition)) return plainlyMatches(condition, payload, id)
  const values = read(payload, condition.key)
  if ('values_count' in condition) {
    const count = (value: Json): number => (value === null ? 0 : isList(value) ? value.length : 1)
    return values.some((value) => inside(count(value), condition.values_count))
  }
  const elements = values.flatMap((value) => (isList(value) ? value : [value]))
  if ('range' in condition) {
    const bounds = condition.range
    if (Object.values(bounds).some((bound) => typeof bound === 'string')) {
      const instants = Object.fromEntries(
        Object.entries(bounds).map(([name, bound]) => [name, Date.parse(String(bound))]),
      )
      return elements.some(
        (each) => typeof each === 'string' && /^\d{4}-/.test(each) && inside(Date.parse(each), instants),
      )
    }
    return elements.some((each) => typeof each === 'number' && inside(each, bounds as Bounds<number>))
  }
  const { match } = condition
  if ('value' in match) return elements.some((each) => each === match.value)
  if ('any' in match) return elements.some((each) => match.any.some((wanted) => wanted === each))
  if ('except' in match)
    return elements.some((each) => each !== null && !match.except.some((wanted) => wanted === each))
  return elements.some((each) => typeof each === 'string' && each.includes(match.text))
}

const isList = (value: Json): value is Json[] => Array.isArray(value)
const isMap = (value: Json | undefined): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The values at `a.b` and `a[].b`; a list is entered by brackets only and is one value at the end. */
function read(from: Json, key: string): Json[] {
  const dot = key.search(/\.|\[\]/)
  if (dot === 0) {
    if (key.startsWith('.')) return read(from, key.slice(1))
    const rest = key.slice(2)
    if (!isList(from)) return []
    return rest === '' ? from : from.flatMap((each) => read(each, rest))
  }
  const head = dot < 0 ? key : key.slice(0, dot)
  if (!isMap(from) || !(head in from)) return []
  return dot < 0 ? [from[head]!] : read(from[head]!, key.slice(dot))
}

function inside(value: number, { lt, lte, gt, gte }: Bounds<number>): boolean {
  if (Number.isNaN(value)) return false
  if (lt !== undefined && value >= lt) return false
  if (lte !== undefined && value > lte) return false
  if (gt !== undefined && value <= gt) return false
  return gte === undefined || value >= gte
}
