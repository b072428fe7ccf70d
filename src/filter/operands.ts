import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { parseInstant } from './instant'
import { typeOf } from './leaves'
import { isStorableText } from './metadata-key'
import type { ElementTest, FieldRef, LeafType, LeafValue } from './parsed'

/** A field that conditions are about. `only`: the one type its elements have, where that is known. */
export interface FieldTarget {
  readonly field: FieldRef
  /** Place in the filter, for messages. */
  readonly at: string
  readonly only: FilterColumn['only'] | undefined
  readonly normal?: FilterColumn['normal']
}

/** A field of a known type. `none`: all that can be asked of it is whether it is there. */
export interface FilterColumn {
  readonly only: LeafType | 'none'
  /** The one spelling of values that are compared as such. */
  readonly normal?: ((text: string) => string) | undefined
}

const typeNames = { s: 'string', n: 'number', b: 'boolean' } as const

type InTest = Extract<ElementTest, { op: 'in' }>
type RangeTest = Exclude<ElementTest, { op: 'in' }>

/** Checks what stands behind an operator. Counts the values of all lists of one filter. */
export class Operands {
  readonly #maxValues: number
  #values = 0

  constructor(maxValues: number) {
    this.#maxValues = maxValues
  }

  equal(target: FieldTarget, operand: unknown, at: string): InTest {
    return { op: 'in', values: this.#storable([this.#value(target, operand, at)]) }
  }

  list(target: FieldTarget, operand: unknown, at: string): InTest {
    if (!Array.isArray(operand)) throw invalid(at, `${describeValue(operand)} is not a list of values`)
    this.#values += operand.length
    if (this.#values > this.#maxValues) throw invalid(at, `is beyond the ${this.#maxValues} values of a filter`)
    const values = Array.from(operand, (item, index) => this.#value(target, item, `${at}[${index}]`))
    return { op: 'in', values: this.#storable(values) }
  }

  range(target: FieldTarget, op: RangeTest['op'], operand: unknown, at: string): RangeTest {
    if (target.only === 'd') return { op, type: 'd', value: instant(operand, at) }
    if (target.only === 'none') throw invalid(at, onlyExists)
    if (target.only === 's' || target.only === 'b') {
      throw invalid(at, `a field of ${typeNames[target.only]}s has no order`)
    }
    if (typeof operand !== 'number') {
      const hint = target.only === undefined ? '; declare the field as datetime to compare times' : ''
      throw invalid(at, `${describeValue(operand)} is not a number${hint}`)
    }
    return { op, type: 'n', value: finite(operand, at) }
  }

  #value(target: FieldTarget, operand: unknown, at: string): InTest['values'][number] {
    if (operand === null) throw invalid(at, 'null equals nothing; use { exists: false }')
    if (target.only === 'none') throw invalid(at, onlyExists)
    if (target.only === 'd') return { type: 'd', value: instant(operand, at) }
    if (!isScalar(operand))
      throw invalid(at, `${describeValue(operand)} is not a string, number or boolean${hint(operand)}`)
    const value = typeof operand === 'number' ? finite(operand, at) : operand
    const type = typeOf(value)
    if (target.only !== undefined && target.only !== type) {
      throw invalid(at, `${describeValue(operand)} is not a ${typeNames[target.only]}`)
    }
    return { type, value: target.normal && typeof value === 'string' ? target.normal(value) : value }
  }

  /** No stored string has NUL or half of a surrogate pair: such values match nothing, and no engine gets to see them. */
  #storable(values: InTest['values']): InTest['values'] {
    return values.filter(({ value }) => typeof value !== 'string' || isStorableText(value))
  }
}

const onlyExists = 'is JSON, of which can be asked only whether it exists'

function isScalar(value: unknown): value is LeafValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function finite(value: number, at: string): number {
  // -0 becomes 0.
  if (Number.isFinite(value)) return value + 0
  throw invalid(at, `${value} is not a finite number`)
}

function instant(value: unknown, at: string): number {
  const ms = parseInstant(value)
  if (ms !== undefined) return ms
  throw invalid(at, `${describeValue(value)} is not a time (ISO 8601, epoch ms or Date)`)
}

function hint(operand: unknown): string {
  if (Array.isArray(operand)) return '; use { in: [...] }'
  return operand instanceof Date ? '; declare the field as datetime to compare times' : ''
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_FILTER', `${path}: ${problem}`, { path })
}
