import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defineMetadata, normalizeMetadata } from '../../src/filter/metadata'
import { parseFilter } from '../../src/filter/parse'
import type { FilterSubject } from '../../src/filter/parsed'
import { matches } from '../../src/filter/predicate'
import { relaxVolatile } from '../../src/filter/relax'
import { SubjectsTable } from './subjects-table'

const declaration = defineMetadata({ at: 'datetime' })

function subject(metadata: unknown, own: Partial<FilterSubject> = {}): FilterSubject {
  const { leaves } = normalizeMetadata(metadata, declaration)
  return { id: 'x', source: null, createdAt: 1000, updatedAt: 2000, version: 3, ...own, leaves }
}

const cases: readonly [metadata: unknown, filter: unknown, answer: boolean][] = [
  [{ a: 'hr' }, { a: 'hr' }, true],
  [{ a: 'hr' }, { a: 'HR' }, false],
  [{ a: '2' }, { a: 2 }, false],
  [{ a: 2 }, { a: '2' }, false],
  [{ a: 2 }, { a: { in: ['2', 2] } }, true],
  [{ a: 1 }, { a: true }, false],
  [{ a: 'true' }, { a: true }, false],
  [{ a: 0.1 + 0.2 }, { a: 0.3 }, false],
  [{ a: 0.1 + 0.2 }, { a: { gt: 0.3 } }, true],
  [{ a: 2 ** 53 }, { a: 2 ** 53 }, true],
  [{ a: 2 ** 53 }, { a: { lt: 2 ** 53 + 2 } }, true],
  [{ a: 1e308 }, { a: { gte: 1e308, lt: 1.1e308 } }, true],
  [{ a: 5e-324 }, { a: { gt: 0 } }, true],
  [{ a: -0 }, { a: 0 }, true],
  [{ a: 0 }, { a: { in: [-0] } }, true],
  [{ a: 'é' }, { a: 'e\u0301' }, false],
  [{ a: "'; DROP TABLE s; --" }, { a: "'; DROP TABLE s; --" }, true],
  [{ a: 'abc' }, { a: 'a%' }, false],
  [{ "x'y": 1 }, { "x'y": 1 }, true],
  [{ ['__proto__']: 1 }, { ['__proto__']: 1 }, true],
  [JSON.parse('{"__proto__": {"admin": true}}'), JSON.parse('{"__proto__.admin": true}'), true],
  [{}, { '__proto__.admin': { exists: true } }, false],
  [{}, { toString: { exists: true } }, false],
  // Lists: one element is enough, and all operators are about the same one.
  [{ a: ['x', 'y'] }, { a: 'y' }, true],
  [{ a: ['x', 'y'] }, { a: { ne: 'y' } }, false],
  [{ a: ['x', 'y'] }, { a: { nin: ['z'] } }, true],
  [{ a: [1, 10] }, { a: { gt: 2, lt: 9 } }, false],
  [{ a: [1, 10] }, { a: { gt: 2, lte: 10 } }, true],
  [{ a: [1, 10] }, { AND: [{ a: { gt: 2 } }, { a: { lt: 9 } }] }, true],
  [{ a: [1, 10] }, { a: { gt: 2, eq: 1 } }, false],
  [{ a: [1, 10] }, { a: { gt: 2, in: [1, 10] } }, true],
  [{ a: [1, 10] }, { a: { gt: 2, ne: 1 } }, false],
  [{ a: 'x' }, { a: { gt: 1, eq: 'x' } }, false],
  [{ a: 5 }, { a: { gt: 5, gte: 5 } }, false],
  [{ a: 5 }, { a: { gte: 5, lte: 5 } }, true],
  [{ a: 5 }, { a: { gt: 6, lt: 4 } }, false],
  [{ a: [[1], [[2]]] }, { a: 2 }, true],
  [{ a: [{ b: 1 }, { b: [2, 3] }] }, { 'a.b': 3 }, true],
  [{ a: [{ b: 1 }, { c: 2 }] }, { 'a.b': 1, 'a.c': 2 }, true],
  // What does not exist.
  [{}, { a: { exists: false } }, true],
  [{ a: null }, { a: { exists: true } }, false],
  [{ a: [] }, { a: { exists: false } }, true],
  [{ a: {} }, { a: { exists: false } }, true],
  [{ a: [null, [], {}] }, { a: { exists: false } }, true],
  [{ a: { b: 1 } }, { a: { exists: true } }, false],
  [{ a: { b: 1 } }, { 'a.b': { exists: true } }, true],
  [{ a: false }, { a: { exists: true } }, true],
  [{ a: '' }, { a: { exists: true } }, true],
  [{ at: '2024-01-01' }, { at: { exists: true } }, true],
  [{}, { a: { ne: 1 } }, true],
  [{}, { a: { nin: [1] } }, true],
  [{}, { NOT: { a: 1 } }, true],
  [{}, { a: { ne: 1, exists: true } }, false],
  [{}, { NOT: { a: { gt: 1 } } }, true],
  [{ a: 'text' }, { NOT: { a: { gt: 1 } } }, true],
  // Empty lists.
  [{ a: 1 }, { a: { in: [] } }, false],
  [{ a: 1 }, { a: { nin: [] } }, true],
  [{ a: 1 }, { OR: [] }, false],
  [{ a: 1 }, { AND: [] }, true],
  [{ a: 1 }, { NOT: {} }, false],
  [{ a: 1 }, {}, true],
  // Parts.
  [{ a: 1, b: 2 }, { a: 1, b: 3 }, false],
  [{ a: 1, b: 2 }, { OR: [{ a: 9 }, { b: 2 }] }, true],
  [{ a: 1, b: 2 }, { NOT: { a: 1, b: 2 } }, false],
  [{ a: 1, b: 2 }, { NOT: { a: 1, b: 3 } }, true],
  [{ a: 1, b: 2 }, { a: 1, OR: [{ b: 1 }, { b: 2 }], NOT: { b: 3 } }, true],
  // Times of a declared field, however they are written.
  [{ at: '2024-01-01T02:00:00+02:00' }, { at: '2024-01-01' }, true],
  [{ at: '2024-01-01' }, { at: { gte: '2024-01-01T00:00:00Z', lt: '2024-01-02' } }, true],
  [{ at: '2024-01-01' }, { at: Date.UTC(2024, 0, 1) }, true],
  [{ at: '2024-01-01' }, { at: { lt: new Date(Date.UTC(2024, 0, 1)) } }, false],
  [{ at: new Date(0) }, { at: { in: ['1970-01-01'] } }, true],
  [{ other: '2024-01-01' }, { other: '2024-01-01T00:00:00Z' }, false],
  // The document's own fields.
  [{}, { $id: 'x' }, true],
  [{}, { $id: { ne: 'x' } }, false],
  [{}, { $id: { exists: true } }, true],
  [{}, { $source: 'wiki' }, false],
  [{}, { $source: { ne: 'wiki' } }, true],
  [{}, { $source: { exists: false } }, true],
  [{}, { $source: { in: [] } }, false],
  [{}, { $createdAt: '1970-01-01T00:00:01Z' }, true],
  [{}, { $createdAt: { gt: 999.5, lte: 1000 } }, true],
  [{}, { $updatedAt: { gt: new Date(2000) } }, false],
  [{}, { $version: { gte: 3, lt: 1e300 } }, true],
  [{}, { $version: 3.5 }, false],
]

