import { badFormat, invalid } from './failure'
import { parseInstant } from './instant'
import { asFloat, asInteger, isObject, type JsonObject } from './json'
import { compileMatch, type ElementTest } from './match'
import type { PayloadIndex } from './payload-index'
import { parsePath, valuesAt } from './payload-path'

type PayloadTest = (payload: unknown) => boolean

const bounds = ['lt', 'gt', 'lte', 'gte'] as const

/** A condition with a `key`. Several tests in one condition are alternatives, as in Qdrant. */
export function compileField(condition: JsonObject, where: string, index: PayloadIndex | undefined): PayloadTest {
  const path = parsePath(condition['key'])
  const whole = compileWhole(condition)
  if (whole) {
    return (payload) => {
      const values = valuesAt(path, payload)
      return values.length === 0 ? whole.missing : values.some(whole.test)
    }
  }
  const tests: ElementTest[] = []
  if (given(condition, 'match')) tests.push(compileMatch(condition['match'], index))
  if (given(condition, 'range')) tests.push(compileRange(condition['range']))
  if (given(condition, 'geo_radius') || given(condition, 'geo_bounding_box') || given(condition, 'geo_polygon')) {
    throw badFormat('the double knows no geo conditions')
  }
  if (tests.length === 0) {
    throw invalid(`${where}.__all__: Validation error: At least one field condition must be specified [{}]`)
  }
  const matches = (element: unknown): boolean => tests.some((test) => test(element))
  return (payload) =>
    valuesAt(path, payload).some((value) => (Array.isArray(value) ? value.some(matches) : matches(value)))
}

const given = (condition: JsonObject, name: string): boolean =>
  condition[name] !== undefined && condition[name] !== null

/** Tests of a field's value as a whole: how many, empty, null. */
function compileWhole(condition: JsonObject): { test: (value: unknown) => boolean; missing: boolean } | undefined {
  if (given(condition, 'values_count')) {
    const wanted = condition['values_count']
    if (!isObject(wanted)) throw badFormat('invalid type, expected struct ValuesCount')
    const inBounds = within(wanted, asInteger, 'expected usize')
    const count = (value: unknown): number => (value === null ? 0 : Array.isArray(value) ? value.length : 1)
    // A missing key satisfies no count, not even `lt: 1`.
    return { test: (value) => inBounds(count(value)), missing: false }
  }
  const wantsEmpty = condition['is_empty']
  if (typeof wantsEmpty === 'boolean') {
    return { test: (value) => isEmptyValue(value) === wantsEmpty, missing: wantsEmpty }
  }
  const wantsNull = condition['is_null']
  if (typeof wantsNull !== 'boolean') return undefined
  const hasNull = (value: unknown): boolean => (Array.isArray(value) ? value.includes(null) : value === null)
  return { test: (value) => hasNull(value) === wantsNull, missing: !wantsNull }
}

/** null and []; neither [null] nor {} nor ''. */
export const isEmptyValue = (value: unknown): boolean => value === null || (Array.isArray(value) && value.length === 0)

function compileRange(range: unknown): ElementTest {
  if (!isObject(range)) throw badFormat('data did not match any variant of untagged enum RangeInterface')
  const limits = bounds.map((name) => range[name]).filter((limit) => limit !== undefined && limit !== null)
  if (limits.some((limit) => typeof limit === 'string')) {
    const inBounds = within(range, (limit) => (typeof limit === 'string' ? parseInstant(limit) : undefined), 'datetime')
    return (element) => {
      const instant = typeof element === 'string' ? parseInstant(element) : undefined
      return instant !== undefined && inBounds(instant)
    }
  }
  const inBounds = within(range, asFloat, 'number')
  return (element) => {
    const number = asFloat(element)
    return number !== undefined && inBounds(number)
  }
}

function within(
  limits: JsonObject,
  read: (limit: unknown) => number | bigint | undefined,
  expected: string,
): (value: number) => boolean {
  const [lt, gt, lte, gte] = bounds.map((name) => {
    const limit = limits[name]
    if (limit === undefined || limit === null) return undefined
    const value = read(limit)
    if (value === undefined) throw badFormat(`data did not match any variant of a range, expected ${expected}`)
    return value
  })
  return (value) =>
    (lt === undefined || value < lt) &&
    (gt === undefined || value > gt) &&
    (lte === undefined || value <= lte) &&
    (gte === undefined || value >= gte)
}
