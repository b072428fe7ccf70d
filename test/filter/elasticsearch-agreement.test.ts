import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { normalizeMetadata } from '../../src/filter/metadata'
import { parseFilter } from '../../src/filter/parse'
import type { FilterSubject, ParsedFilter } from '../../src/filter/parsed'
import { matches } from '../../src/filter/predicate'
import { compileFilter } from '../../src/repositories/elasticsearch/filter-query'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { acme, entryId, textEntry } from '../../src/testing/contracts/rows'
import { describeWithElasticsearch } from '../support/elasticsearch'
import { freshPrefix } from '../support/index-prefix'
import { declaration, filter, subject } from './arbitraries'

const long = 'x'.repeat(40_000)
const fixed = [
  { a: long },
  { a: `${long}y` },
  { a: 0.1 + 0.2 },
  { a: [-1, -2, 1e-300, -1e-300] },
  { a: '\u{1F600}' },
].map(
  (value, i): FilterSubject => ({
    id: `f${i}`,
    source: i % 2 ? long : null,
    createdAt: -1,
    updatedAt: 1,
    version: 1,
    leaves: normalizeMetadata(value).leaves,
  }),
)
const fixedFilters = [
  { a: long },
  { a: { ne: `${long}y` } },
  { a: { in: [long, 0.3, '\u{1F600}'] } },
  { a: { lt: 0 } },
  { a: { gt: -1e-300, lt: 1 } },
  { a: { gte: -2, lte: -2 } },
  { a: 'x\0' },
  { a: { ne: '\uD800' } },
  { $source: long },
  { $source: { exists: false } },
  { $createdAt: { lt: 0 } },
].map((each) => parseFilter(each))

describeWithElasticsearch('Elasticsearch and the predicate', (url) => {
  const connection = new ElasticsearchConnection({ url })
  const { prefix, dispose } = freshPrefix(connection)
  const texts = new ElasticsearchTextRepository(connection, { prefix, analysis: 'library' })
  const index = { name: 'subjects', language: 'english' }
  beforeAll(() => texts.create(index))
  afterAll(async () => {
    await dispose()
    await connection.close()
  })

  /** Many filters over all subjects in one request; each subject is found by its position. */
  async function answers(filters: readonly ParsedFilter[], count: number): Promise<boolean[][]> {
    const body = {
      size: 0,
      aggs: Object.fromEntries(
        filters.map((each, i) => [
          `f${i}`,
          { filter: compileFilter(each), aggs: { ids: { terms: { field: 'id', size: 1_000 } } } },
        ]),
      ),
    }
    const request = { method: 'POST', path: `/${prefix}-subjects/_search`, body }
    const { aggregations } = (await connection.request(request, { idempotent: true })) as {
      aggregations: Record<string, { ids: { buckets: { key: string }[] } }>
    }
    return filters.map((_, i) => {
      const found = new Set(aggregations[`f${i}`]!.ids.buckets.map(({ key }) => key))
      return Array.from({ length: count }, (__, position) => found.has(entryId(`${position}`)))
    })
  }

  let fence = 1
  async function fill(subjects: readonly FilterSubject[]): Promise<void> {
    fence++
    const entries = subjects.map(({ id, ...rest }, position) => {
      const entry = textEntry(`${position}`, fence, 'word', rest)
      return { ...entry, payload: { ...entry.payload, document: id } }
    })
    await texts.upsert(index, entries)
    await texts.refresh(index)
  }

  it('agree on 500 random filters over 40 subjects, and the entries come back as they were', async () => {
    const seen = { true: 0, false: 0, mixed: 0 }
    const property = fc.asyncProperty(
      fc.array(subject, { minLength: 40, maxLength: 40, size: 'max' }),
      fc.array(filter, { minLength: 50, maxLength: 50, size: 'max' }),
      async (subjects, filters) => {
        await fill(subjects)
        const parsed = filters.map((each) => parseFilter(each, declaration))
        const wanted = parsed.map((each) => subjects.map((one) => matches(each, one)))
        for (const answer of wanted.flat()) seen[`${answer}`] += 1
        seen.mixed += wanted.filter((answer) => new Set(answer).size > 1).length
        expect(await answers(parsed, 40)).toEqual(wanted)
        const ids = subjects.map((_, position) => entryId(`${position}`))
        const held = new Map((await texts.read(index, ids)).map((entry) => [entry.id, entry.payload.leaves]))
        expect(ids.map((id) => held.get(id))).toEqual(subjects.map(({ leaves }) => leaves))
      },
    )
    await fc.assert(property, { numRuns: 10, endOnFailure: true })
    // A generator whose filters all match nothing would prove nothing.
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(10 * 50 * 4)
    expect(seen.mixed).toBeGreaterThan(50)
  })

  it('agree on long strings, tiny numbers and text that no store takes', async () => {
    await fill(fixed)
    const wanted = fixedFilters.map((each) => fixed.map((one) => matches(each, one)))
    expect(await answers(fixedFilters, fixed.length)).toEqual(wanted)
    expect(wanted.every((answer) => answer.includes(true))).toBe(false)
    expect((await texts.search(index, { tenant: acme, query: 'word', filter: fixedFilters[0], limit: 5 })).length).toBe(
      1,
    )
  })
})

describe('a compiled filter', () => {
  it('keeps values and paths out of the syntax', () => {
    const parsed = parseFilter({ "x' OR 1": '*', year: { gte: 2 } })
    expect(compileFilter(parsed)).toEqual({
      bool: {
        filter: [
          { terms: { filter: ["x' OR 1\0s*"] } },
          { range: { filter: { gte: 'year\0nc000000000000000', lt: 'year\0ng' } } },
        ],
      },
    })
  })
})
