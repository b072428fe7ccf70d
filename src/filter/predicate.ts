import { leafKey, leafTypes } from './leaves'
import type { ElementTest, FieldRef, FilterSubject, LeafType, LeafValue, ParsedFilter } from './parsed'
import { systemFieldTypes, systemValue } from './system-fields'

/** Whether the filter holds; without one everything matches. What all compilers must agree with. */
export function matches(filter: ParsedFilter | undefined, subject: FilterSubject): boolean {
  if (filter === undefined) return true
  switch (filter.kind) {
    case 'all':
      return filter.of.every((part) => matches(part, subject))
    case 'any':
      return filter.of.some((part) => matches(part, subject))
    case 'not':
      return !matches(filter.of, subject)
    case 'exists':
      return someElement(filter.field, subject, () => true)
    case 'some':
      return someElement(filter.field, subject, (type, value) => filter.tests.every((test) => holds(test, type, value)))
  }
}

function someElement(
  field: FieldRef,
  subject: FilterSubject,
  test: (type: LeafType, value: LeafValue) => boolean,
): boolean {
  if (field.kind === 'system') {
    const value = systemValue(subject, field.name)
    return value !== null && test(systemFieldTypes[field.name], value)
  }
  // The type before the path keeps names such as `constructor` from being found on the prototype.
  return leafTypes.some((type) => subject.leaves[leafKey(type, field.path)]?.some((value) => test(type, value)))
}

/** Whether one element of that type passes a test. */
export function holds(test: ElementTest, type: LeafType, value: LeafValue): boolean {
  if (test.op === 'in') return test.values.some((wanted) => wanted.type === type && wanted.value === value)
  if (test.type !== type || typeof value !== 'number') return false
  switch (test.op) {
    case 'gt':
      return value > test.value
    case 'gte':
      return value >= test.value
    case 'lt':
      return value < test.value
    case 'lte':
      return value <= test.value
  }
}
