import { describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { defineMetadata, normalizeMetadata } from '../../src/filter/metadata'

const declaration = defineMetadata({
  section: 'keyword',
  body: 'text',
  year: 'integer',
  rate: 'float',
  open: 'boolean',
  at: 'datetime',
  tags: 'keyword[]',
  times: 'datetime[]',
  'author.name': 'keyword',
})

function failure(run: () => unknown): HeadwaterError {
  try {
    run()
  } catch (error) {
    if (error instanceof HeadwaterError) return error
    throw error
  }
  throw new HeadwaterError('HW_INTERNAL', 'nothing was thrown')
}

const deep = (depth: number): unknown => (depth === 0 ? 1 : { a: deep(depth - 1) })

describe('normalizeMetadata refuses', () => {
  const cyclic: Record<string, unknown> = { list: [] }
  cyclic['list'] = [{ back: cyclic }]
  const wide = Array.from({ length: 100 }, () => 1)
  const unfolds = [0, 1, 2, 3].reduce<unknown[]>((inner) => Array.from({ length: 100 }, () => inner), wide)

  it.each<[string, unknown, string, RegExp]>([
    ['null', null, 'metadata', /plain object/],
    ['a list', [1], 'metadata', /plain object/],
    ['a Map', new Map(), 'metadata', /plain object/],
    ['NaN', { a: { b: Number.NaN } }, 'metadata.a.b', /NaN is not a finite/],
    ['Infinity in a list', { a: [1, Number.POSITIVE_INFINITY] }, 'metadata.a[1]', /Infinity/],
    ['a bigint', { a: 5n }, 'metadata.a', /bigint/],
    ['a function', { a: () => 1 }, 'metadata.a', /function/],
    ['a symbol', { a: Symbol('x') }, 'metadata.a', /symbol/],
    ['undefined in a list', { a: [undefined] }, 'metadata.a[0]', /undefined/],
    ['a Date', { a: new Date(0) }, 'metadata.a', /declare the field as datetime/],
    ['a class instance', { a: new (class Money {})() }, 'metadata.a', /an object is not JSON/],
    ['a cycle', cyclic, 'metadata.list[0].back', /refers back/],
    ['nine levels', deep(9), `metadata${'.a'.repeat(8)}`, /more than 8 deep/],
    ['nine levels of lists', { a: [[[[[[[[1]]]]]]]] }, 'metadata.a[0][0][0][0][0][0][0]', /more than 8 deep/],
    ['NUL', { a: 'x\0' }, 'metadata.a', /NUL/],
    ['half of a surrogate pair', { a: ['ok', '\uDC00'] }, 'metadata.a[1]', /surrogate/],
    ['a dot in a key', { 'a.b': 1 }, 'metadata', /"a\.b" contains a dot/],
    ['a bracket in a key', { a: { 'b]': 1 } }, 'metadata.a', /bracket/],
    ['NUL in a key', { 'a\0': 1 }, 'metadata', /control/],
    ['half of a surrogate pair in a key', { '\uD83D': 1 }, 'metadata', /surrogate/],
    ['an empty key', { '': 1 }, 'metadata', /empty/],
    ['a long key', { [`${'k'.repeat(128)}x`]: 1 }, 'metadata', /128/],
    ['AND as a key', { a: [{ AND: 1 }] }, 'metadata.a[0]', /filter language/],
    ['$ first in a key', { $id: 1 }, 'metadata', /begins with \$/],
    ['64 KiB and a byte', { a: 'x'.repeat(65_536 - '{"a":""}'.length + 1) }, 'metadata', /65536 bytes/],
    ['64 KiB of UTF-8', { a: '\u{1F600}'.repeat(17_000) }, 'metadata', /65536 bytes/],
    ['little that unfolds into much', { unfolds }, 'metadata', /65536 bytes/],
  ])('%s', (_, value, path, message) => {
    const error = failure(() => normalizeMetadata(value))
    expect(error).toMatchObject({ code: 'HW_INVALID_METADATA', path, message: expect.stringMatching(message) })
    expect(error.message).toContain(path)
  })

  it.each<[string, unknown, string]>([
    ['a number for a keyword', { section: 5 }, 'metadata.section'],
    ['a list for a keyword', { section: ['a'] }, 'metadata.section'],
    ['an object for a text', { body: { de: 'x' } }, 'metadata.body'],
    ['a fraction for an integer', { year: 2024.5 }, 'metadata.year'],
    ['an integer that is not exact', { year: 2 ** 53 }, 'metadata.year'],
    ['a numeric string for an integer', { year: '2024' }, 'metadata.year'],
    ['a string for a float', { rate: '1' }, 'metadata.rate'],
    ['0 for a boolean', { open: 0 }, 'metadata.open'],
    ['a word for a datetime', { at: 'yesterday' }, 'metadata.at'],
    ['an hour that is not', { at: '2024-01-01T25:00Z' }, 'metadata.at'],
    ['epoch ms beyond all dates', { at: 1e300 }, 'metadata.at'],
    ['one keyword for a list', { tags: 'a' }, 'metadata.tags'],
    ['null in a list', { times: [null] }, 'metadata.times[0]'],
    ['a number in a list of keywords', { tags: ['a', 1] }, 'metadata.tags[1]'],
    ['a wrong type by a dotted name', { author: { name: 1 } }, 'metadata.author.name'],
    ['a wrong type in an object of a list', { author: [{ name: 'a' }, { name: 1 }] }, 'metadata.author[1].name'],
  ])('%s where another kind is declared', (_, value, path) => {
    expect(failure(() => normalizeMetadata(value, declaration))).toMatchObject({ code: 'HW_INVALID_METADATA', path })
  })
})

describe('normalizeMetadata', () => {
  it('copies, drops undefined and leaves the value alone', () => {
    const value = Object.freeze({ a: Object.freeze([1, Object.freeze({ b: undefined, c: -0 })]), gone: undefined })
    const { metadata } = normalizeMetadata(value)
    expect(metadata).toStrictEqual({ a: [1, { c: 0 }] })
    expect(metadata['a']).not.toBe(value.a)
  })

  it('takes what is at the limits', () => {
    expect(() => normalizeMetadata(deep(8))).not.toThrow()
    expect(() => normalizeMetadata({ ['\u{1F600}'.repeat(128)]: 1 })).not.toThrow()
    expect(() => normalizeMetadata({ a: 'x'.repeat(65_536 - '{"a":""}'.length) })).not.toThrow()
    expect(() => normalizeMetadata({ a: [1, 2, 3] }, undefined, { maxBytes: '{"a":[1,2,3]}'.length })).not.toThrow()
    const shared = { b: 1 }
    expect(normalizeMetadata({ x: shared, y: shared }).metadata).toEqual({ x: { b: 1 }, y: { b: 1 } })
    expect(normalizeMetadata(undefined)).toEqual({ metadata: {}, leaves: {} })
  })

  it('keeps __proto__ an ordinary key', () => {
    const { metadata, leaves } = normalizeMetadata(JSON.parse('{"__proto__": {"admin": true}}'))
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype)
    expect(JSON.stringify(metadata)).toBe('{"__proto__":{"admin":true}}')
    expect(leaves).toEqual({ 'b:__proto__.admin': [true] })
  })

  it('keeps times of declared fields as ISO strings and their leaves as epoch ms', () => {
    const at = new Date(Date.UTC(2024, 0, 1))
    const { metadata, leaves } = normalizeMetadata({ at, times: ['2024-01-01', 5] }, declaration)
    expect(metadata).toEqual({
      at: '2024-01-01T00:00:00.000Z',
      times: ['2024-01-01', '1970-01-01T00:00:00.005Z'],
    })
    expect(leaves).toEqual({ 'd:at': [at.getTime()], 'd:times': [at.getTime(), 5] })
  })

  it.each([
    ['a fraction of a millisecond', 1.5],
    ['a Date after the year 9999', new Date(Date.UTC(10_000, 0, 1))],
    ['epoch ms before the year 0', Date.UTC(0, 0, 1) - 2_000 * 366 * 86_400_000],
    ['no Date', new Date(Number.NaN)],
    ['beyond any Date', 9e15],
  ])('refuses a time that an ISO string would not give back: %s', (_, at) => {
    expect(() => normalizeMetadata({ at }, declaration)).toThrow(/metadata\.at: .* declared as datetime/)
  })

  it.each([0, -1, 253_402_300_799_999, -62_167_219_200_000])('keeps %d as just this instant', (at) => {
    const { metadata, leaves } = normalizeMetadata({ at, times: [new Date(at)] }, declaration)
    expect(leaves).toEqual({ 'd:at': [at], 'd:times': [at] })
    expect(normalizeMetadata(metadata, declaration)).toEqual({ metadata, leaves })
  })

  it('takes null and what is not declared', () => {
    expect(normalizeMetadata({ section: null, tags: null, more: 1 }, declaration).leaves).toEqual({ 'n:more': [1] })
  })

  it('flattens into distinct leaves', () => {
    const value = {
      a: ['x', ['y', ['x']], { b: 1 }, { b: [2, 1.0, '1'] }],
      n: [0, -0, null],
      e: [[], {}, null],
      o: { p: { q: true } },
    }
    expect(normalizeMetadata(value).leaves).toEqual({
      's:a': ['x', 'y'],
      'n:a.b': [1, 2],
      's:a.b': ['1'],
      'n:n': [0],
      'b:o.p.q': [true],
    })
  })
})

describe('defineMetadata', () => {
  it('is frozen and has no prototype to trip over', () => {
    expect(Object.isFrozen(declaration)).toBe(true)
    expect(Object.isFrozen(declaration.fields)).toBe(true)
    expect(declaration.fields['constructor']).toBeUndefined()
    expect(normalizeMetadata({ constructor: 1 }, declaration).leaves).toEqual({ 'n:constructor': [1] })
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown kind', { a: 'date' }, 'metadata.a'],
    ['a list of lists', { a: 'keyword[][]' }, 'metadata.a'],
    ['a kind of Object.prototype', { a: 'toString' }, 'metadata.a'],
    ['a reserved name', { OR: 'keyword' }, 'metadata.OR'],
    ['an empty key', { 'a..b': 'keyword' }, 'metadata.a..b'],
    ['a scalar and an object under one name', { a: 'keyword', 'a.b.c': 'keyword' }, 'metadata.a.b.c'],
  ])('refuses %s', (_, fields, path) => {
    expect(failure(() => defineMetadata(fields as Parameters<typeof defineMetadata>[0]))).toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path,
    })
  })
})
