import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defineMetadata, type Reranker, type SearchPage, type TenantHandle } from '../../index'
import type { StoreOptions } from '../../src/store/store-options'
import type { OpenedStore } from './store-suite'

const collections = {
  documents: { metadata: defineMetadata({ section: 'keyword', year: 'integer', tags: 'keyword[]' }) },
} as const

type Query = Parameters<TenantHandle['search']>[0]

const documentsOf = (page: Pick<SearchPage, 'hits'>): string[] => page.hits.map((hit) => hit.documentId)

/** What search promises beyond its legs, whatever the store stands on. */
export function searchSuite(name: string, open: (options: StoreOptions<object>) => Promise<OpenedStore>): void {
  describe(`search on ${name}`, () => {
    let opened: OpenedStore
    let acme: TenantHandle
    let globex: TenantHandle
    const tenant = (name: string): TenantHandle => opened.store.forTenant(`searching.${name}`)
    const papers = [
      { id: 'leave', text: 'Parental leave is sixteen weeks for parents.', section: 'hr', tags: ['people', 'leave'] },
      { id: 'twin', text: 'Parental leave is sixteen weeks for parents!', section: 'hr', tags: ['people'] },
      { id: 'sabbatical', text: 'A sabbatical leave may be taken every seven years.', section: 'hr', tags: ['leave'] },
      { id: 'travel', text: 'Travel by train is preferred over flights.', section: 'ops', tags: ['trips'] },
      { id: 'lunch', text: 'Lunch is free on Fridays in the canteen.', section: 'ops', tags: [] },
    ].map(({ section, tags, ...paper }, at) => ({
      ...paper,
      title: '',
      source: at % 2 ? 'wiki' : 'file',
      metadata: { section, tags, year: 2020 + at },
    }))
    beforeAll(async () => {
      opened = await open({ collections, embedder: { hashing: {} } })
      acme = tenant('acme')
      globex = tenant('globex')
      await acme.waitFor(await acme.documents.putMany(papers), { timeoutMs: 30_000 })
      const theirs = papers.map((paper) => ({ ...paper, text: `${paper.text} Foreign words.` }))
      await globex.waitFor(await globex.documents.putMany(theirs), { timeoutMs: 30_000 })
    })
    afterAll(() => opened?.dispose())

    it('fuses by scores: parts add up, weights decide, minScore cuts', async () => {
      const query = { query: 'parental leave weeks', fusion: 'weighted', explain: true } as const
      const page = await acme.search(query)
      expect(['leave', 'twin']).toContain(documentsOf(page)[0])
      for (const { score, explain } of page.hits) {
        if (explain?.text && explain.vector) expect(score).toBeCloseTo(explain.text.part + explain.vector.part, 9)
      }
      expect(page.hits[0]!.score).toBeLessThanOrEqual(1 + 1e-9)
      const text = await acme.search({ ...query, weights: { text: 1, vector: 0 } })
      expect(documentsOf(text).slice(0, 3).sort()).toEqual(['leave', 'sabbatical', 'twin'])
      const sure = await acme.search({ ...query, minScore: { vector: 0.5, text: 1_000 } })
      expect(documentsOf(sure).sort()).toEqual(['leave', 'twin'])
      expect(sure.explain).toMatchObject({ belowMinScore: 6, candidates: { text: 3, vector: 5 } })
    })

    it('diversity puts a twin behind what is different, the same way each time', async () => {
      const plain = await acme.search({ query: 'parental leave', limit: 3 })
      expect(documentsOf(plain).slice(0, 2).sort()).toEqual(['leave', 'twin'])
      const query = { query: 'parental leave', diversity: 0.7, explain: true } as const
      const page = await acme.search(query)
      expect(page.degraded).toEqual([])
      expect(['leave', 'twin']).not.toContain(documentsOf(page)[1])
      expect(documentsOf(await acme.search(query))).toEqual(documentsOf(page))
      const twin = page.hits.slice(1).find(({ documentId }) => documentId === 'leave' || documentId === 'twin')
      expect(twin!.explain!.diversity!.penalty).toBeGreaterThan(0.5)
      expect(documentsOf(await acme.search({ ...query, mode: 'text' }))).toHaveLength(3)
    })

    it('counts facets of what matches words and filter, of its tenant', async () => {
      const page = await acme.search({ query: 'leave', limit: 1, facets: ['section', 'tags', '$source'] })
      expect(page.facets).toEqual([
        { path: 'section', values: [{ value: 'hr', count: 3 }], approximate: true },
        {
          path: 'tags',
          values: [
            { value: 'leave', count: 2 },
            { value: 'people', count: 2 },
          ],
          approximate: true,
        },
        {
          path: '$source',
          values: [
            { value: 'file', count: 2 },
            { value: 'wiki', count: 1 },
          ],
          approximate: true,
        },
      ])
      const vectors = await acme.search({
        query: 'leave',
        mode: 'vector',
        facets: { paths: ['section'], limit: 1 },
        filter: { year: { gte: 2022 }, $version: 1 },
      })
      expect(vectors.facets![0]!.values).toEqual([{ value: 'ops', count: 2 }])
      expect((await acme.search({ query: 'leave' })).facets).toBeUndefined()
    })

    it('reranks what it sees, keeps the order over pages, and falls through', async () => {
      const seen: string[] = []
      const backwards: Reranker = {
        rank: (query, hits) => {
          seen.push(query, ...hits.map(({ text }) => text))
          return hits.map((_, at) => at)
        },
      }
      const query: Query = { query: 'leave lunch train', limit: 2 }
      const fused = documentsOf(await acme.search({ ...query, limit: 10 }))
      const first = await acme.search({ ...query, rerank: backwards, explain: true })
      expect(documentsOf(first)).toEqual([...fused].reverse().slice(0, 2))
      expect(first.hits[0]!.explain!.rerank).toEqual({ rank: 1, score: 4 })
      expect(seen).toHaveLength(6)
      expect(seen.join()).not.toContain('Foreign')
      const second = await acme.search({ ...query, cursor: first.cursor })
      expect(documentsOf(second)).toEqual([...fused].reverse().slice(2, 4))
      const order = { rank: async (_: string, hits: readonly unknown[]) => ({ order: [...hits.keys()].reverse() }) }
      expect(documentsOf(await acme.search({ ...query, rerank: order }))).toEqual([...fused].reverse().slice(0, 2))
      const top = await acme.search({ ...query, limit: 10, rerank: { ...backwards, top: 2 } })
      expect(documentsOf(top)).toEqual([fused[1], fused[0], ...fused.slice(2)])
      const wrong: [Reranker['rank'], string][] = [
        [() => [1], 'scores for 5 hits'],
        [() => [1, 2, Number.NaN, 3, 4], 'no numbers'],
        [() => ({ order: [0, 0, 1, 2, 3] }), 'none of 5 hits'],
        [() => undefined as never, 'rerank'],
        [
          () => {
            throw new TypeError('the model is gone')
          },
          'the model is gone',
        ],
        [() => new Promise(() => undefined), 'HW_TIMEOUT'],
      ]
      for (const [rank, reason] of wrong) {
        const page = await acme.search({ ...query, limit: 10, rerank: { rank, timeoutMs: 50 } })
        expect(documentsOf(page)).toEqual(fused)
        expect(page.degraded).toEqual([{ leg: 'rerank', reason: expect.stringContaining(reason) }])
      }
    })

    it('several phrasings make one page; several queries several, each as if asked alone', async () => {
      const both = await acme.search({ query: ['parental', 'canteen'], mode: 'text', explain: true })
      expect(documentsOf(both).sort()).toEqual(['leave', 'lunch', 'twin'])
      const queries: Query[] = [
        { query: 'parental leave' },
        { query: 'train', mode: 'text', limit: 1 },
        { query: ['lunch', 'canteen'], mode: 'vector', filter: { section: 'ops' } },
        { query: 'parental leave', groupBy: 'document', fusion: 'weighted', diversity: 0.3 },
        { query: 'nowhere', mode: 'text' },
      ]
      const pages = await acme.searchMany(queries)
      const alone = await Promise.all(queries.map((query) => acme.search(query)))
      expect(pages).toEqual(alone)
      const next = await acme.searchMany([{ query: 'leave', limit: 1, cursor: undefined }, { query: 'leave' }])
      const [second] = await acme.searchMany([{ query: 'leave', limit: 1, cursor: next[0]!.cursor }])
      expect(second!.hits[0]!.documentId).toBe(next[1]!.hits[1]!.documentId)
      expect(await acme.searchMany([])).toEqual([])
      await expect(acme.searchMany([{ query: 'x' }, { query: '' }])).rejects.toMatchObject({
        code: 'HW_INVALID_ARGUMENT',
      })
    })

    it('finds what is like a document or a chunk, without itself', async () => {
      const near = await acme.similar('leave', { limit: 2 })
      expect(documentsOf(near)[0]).toBe('twin')
      expect(near.hits[0]!.score).toBeGreaterThan(0.9)
      expect(near.hits[0]!.highlights).toBeUndefined()
      const [chunk] = await acme.documents.chunks('leave')
      const byChunk = await acme.similar({ chunkId: chunk!.id }, { limit: 10 })
      expect(documentsOf(byChunk)).not.toContain('leave')
      expect(documentsOf(byChunk)[0]).toBe('twin')
      const ops = await acme.similar('leave', { filter: { section: 'ops' }, groupBy: 'document' })
      expect(documentsOf(ops).sort()).toEqual(['lunch', 'travel'])
      const page = await acme.similar('leave', { limit: 2, cursor: near.cursor })
      expect(documentsOf(page).some((id) => documentsOf(near).includes(id) || id === 'leave')).toBe(false)
      expect((await acme.similar('leave', { minScore: 0.9 })).hits).toHaveLength(1)
      for (const target of ['nothing', { chunkId: 'no uuid' }, { chunkId: '00000000-0000-5000-8000-000000000000' }]) {
        await expect(acme.similar(target)).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
      }
      await expect(acme.similar(undefined as never)).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
    })

    it('says how a page came about', async () => {
      const page = await acme.search({
        query: 'leave',
        explain: true,
        filter: { $version: { ne: 1 } },
        facets: ['year'],
      })
      expect(page.hits).toEqual([])
      expect(page.explain).toMatchObject({
        candidates: { text: 3, vector: 5 },
        belowMinScore: 0,
        dropped: { gone: 0, filtered: 5, duplicates: 0 },
        refills: 0,
        cached: false,
      })
      for (const part of ['text', 'vector', 'embedding', 'hydration', 'facets'] as const) {
        expect(page.explain!.ms[part]).toBeGreaterThanOrEqual(0)
      }
    })

    it('fills a page of documents where documents of 200 chunks match whole', async () => {
      const long = tenant('long')
      const chunks = Array.from({ length: 200 }, (_, at) => ({ text: `common common word ${at}.` }))
      const text = chunks.map((chunk) => chunk.text).join(' ')
      const many = Array.from({ length: 4 }, (_, at) => ({ id: `long${at}`, text, chunks }))
      const few = Array.from({ length: 8 }, (_, at) => ({
        id: `short${at}`,
        text: `Something about a common word, ${at}.`,
      }))
      await long.waitFor(await long.documents.putMany([...many, ...few]), { timeoutMs: 60_000 })
      const page = await long.search({ query: 'common word', groupBy: 'document', limit: 10, explain: true })
      expect(new Set(documentsOf(page)).size).toBe(10)
      expect(page.explain!.refills).toBeGreaterThan(0)
      const rest = await long.search({ query: 'common word', groupBy: 'document', limit: 10, cursor: page.cursor })
      expect(new Set([...documentsOf(page), ...documentsOf(rest)]).size).toBe(
        documentsOf(page).length + rest.hits.length,
      )
    })

    it('pages stay apart while documents go, come and change between them', async () => {
      const busy = tenant('busy')
      const put = (ids: readonly number[], words: string) =>
        busy.documents.putMany(ids.map((at) => ({ id: `d${at}`, text: `common word number ${at} ${words}` })))
      const all = Array.from({ length: 40 }, (_, at) => at)
      await busy.waitFor(await put(all, ''), { timeoutMs: 30_000 })
      for (const more of [{}, { fusion: 'weighted', diversity: 0.4 }, { groupBy: 'document' }] as const) {
        const seen: string[] = []
        let cursor: string | undefined
        do {
          const page: SearchPage = await busy.search({ query: 'common word', limit: 6, cursor, ...more })
          const stored = await busy.documents.getMany(documentsOf(page))
          expect(stored.map((document) => document?.text.trim())).toEqual(page.hits.map(({ text }) => text.trim()))
          seen.push(...page.hits.map((hit) => hit.chunkId))
          cursor = page.cursor
          // One seen, one to come and one changed: none comes twice, none that is gone comes at all.
          await busy.documents.deleteMany([page.hits[0]?.documentId ?? 'none', `d${seen.length}`])
          await put([(seen.length * 7) % 40, 100 + seen.length], `changed ${seen.length}`)
        } while (cursor)
        expect(new Set(seen).size).toBe(seen.length)
        expect(seen.length).toBeGreaterThan(12)
      }
    })

    it('takes whatever is typed: results that make sense, or a typed error', async () => {
      const typed = [
        'the and of',
        '😀 🧑‍🤝‍🧑',
        'مرحبا بالعالم',
        'שלום \u202eעולם',
        '日本語',
        "'; DROP TABLE documents; --",
        '{"query":{"match_all":{}}}',
        '* OR _exists_:tenant NOT (a AND b)~2^3 "x',
        '{"filter":{"must":[]}} [1,2]',
        '$(jndi:ldap://x) {{7*7}} $1 ?| @>',
        '\0\u0001\u001f',
        'half \ud800 pair \udfff',
        '\\',
        'a'.repeat(8_192),
        `${'word '.repeat(1_637)}leave`,
        Array.from({ length: 1_300 }, (_, at) => `w${at}`).join(' '),
      ]
      for (const mode of ['hybrid', 'text'] as const) {
        for (const query of typed) {
          const page = await acme.search({ query, mode, facets: ['section'], explain: true })
          // Controls and signs alone are no words, emoji are, which is said.
          const wordless = page.degraded.filter(({ reason }) => reason.startsWith('noWords'))
          expect(wordless.length, JSON.stringify(query.slice(0, 40))).toBe(
            /[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(query) ? 0 : 1,
          )
          if (wordless.length > 0 && mode === 'text') expect(page.hits).toEqual([])
          expect(page.degraded.length, JSON.stringify(query.slice(0, 40))).toBe(wordless.length)
          expect(page.hits.length).toBeLessThanOrEqual(papers.length)
          expect(JSON.stringify(page)).not.toContain('Foreign')
        }
      }
      const refused: [Query, string][] = [
        [{ query: '' }, 'HW_INVALID_ARGUMENT'],
        [{ query: [] }, 'HW_INVALID_ARGUMENT'],
        [{ query: ' \n\t ' }, 'HW_INVALID_ARGUMENT'],
        [{ query: 'word '.repeat(10_000) }, 'HW_LIMIT_EXCEEDED'],
        [{ query: Array.from({ length: 9 }, () => 'x') }, 'HW_LIMIT_EXCEEDED'],
        [{ query: 7 as never }, 'HW_INVALID_ARGUMENT'],
        [{ query: 'x', diversity: 2 }, 'HW_INVALID_ARGUMENT'],
        [{ query: 'x', fusion: 'magic' as never }, 'HW_INVALID_ARGUMENT'],
        [{ query: 'x', minScore: { text: Number.NaN } }, 'HW_INVALID_ARGUMENT'],
        [{ query: 'x', facets: ['a..b'] }, 'HW_INVALID_ARGUMENT'],
        [{ query: 'x', facets: ['$id'] }, 'HW_INVALID_ARGUMENT'],
        [{ query: 'x', facets: { paths: ['a'], limit: 100_000 } }, 'HW_LIMIT_EXCEEDED'],
        [{ query: 'x', facets: 'section' as never }, 'HW_INVALID_ARGUMENT'],
        [{ query: 'x', rerank: {} as never }, 'HW_INVALID_ARGUMENT'],
      ]
      for (const [query, code] of refused) {
        await expect(acme.search(query), JSON.stringify(query).slice(0, 60)).rejects.toMatchObject({ code })
      }
    })
  })
}
