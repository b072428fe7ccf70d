import type { ElementTest, LeafValue } from './parsed'
import { holds } from './predicate'

export type TypedValue = Extract<ElementTest, { op: 'in' }>['values'][number]

export interface Bound {
  readonly value: number
  readonly inclusive: boolean
}

/** What a list of tests on one element comes to. An interval has at least one bound. */
export type ReducedTests =
  | { readonly kind: 'anything' }
  | { readonly kind: 'values'; readonly values: readonly TypedValue[] }
  | { readonly kind: 'interval'; readonly type: 'n' | 'd'; readonly min?: Bound; readonly max?: Bound }

/**
 * The tests of one `some` as one condition, so that a compiler needs to know two shapes only: a list of values (empty:
 * nothing passes) or one interval of one type.
 */
export function reduceTests(tests: readonly ElementTest[]): ReducedTests {
  if (tests.length === 0) return { kind: 'anything' }
  const list = tests.find((test) => test.op === 'in')
  if (list) {
    const others = tests.filter((test) => test !== list)
    const values = list.values.filter(({ type, value }) => others.every((test) => holds(test, type, value)))
    return { kind: 'values', values: distinct(values) }
  }
  const ranges = tests.filter((test) => test.op !== 'in')
  const type = ranges[0]!.type
  if (ranges.some((test) => test.type !== type)) return { kind: 'values', values: [] }
  let min: Bound | undefined
  let max: Bound | undefined
  for (const { op, value } of ranges) {
    const bound = { value, inclusive: op.endsWith('e') }
    if (op.startsWith('g')) min = tighter(min, bound, 1)
    else max = tighter(max, bound, -1)
  }
  return { kind: 'interval', type, ...(min && { min }), ...(max && { max }) }
}

function tighter(current: Bound | undefined, next: Bound, sign: 1 | -1): Bound {
  if (current === undefined) return next
  if (current.value === next.value) return current.inclusive ? next : current
  return (next.value - current.value) * sign > 0 ? next : current
}

function distinct(values: readonly TypedValue[]): TypedValue[] {
  const seen = new Map<string, Set<LeafValue>>()
  return values.filter(({ type, value }) => {
    const known = seen.get(type) ?? new Set()
    seen.set(type, known)
    return known.size !== known.add(value).size
  })
}
