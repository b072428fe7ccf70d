import { leafTypes } from '../../filter/leaves'
import { isStorableText } from '../../filter/metadata-key'
import type { FieldRef, LeafType, LeafValue, ParsedFilter, SystemField } from '../../filter/parsed'
import { type ReducedTests, reduceTests } from '../../filter/reduce-tests'
import { systemFieldTypes } from '../../filter/system-fields'
import { earliest, keys, latest } from './payload'
import { payloadKey } from './payload-key'

/** A condition of Qdrant's filter language; a filter is one, too. */
export type QdrantCondition = { readonly [key: string]: unknown }

export interface QdrantFilter extends QdrantCondition {
  readonly must?: readonly QdrantCondition[]
  readonly should?: readonly QdrantCondition[]
  readonly must_not?: readonly QdrantCondition[]
}

/** A condition, or what is known without asking: an empty `should` would match everything. */
type Compiled = QdrantCondition | boolean

type Interval = Extract<ReducedTests, { kind: 'interval' }>
type Range = { gt?: number | string; gte?: number | string; lt?: number | string; lte?: number | string }

/**
 * The filter as a condition, `true` for everything and `false` for nothing. Numbers are compared by ranges, because
 * `match` takes integers alone and does not find a stored 2.0 by 2; text and booleans by `match`.
 */
export function compileQdrantFilter(filter: ParsedFilter | undefined): QdrantCondition | boolean {
  if (filter === undefined) return true
  switch (filter.kind) {
    case 'all':
      return all(filter.of.map(compileQdrantFilter))
    case 'any':
      return any(filter.of.map(compileQdrantFilter))
    case 'not':
      return not(compileQdrantFilter(filter.of))
    case 'exists':
      return exists(filter.field)
    case 'some':
      return some(filter.field, reduceTests(filter.tests))
  }
}

/** The filter of one tenant, or false when nothing can match. */
export function tenantFilter(tenant: string, filter: ParsedFilter | undefined): QdrantFilter | false {
  const compiled = compileQdrantFilter(filter)
  if (compiled === false) return false
  const own = { key: keys.tenant, match: { value: tenant } }
  return { must: compiled === true ? [own] : [own, compiled] }
}

function all(parts: readonly Compiled[]): Compiled {
  if (parts.includes(false)) return false
  const conditions = parts.filter((part) => part !== true)
  if (conditions.length < 2) return conditions[0] ?? true
  return { must: conditions }
}

function any(parts: readonly Compiled[]): Compiled {
  if (parts.includes(true)) return true
  const conditions = parts.filter((part) => part !== false)
  if (conditions.length < 2) return conditions[0] ?? false
  return { should: conditions }
}

function not(part: Compiled): Compiled {
  return typeof part === 'boolean' ? !part : { must_not: [part] }
}

function exists(field: FieldRef): Compiled {
  if (field.kind === 'system') return field.name === '$source' ? holdsAny(keys.source) : true
  if (!isStorableText(field.path)) return false
  return any(leafTypes.map((type) => holdsAny(payloadKey(type, field.path))))
}

function holdsAny(key: string): QdrantCondition {
  return { must_not: [{ is_empty: { key } }] }
}

function some(field: FieldRef, tests: ReducedTests): Compiled {
  if (tests.kind === 'anything') return exists(field)
  if (field.kind === 'system') return system(field.name, tests)
  if (!isStorableText(field.path)) return false
  if (tests.kind === 'interval') return numbers(payloadKey(tests.type, field.path), [rangeOf(tests)])
  return any(
    leafTypes.map((type) => {
      const values = tests.values.filter((value) => value.type === type).map(({ value }) => value)
      return equals(payloadKey(type, field.path), type, values)
    }),
  )
}

function equals(key: string, type: LeafType, values: readonly LeafValue[]): Compiled {
  if (type === 's') return matchText(key, values.filter(isText).filter(isStorableText))
  if (type === 'b') return any(values.map((value) => ({ key, match: { value } })))
  return numbers(
    key,
    values.filter((value) => typeof value === 'number').map((value) => ({ gte: value, lte: value })),
  )
}

function matchText(key: string, values: readonly string[]): Compiled {
  if (values.length === 0) return false
  return { key, match: values.length === 1 ? { value: values[0] } : { any: values } }
}

function numbers(key: string, ranges: readonly Range[]): Compiled {
  return any(ranges.map((range) => ({ key, range })))
}

function rangeOf({ min, max }: Interval): Range {
  return {
    ...(min && (min.inclusive ? { gte: min.value } : { gt: min.value })),
    ...(max && (max.inclusive ? { lte: max.value } : { lt: max.value })),
  }
}

function system(name: SystemField, tests: Exclude<ReducedTests, { kind: 'anything' }>): Compiled {
  const type = systemFieldTypes[name]
  const key = systemKeys[name]
  if (tests.kind === 'interval') {
    if (tests.type !== type) return false
    return type === 'd' ? within(key, tests) : numbers(key, [rangeOf(tests)])
  }
  const values = tests.values.filter((value) => value.type === type).map(({ value }) => value)
  if (type !== 'd') return equals(key, type, values)
  return any(
    values
      .filter((value) => typeof value === 'number')
      .map((value) => {
        const bound = { value, inclusive: true }
        return within(key, { kind: 'interval', type: 'd', min: bound, max: bound })
      }),
  )
}

const systemKeys: Readonly<Record<SystemField, string>> = {
  $id: keys.document,
  $source: keys.source,
  $createdAt: keys.createdAt,
  $updatedAt: keys.updatedAt,
  $version: keys.version,
}

/** Stored times are whole ms of a year with four digits, so bounds are rounded inwards to such. */
function within(key: string, { min, max }: Interval): Compiled {
  const first = min ? (min.inclusive ? Math.ceil(min.value) : Math.floor(min.value) + 1) : earliest
  const last = max ? (max.inclusive ? Math.floor(max.value) : Math.ceil(max.value) - 1) : latest
  if (first > last || first > latest || last < earliest) return false
  const iso = (millis: number): string => new Date(millis).toISOString()
  const range: Range = {
    ...(first > earliest && { gte: iso(first) }),
    ...(last < latest && { lte: iso(last) }),
  }
  return Object.keys(range).length === 0 ? true : { key, range }
}

function isText(value: LeafValue): value is string {
  return typeof value === 'string'
}
