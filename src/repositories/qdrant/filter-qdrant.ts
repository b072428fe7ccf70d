import { isStorableText } from '../../filter/metadata-key'
import type { FieldRef, ParsedFilter, SystemField } from '../../filter/parsed'
import { type ReducedTests, reduceTests } from '../../filter/reduce-tests'
import { systemFieldTypes } from '../../filter/system-fields'
import {
  all,
  any,
  type Compiled,
  type Equality,
  not,
  numbers,
  type QdrantCondition,
  type QdrantFilter,
  type Range,
  type TypedValues,
} from './conditions'
import { asKeys } from './filter-keys'
import { asTokens } from './filter-tokens'
import { earliest, keys, latest } from './payload'
import { payloadKey } from './payload-key'

type Bounds = Pick<Extract<ReducedTests, { kind: 'interval' }>, 'min' | 'max'>

/** The filter as a condition, `true` for everything and `false` for nothing. Intervals are ranges whatever the format. */
export function compileQdrantFilter(filter: ParsedFilter | undefined, payload: number): QdrantCondition | boolean {
  const equality = payload < 2 ? asKeys : asTokens
  const compile = (part: ParsedFilter): Compiled => {
    switch (part.kind) {
      case 'all':
        return all(part.of.map(compile))
      case 'any':
        return any(part.of.map(compile))
      case 'not':
        return not(compile(part.of))
      case 'exists':
        return exists(equality, part.field)
      case 'some':
        return some(equality, part.field, reduceTests(part.tests))
    }
  }
  return filter === undefined || compile(filter)
}

/** The filter of one tenant, or false when nothing can match. */
export function tenantFilter(tenant: string, filter: ParsedFilter | undefined, payload: number): QdrantFilter | false {
  const compiled = compileQdrantFilter(filter, payload)
  if (compiled === false) return false
  const own = { key: keys.tenant, match: { value: tenant } }
  return { must: compiled === true ? [own] : [own, compiled] }
}

function exists(equality: Equality, field: FieldRef): Compiled {
  if (field.kind === 'system') return field.name !== '$source' || equality.exists(field.name)
  return isStorableText(field.path) && equality.exists(field.path)
}

function some(equality: Equality, field: FieldRef, tests: ReducedTests): Compiled {
  if (tests.kind === 'anything') return exists(equality, field)
  if (field.kind === 'system') return system(equality, field.name, tests)
  if (!isStorableText(field.path)) return false
  if (tests.kind === 'interval') return numbers(payloadKey(tests.type, field.path), [rangeOf(tests)])
  return oneOf(equality, field.path, tests.values)
}

function oneOf(equality: Equality, path: string, values: TypedValues): Compiled {
  const storable = values.filter(({ value }) => typeof value !== 'string' || isStorableText(value))
  return storable.length > 0 && equality.equals(path, storable)
}

function rangeOf({ min, max }: Bounds): Range {
  return {
    ...(min && (min.inclusive ? { gte: min.value } : { gt: min.value })),
    ...(max && (max.inclusive ? { lte: max.value } : { lt: max.value })),
  }
}

function system(equality: Equality, name: SystemField, tests: Exclude<ReducedTests, { kind: 'anything' }>): Compiled {
  const type = systemFieldTypes[name]
  if (name === '$id' || name === '$source') {
    return (
      tests.kind === 'values' &&
      oneOf(
        equality,
        name,
        tests.values.filter((value) => value.type === type),
      )
    )
  }
  if (tests.kind === 'interval') return tests.type === type && interval(name, tests)
  const values = tests.values.filter((value) => value.type === type).map(({ value }) => Number(value))
  return any(
    values.map((value) => interval(name, { min: { value, inclusive: true }, max: { value, inclusive: true } })),
  )
}

function interval(name: keyof typeof intervalKeys, bounds: Bounds): Compiled {
  const key = intervalKeys[name]
  return name === '$version' ? { key, range: rangeOf(bounds) } : within(key, bounds)
}

const intervalKeys = { $createdAt: keys.createdAt, $updatedAt: keys.updatedAt, $version: keys.version } as const

/** Stored times are whole ms of a year with four digits, so bounds are rounded inwards to such. */
function within(key: string, { min, max }: Bounds): Compiled {
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
