import { describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { defineMetadata } from '../../src/filter/metadata'
import { parseFilter } from '../../src/filter/parse'

const declaration = defineMetadata({ at: 'datetime', times: 'datetime[]' })

const nested = (depth: number): unknown => (depth === 1 ? { a: 1 } : { NOT: nested(depth - 1) })
const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1]))

describe('parseFilter refuses', () => {
  it.each<[string, unknown, string, RegExp]>([
    ['null', null, 'filter', /null is not an object/],
    ['a list', [{ a: 1 }], 'filter', /a list of 1/],
    ['a string', 'a = 1', 'filter', /"a = 1"/],
    ['an instance of a class', new (class Where {})(), 'filter', /not an object of conditions/],
    ['an unknown operator', { year: { $gt: 1 } }, 'filter.year.$gt', /unknown operator/],
    ['an operator of Object.prototype', { year: { constructor: 1 } }, 'filter.year.constructor', /unknown operator/],
    ['a nested object', { author: { name: 'x' } }, 'filter.author.name', /"author\.name"/],
    ['an unknown system field', { $where: '1' }, 'filter.$where', /unknown system field/],
    ['eq: null', { year: { eq: null } }, 'filter.year.eq', /exists: false/],
    ['null for a field', { year: null }, 'filter.year', /exists: false/],
    ['null for $source', { $source: null }, 'filter.$source', /exists: false/],
    ['null in a list', { year: { in: [1, null] } }, 'filter.year.in[1]', /exists: false/],
    ['undefined in a list', { year: { in: [undefined] } }, 'filter.year.in[0]', /undefined is not/],
    ['a hole in a list', { year: { in: new Array(1) } }, 'filter.year.in[0]', /undefined is not/],
    ['no operator', { year: {} }, 'filter.year', /no operator/],
    ['no operator but undefined', { year: { gte: undefined } }, 'filter.year', /no operator/],
    ['a list for a field', { tags: ['a'] }, 'filter.tags', /\{ in: \[\.\.\.\] \}/],
    ['a string for in', { tags: { in: 'a' } }, 'filter.tags.in', /not a list of values/],
    ['a list for eq', { tags: { eq: ['a'] } }, 'filter.tags.eq', /a list of 1/],
    ['gt on a string', { title: { gt: 'a' } }, 'filter.title.gt', /not a number; declare the field as datetime/],
    ['gt on a boolean', { title: { lte: true } }, 'filter.title.lte', /not a number/],
    ['gt on $id', { $id: { gt: 'a' } }, 'filter.$id.gt', /no order/],
    ['gt on a declared datetime by a word', { at: { gt: 'soon' } }, 'filter.at.gt', /not a time/],
    ['eq on a declared datetime by a boolean', { at: true }, 'filter.at', /not a time/],
    ['a day that is not in the calendar', { at: '2023-02-29' }, 'filter.at', /not a time/],
    ['an invalid Date', { $createdAt: { gt: new Date(Number.NaN) } }, 'filter.$createdAt.gt', /an invalid Date/],
    ['a Date for an undeclared field', { when: new Date(0) }, 'filter.when', /declare the field/],
    ['a number for $id', { $id: 5 }, 'filter.$id', /not a string/],
    ['a string for $version', { $version: '5' }, 'filter.$version', /not a number/],
    ['NaN', { year: Number.NaN }, 'filter.year', /NaN is not a finite/],
    ['Infinity', { year: { lt: Number.POSITIVE_INFINITY } }, 'filter.year.lt', /Infinity is not a finite/],
    ['a bigint', { year: 5n }, 'filter.year', /a bigint/],
    ['a function', { year: () => 1 }, 'filter.year', /a function/],
    ['a regular expression', { title: /x/ }, 'filter.title', /an object/],
    ['exists: 1', { year: { exists: 1 } }, 'filter.year.exists', /true or false/],
    ['AND of no list', { AND: { a: 1 } }, 'filter.AND', /not a list of filters/],
    ['undefined in OR', { OR: [undefined] }, 'filter.OR[0]', /not an object/],
    ['NOT of a list', { NOT: [{ a: 1 }] }, 'filter.NOT', /not an object/],
    ['a fault deep inside', { OR: [{ a: 1 }, { NOT: { b: { gte: 'x' } } }] }, 'filter.OR[1].NOT.b.gte', /not a number/],
    ['an empty key', { '': 1 }, 'filter', /is empty/],
    ['an empty key in a path', { 'a..b': 1 }, 'filter', /is empty/],
    ['brackets', { 'a[0]': 1 }, 'filter', /bracket/],
    ['a control character in a key', { 'a\0': 1 }, 'filter', /control character/],
    ['half of a surrogate pair in a key', { 'a\uD800': 1 }, 'filter', /surrogate/],
    ['a long key', { ['k'.repeat(129)]: 1 }, 'filter', /128/],
    ['a word of the language in a path', { 'a.OR': 1 }, 'filter', /filter language/],
    ['$ within a path', { 'a.$b': 1 }, 'filter', /begins with \$/],
    ['a path without end', { [Array(70).fill('a').join('.')]: 1 }, 'filter', /64/],
    ['101 conditions', keys(101), 'filter.k100', /100 conditions/],
    ['101 operators in parts', { OR: Array.from({ length: 101 }, () => ({ a: 1 })) }, 'filter.OR[100].a', /100/],
    ['101 empty filters', { AND: Array.from({ length: 101 }, () => ({})) }, 'filter.AND[100]', /100/],
    ['nine deep', nested(9), `filter${'.NOT'.repeat(8)}`, /more than 8 deep/],
    ['10,001 values', { a: { in: Array(10_001).fill(1) } }, 'filter.a.in', /10000 values/],
  ])('%s', (_, filter, path, message) => {
    let caught: unknown
    try {
      parseFilter(filter, declaration)
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(HeadwaterError)
    expect(caught).toMatchObject({ code: 'HW_INVALID_FILTER', path, message: expect.stringMatching(message) })
    expect((caught as HeadwaterError).message).toContain(path)
  })

  it('a filter that holds itself', () => {
    const filter: Record<string, unknown> = {}
    filter['NOT'] = filter
    expect(() => parseFilter(filter)).toThrow(/more than 8 deep/)
  })
})

describe('parseFilter takes', () => {
  const year = { kind: 'metadata', path: 'year' } as const
  const is = (value: number) => ({ op: 'in', values: [{ type: 'n', value }] })

  it.each<[string, unknown, unknown]>([
    ['nothing', undefined, { kind: 'all', of: [] }],
    ['no conditions', {}, { kind: 'all', of: [] }],
    ['undefined values', { year: undefined, NOT: undefined, OR: undefined }, { kind: 'all', of: [] }],
    ['a value', { year: 2 }, { kind: 'some', field: year, tests: [is(2)] }],
    ['-0 as 0', { year: -0 }, { kind: 'some', field: year, tests: [is(0)] }],
    ['ne', { year: { ne: 2 } }, { kind: 'not', of: { kind: 'some', field: year, tests: [is(2)] } }],
    [
      'operators of one field in one test',
      { year: { gte: 1, lt: 5, ne: 2, in: [3] } },
      {
        kind: 'all',
        of: [
          {
            kind: 'some',
            field: year,
            tests: [{ op: 'gte', type: 'n', value: 1 }, { op: 'lt', type: 'n', value: 5 }, is(3)],
          },
          { kind: 'not', of: { kind: 'some', field: year, tests: [is(2)] } },
        ],
      },
    ],
    ['exists: false', { year: { exists: false } }, { kind: 'not', of: { kind: 'exists', field: year } }],
    ['text that no store takes', { year: 'a\0' }, { kind: 'some', field: year, tests: [{ op: 'in', values: [] }] }],
    ['100 conditions', { OR: Array.from({ length: 100 }, () => ({})) }, expect.anything()],
    ['eight deep', nested(8), expect.anything()],
    ['no prototype', Object.assign(Object.create(null), { year: 2 }), { kind: 'some', field: year, tests: [is(2)] }],
    [
      '__proto__ as any other key',
      JSON.parse('{"__proto__": 2}'),
      { kind: 'some', field: { kind: 'metadata', path: '__proto__' }, tests: [is(2)] },
    ],
  ])('%s', (_, filter, parsed) => {
    expect(parseFilter(filter)).toEqual(parsed)
  })

  it.each<[string, unknown, number]>([
    ['a date', '2024-03-01', Date.UTC(2024, 2, 1)],
    ['a leap day', '2024-02-29', Date.UTC(2024, 1, 29)],
    ['a time without an offset, as UTC', '2024-03-01T10:20', Date.UTC(2024, 2, 1, 10, 20)],
    ['an offset', '2024-03-01T10:20:30+02:00', Date.UTC(2024, 2, 1, 8, 20, 30)],
    ['microseconds, cut off', '2024-03-01 10:20:30.123999Z', Date.UTC(2024, 2, 1, 10, 20, 30, 123)],
    ['epoch ms', 1_700_000_000_000, 1_700_000_000_000],
    ['a Date', new Date(5), 5],
  ])('a time of a declared field: %s', (_, written, value) => {
    for (const name of ['at', 'times', '$createdAt', '$updatedAt']) {
      expect(parseFilter({ [name]: { gte: written } }, declaration)).toMatchObject({
        tests: [{ op: 'gte', type: 'd', value }],
      })
      expect(parseFilter({ [name]: { in: [written] } }, declaration)).toMatchObject({
        tests: [{ op: 'in', values: [{ type: 'd', value }] }],
      })
    }
  })

  it('limits of its own', () => {
    expect(() => parseFilter(keys(3), undefined, { maxConditions: 2 })).toThrow(/2 conditions/)
    expect(() => parseFilter(keys(101), undefined, { maxConditions: 200 })).not.toThrow()
    expect(() => parseFilter({ a: { in: [1, 2] }, b: { nin: [3] } }, undefined, { maxValues: 2 })).toThrow(/filter\.b/)
  })
})
