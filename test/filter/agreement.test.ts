import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { normalizeMetadata } from '../../src/filter/metadata'
import { parseFilter } from '../../src/filter/parse'
import type { FilterSubject, Leaves } from '../../src/filter/parsed'
import { matches } from '../../src/filter/predicate'
import { relaxToDocuments, relaxToMetadata, relaxVolatile } from '../../src/filter/relax'
import { filterCases, filterSubjects } from '../../src/testing/contracts/filters'
import { declaration, filter, subject } from './arbitraries'
import { SubjectsTable } from './subjects-table'

const runs = 80

describe('SQL and the predicate', () => {
  let table: SubjectsTable
  beforeAll(async () => {
    table = await SubjectsTable.open()
  })
  afterAll(() => table.close())

  it('agree on random filters over random metadata', async () => {
    const seen = { true: 0, false: 0, mixed: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.array(subject, { minLength: 40, maxLength: 40, size: 'max' }),
        fc.array(filter, { minLength: 25, maxLength: 25, size: 'max' }),
        async (subjects, filters) => {
          await table.fill(subjects)
          const parsed = filters.map((each) => parseFilter(each, declaration))
          const wanted = parsed.map((each) => subjects.map((one) => matches(each, one)))
          for (const answer of wanted.flat()) seen[`${answer}`] += 1
          seen.mixed += wanted.filter((answers) => new Set(answers).size > 1).length
          expect(await table.answers(parsed)).toEqual(wanted)
          const asDocuments = parsed.map(relaxToDocuments)
          const ofDocuments = asDocuments.map((each) => subjects.map((one) => matches(each, one)))
          expect(await table.answers(asDocuments, 'documents')).toEqual(ofDocuments)
        },
      ),
      { numRuns: runs },
    )
    // A generator whose filters all match nothing would prove nothing. Some 440 of 2,000 split the subjects; runs vary.
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(runs * 25 * 4)
    expect(seen.mixed).toBeGreaterThan(runs * 3)
  })

  it('agree on long lists and on text that no store takes', async () => {
    const many = Array.from({ length: 300 }, (_, index) => index / 10)
    const subjects = [{ a: 12.3 }, { a: [99, 'x'] }, { a: 'v7' }, { a: true }, { b: '\u{1F600}' }].map(
      (value, index): FilterSubject => ({
        id: `${index}`,
        source: null,
        createdAt: 1,
        updatedAt: 1,
        version: 1,
        leaves: normalizeMetadata(value).leaves,
      }),
    )
    const filters = [
      { a: { in: many } },
      { a: { in: many.map((number) => `v${number}`) } },
      { a: { in: [...many, 'x', true, 'v7'] } },
      { a: { in: [true, false] } },
      { a: { in: [99, 12.3] } },
      { a: { in: ['x', 'v7', 12.3] } },
      { a: { nin: many } },
      { a: 'x\0' },
      { a: { ne: 'x\0' } },
      { a: { in: ['\uD800', 'x'] } },
      { b: '\uD83D' },
      { $id: { in: ['1', '\0'] } },
      { $source: '\0' },
    ].map((each) => parseFilter(each))
    await table.fill(subjects)
    const wanted = filters.map((each) => subjects.map((one) => matches(each, one)))
    expect(await table.answers(filters)).toEqual(wanted)
    expect(wanted.map((answers) => answers.map(Number).join(''))).toEqual([
      '10000',
      '00100',
      '11110',
      '00010',
      '11000',
      '11100',
      '01111',
      '00000',
      '11111',
      '01000',
      '00000',
      '01000',
      '00000',
    ])
  })

  it('give the answers of the contract', async () => {
    await table.fill(filterSubjects)
    const answers = await table.answers(filterCases.map((each) => each.filter))
    for (const [index, each] of filterCases.entries()) {
      const byPredicate = filterSubjects.filter((one) => matches(each.filter, one)).map((one) => one.id)
      expect(byPredicate, each.name).toEqual(each.ids)
      expect(
        filterSubjects.filter((_, position) => answers[index]![position]).map((one) => one.id),
        each.name,
      ).toEqual(each.ids)
    }
  })

  it('match everything without a filter', async () => {
    await table.fill(filterSubjects)
    expect(await table.answers([undefined])).toEqual([filterSubjects.map(() => true)])
  })

  it('use a GIN index on leaves for a single value', async () => {
    await table.exec('CREATE INDEX by_leaves ON s USING gin (leaves jsonb_path_ops); SET enable_seqscan = off')
    expect(await table.explain(parseFilter({ a: 'x', b: { gte: 2 } }))).toContain('by_leaves')
    await table.exec('DROP INDEX by_leaves; RESET enable_seqscan')
  })
})

describe('relaxVolatile', () => {
  it('gives a superset, whatever the index holds of version and time', () => {
    fc.assert(
      fc.property(filter, subject, fc.integer(), fc.integer(), (written, one, version, updatedAt) => {
        const parsed = parseFilter(written, declaration)
        const stale = { ...one, version, updatedAt }
        if (!matches(parsed, one)) return true
        const before = { ...stale, leaves: one.documentLeaves as Leaves }
        return matches(relaxVolatile(parsed), stale) && matches(relaxToMetadata(parsed), before)
      }),
      { numRuns: 2_000 },
    )
  })
})