describe('the meaning of a filter', () => {
  let table: SubjectsTable
  beforeAll(async () => {
    table = await SubjectsTable.open()
  })
  afterAll(() => table.close())

  it('is the same in memory and in SQL', async () => {
    const subjects = cases.map(([metadata]) => subject(metadata))
    const filters = cases.map(([, filter]) => parseFilter(filter, declaration))
    await table.fill(subjects)
    const answers = await table.answers(filters)
    for (const [index, [metadata, filter, answer]] of cases.entries()) {
      const name = `${JSON.stringify(filter)} on ${JSON.stringify(metadata)}`
      expect(matches(filters[index], subjects[index]!), name).toBe(answer)
      expect(answers[index]![index], `in SQL: ${name}`).toBe(answer)
    }
  })

  it('keeps complements apart', () => {
    for (const [metadata, filter, answer] of cases) {
      expect(matches(parseFilter({ NOT: filter }, declaration), subject(metadata)), JSON.stringify(filter)).toBe(
        !answer,
      )
    }
  })
})

describe('relaxVolatile', () => {
  it.each<[string, unknown, unknown]>([
    ['drops what may be stale', { $version: 3, a: 1 }, { a: 1 }],
    ['drops it below a negation', { NOT: { OR: [{ $version: 3 }, { a: 1 }] } }, { NOT: { a: 1 } }],
    ['asks nothing when an alternative may hold', { OR: [{ $updatedAt: { gt: 3 } }, { a: 1 }] }, undefined],
    ['asks nothing when a negated whole may not hold', { NOT: { $version: 3, a: 1 } }, undefined],
    ['drops ne and nin', { a: 1, $version: { ne: 3, nin: [4] } }, { a: 1 }],
    ['keeps a filter that matches nothing', { $version: 3, OR: [] }, { OR: [] }],
    ['leaves other filters alone', { $createdAt: { gt: 5 }, a: 1 }, { $createdAt: { gt: 5 }, a: 1 }],
    ['asks nothing of an empty filter', {}, undefined],
    ['drops exists', { $updatedAt: { exists: true } }, undefined],
  ])('%s', (_, filter, relaxed) => {
    expect(relaxVolatile(parseFilter(filter))).toEqual(relaxed === undefined ? undefined : parseFilter(relaxed))
  })
})
