import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'
import {
  type Bounds,
  type Json,
  type Match,
  type PlainCondition,
  type PlainFilter,
  plainlyMatches,
} from './plain-predicate'

const words = ['x', 'y', 'Xy', '1', 'é\u{1F600}', '', '2024-01-01T00:00:00Z', '2025-06-01']
const word = fc.constantFrom(...words)
const integer = fc.constantFrom(-3, 0, 1, 2, 7, 2 ** 53 - 1)
const scalar = fc.oneof(word, integer, fc.constantFrom(1.5, -2.5), fc.boolean(), fc.constant(null))
const some = <T>(item: fc.Arbitrary<T>, minLength = 0) => fc.array(item, { minLength, maxLength: 3, size: 'max' })
const inner = fc.oneof(scalar, some(scalar))
const object = fc.record({ b: inner, c: inner }, { requiredKeys: ['b'] })
const value: fc.Arbitrary<Json> = fc.oneof(scalar, some(scalar), object, some(object))
const payload = fc.record(
  { a: value, k: inner, n: inner, o: fc.oneof(object, some(object), scalar) },
  { requiredKeys: [] },
)

const key = fc.constantFrom('a', 'k', 'n', 'o', 'o.b', 'o[].b', 'o[].c', 'a.b', 'k[]', 'ghost')
const bounds = <T>(bound: fc.Arbitrary<T>): fc.Arbitrary<Bounds<T>> =>
  fc.oneof(fc.record({ gte: bound }), fc.record({ lt: bound }), fc.record({ gt: bound, lte: bound }))
const wordsOrIntegers = fc.oneof(some(word), some(integer))
const match: fc.Arbitrary<Match> = fc.oneof(
  fc.oneof(word, integer, fc.boolean()).map((wanted) => ({ value: wanted })),
  wordsOrIntegers.map((any) => ({ any })),
  wordsOrIntegers.map((except) => ({ except })),
  word.map((text) => ({ text })),
)
const range: fc.Arbitrary<Bounds<number> | Bounds<string>> = fc.oneof(
  bounds(fc.oneof(integer, fc.constant(1.5))),
  bounds(fc.constantFrom('2024-01-01T00:00:00Z', '2024-06-01', '2025-06-01T02:00:00+02:00')),
)
type Tree = {
  filter: PlainFilter
  condition: PlainCondition
  conditions: PlainCondition[]
}
const { filter } = fc.letrec<Tree>((tie) => ({
  conditions: fc.oneof({ arbitrary: some(tie('condition'), 1), weight: 9 }, fc.constant<PlainCondition[]>([])),
  condition: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'filter' },
    fc.oneof(
      fc.record({ key, match }),
      fc.record({ key, range }),
      fc.record({ key, values_count: bounds(fc.constantFrom(0, 1, 2)) }),
      fc.record({ is_empty: fc.record({ key }) }),
      fc.record({ is_null: fc.record({ key }) }),
      fc.record({ has_id: fc.subarray(Array.from({ length: 30 }, (_, id) => id)) }),
    ),
    fc.record({ nested: fc.record({ key: fc.constantFrom('o', 'a'), filter: tie('filter') }) }),
    tie('filter'),
  ),
  filter: fc.oneof(
    fc.record({ must: tie('conditions') }),
    fc.record({ should: tie('conditions') }),
    fc.record({ must_not: tie('conditions') }),
    fc.record({ must: tie('conditions'), should: tie('conditions'), must_not: tie('conditions') }),
    fc.record({ min_should: fc.record({ conditions: tie('conditions'), min_count: fc.constantFrom(1, 2) }) }),
  ),
}))

describe('filters of the Qdrant double', () => {
  let double: QdrantDouble
  beforeAll(async () => {
    double = await startQdrantDouble()
    await call('PUT', '', { vectors: { size: 1, distance: 'Dot' } })
  })
  afterAll(() => double.close())

  const call = async (method: string, path: string, body: unknown): Promise<unknown> => {
    const response = await fetch(`${double.url}/collections/f${path}`, { method, body: JSON.stringify(body) })
    expect(response.status, JSON.stringify(body)).toBe(200)
    return ((await response.json()) as { result: unknown }).result
  }

  it('agree with a plain predicate on 500 random filters over random payloads', async () => {
    const seen = { filters: 0, none: 0, some: 0, all: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.array(payload, { minLength: 30, maxLength: 30 }),
        fc.array(filter, { minLength: 10, maxLength: 10, size: 'max' }),
        async (payloads, filters) => {
          const points = payloads.map((each, id) => ({ id, vector: [1], payload: each }))
          await call('PUT', '/points?wait=true', { points })
          for (const each of filters) {
            const wanted = payloads.flatMap((one, id) => (plainlyMatches(each, one, id) ? [{ id }] : []))
            const page = await call('POST', '/points/scroll', { filter: each, limit: 100, with_payload: false })
            expect(page).toEqual({ points: wanted, next_page_offset: null })
            seen.filters++
            seen[wanted.length === 0 ? 'none' : wanted.length === 30 ? 'all' : 'some']++
          }
        },
      ),
      { numRuns: 60 },
    )
    expect(seen.filters).toBeGreaterThanOrEqual(500)
    // Filters that tell no point from another would prove nothing.
    expect(seen.some).toBeGreaterThan(100)
  })

  it('tell integers from floats and keep those past 2^53 apart', async () => {
    const put = `{"points":[{"id":50,"vector":[1],"payload":{"w":2.0}},{"id":51,"vector":[1],"payload":{"w":2}},
      {"id":52,"vector":[1],"payload":{"w":9007199254740993}},{"id":53,"vector":[1],"payload":{"w":9007199254740992}}]}`
    const put2 = await fetch(`${double.url}/collections/f/points?wait=true`, { method: 'PUT', body: put })
    expect(put2.status).toBe(200)
    const ids = async (condition: string): Promise<number[]> => {
      const body = `{"filter":{"must":[{"key":"w",${condition}}]},"with_payload":false}`
      const page = await fetch(`${double.url}/collections/f/points/scroll`, { method: 'POST', body })
      return ((await page.json()) as { result: { points: { id: number }[] } }).result.points.map(({ id }) => id)
    }
    expect(await ids('"match":{"value":2}')).toEqual([51])
    expect(await ids('"range":{"gte":2,"lte":2.0}')).toEqual([50, 51])
    expect(await ids('"match":{"value":9007199254740993}')).toEqual([52])
    expect(await ids('"range":{"gte":9007199254740993}')).toEqual([52, 53])
    const got = await fetch(`${double.url}/collections/f/points/52`)
    expect(await got.text()).toContain('"w":9007199254740993')
  })
})
