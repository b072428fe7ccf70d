import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tenantId } from '../../../src/core/ids'
import { normalizeMetadata } from '../../../src/filter/metadata'
import { parseFilter } from '../../../src/filter/parse'
import type { FilterSubject } from '../../../src/filter/parsed'
import { matches } from '../../../src/filter/predicate'
import { compileQdrantFilter } from '../../../src/repositories/qdrant/filter-qdrant'
import { filterCases, filterSubjects } from '../../../src/testing/contracts/filters'
import { entryId, point } from '../../../src/testing/contracts/rows'
import { declaration, filter, subject } from '../../filter/arbitraries'
import { freshIndex, type QdrantBackend, useQdrant } from './backend'

const tenant = tenantId('filters')
const rounds = 20

describe.each([1, 2])('the compiled filter of format %i and the predicate', (payload) => {
  const backend = useQdrant()

  it('agree on 500 random filters over random metadata', { timeout: 60_000 }, async () => {
    const seen = { true: 0, false: 0, mixed: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.array(subject, { minLength: 40, maxLength: 40, size: 'max' }),
        fc.array(filter, { minLength: 25, maxLength: 25, size: 'max' }),
        async (subjects, filters) => {
          const parsed = filters.map((each) => parseFilter(each, declaration))
          const wanted = parsed.map((each) => subjects.map((one) => matches(each, one)))
          for (const answer of wanted.flat()) seen[`${answer}`] += 1
          seen.mixed += wanted.filter((answers) => new Set(answers).size > 1).length
          expect(await answersOf(backend(), subjects, parsed, payload)).toEqual(wanted)
        },
      ),
      { numRuns: rounds },
    )
    // A generator whose filters all match nothing would prove nothing.
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(rounds * 25 * 4)
    expect(seen.mixed).toBeGreaterThan(rounds * 4)
  })

  it('agree on long lists, on text that no store takes, and at the ends of what a time can be', async () => {
    const many = Array.from({ length: 300 }, (_, index) => index / 10)
    const subjects = [{ a: 12.3 }, { a: [99, 'x'] }, { a: 'v7' }, { a: true }, { 'b c': '\u{1F600}', _2e: 1 }].map(
      (value, index): FilterSubject => ({
        id: `${index}`,
        source: null,
        createdAt: index,
        updatedAt: index,
        version: 1,
        leaves: normalizeMetadata(value).leaves,
      }),
    )
    const filters = [
      { a: { in: many } },
      { a: { in: many.map((number) => `v${number}`) } },
      { a: { in: [...many, 'x', true, 'v7'] } },
      { a: { nin: many } },
      { a: 'x\0' },
      { a: { ne: '\uD800' } },
      { 'b c': '\u{1F600}' },
      { b_20c: { exists: true } },
      { _2e: { exists: true } },
      { $createdAt: { gt: 1.5 } },
      { $createdAt: { gte: -1e308, lt: 1e308 } },
      { $createdAt: { gt: 1e308 } },
      { $createdAt: { in: [2, 2.5, 1e20] } },
      { $version: { gt: 0.5, lt: 1.5 } },
      { $source: '\0' },
    ].map((each) => parseFilter(each))
    const wanted = filters.map((each) => subjects.map((one) => matches(each, one)))
    expect(await answersOf(backend(), subjects, filters, payload)).toEqual(wanted)
  })

  it('give the answers of the contract', async () => {
    const answers = await answersOf(
      backend(),
      filterSubjects,
      filterCases.map((each) => each.filter),
      payload,
    )
    for (const [index, each] of filterCases.entries()) {
      expect(
        filterSubjects.filter((_, position) => answers[index]![position]).map((one) => one.id),
        each.name,
      ).toEqual(each.ids)
    }
  })

  it('know without asking what matches all or nothing', () => {
    expect(compileQdrantFilter(undefined, payload)).toBe(true)
    expect(compileQdrantFilter(parseFilter({ OR: [] }), payload)).toBe(false)
    expect(compileQdrantFilter(parseFilter({ AND: [{ OR: [{ a: { in: [] } }] }, { b: 1 }] }), payload)).toBe(false)
    expect(compileQdrantFilter(parseFilter({ NOT: { OR: [] } }), payload)).toBe(true)
  })
})

/** For each filter, whether each subject came back from a search under it. */
async function answersOf(
  backend: QdrantBackend,
  subjects: readonly FilterSubject[],
  filters: readonly ReturnType<typeof parseFilter>[],
  payload: number,
): Promise<boolean[][]> {
  const vectors = backend.vectors({ metadata: [declaration] })
  const index = freshIndex(2, { format: { words: 1, payload } })
  await vectors.create(index)
  try {
    await vectors.upsert(
      index,
      subjects.map(({ id, ...rest }, i) => ({
        ...point(`${i}`, 1, [1, 0]),
        payload: { ...rest, tenant, document: id },
      })),
    )
    const ids = subjects.map((_, i) => entryId(`${i}`))
    const held = new Map((await vectors.read(index, ids)).map((one) => [one.id, one.payload.leaves]))
    expect(ids.map((id) => held.get(id))).toEqual(subjects.map(({ leaves }) => leaves))
    const vector = Float32Array.of(1, 0)
    const found = await vectors.searchMany(
      index,
      filters.map((each) => ({ tenant, vector, filter: each, limit: subjects.length })),
    )
    return found.map((hits) => {
      const there = new Set(hits.map((hit) => hit.id))
      return ids.map((id) => there.has(id))
    })
  } finally {
    await vectors.drop(index)
  }
}
