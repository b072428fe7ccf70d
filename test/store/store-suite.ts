import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DocumentInput, defineMetadata, type Filter, type Store } from '../../index'
import type { StoreOptions } from '../../src/store/store-options'

export const suiteCollections = {
  documents: { metadata: defineMetadata({ section: 'keyword', year: 'integer', at: 'datetime', tags: 'keyword[]' }) },
  questions: { embedder: { hashing: { dimensions: 64 } } },
} as const

// biome-ignore lint/suspicious/noExplicitAny: the suite is about behaviour; types have tests of their own
type AnyStore = Store<any>

export interface OpenedStore {
  readonly store: AnyStore
  /** Work on whole indexes, while nobody else does such work. */
  alone?(work: () => Promise<void>): Promise<void>
  dispose(): Promise<void>
}

let tenants = 0

/** What a Store promises, whatever it stands on. Each test has a tenant of its own. */
export function storeSuite(name: string, open: (options: StoreOptions<object>) => Promise<OpenedStore>): void {
  describe(`store on ${name}`, () => {
    let opened: OpenedStore
    let store: AnyStore
    beforeAll(async () => {
      opened = await open({ collections: suiteCollections, embedder: { hashing: {} } })
      store = opened.store
    })
    afterAll(() => opened?.dispose())
    const tenant = () => store.forTenant(`t${++tenants}`)
    const alone = (work: () => Promise<void>) => () => (opened.alone ? opened.alone(work) : work())
    const handbook = (more: Partial<DocumentInput> = {}): DocumentInput => ({
      id: 'handbook',
      title: 'Handbook',
      text: 'Parental leave is sixteen weeks for everybody.',
      metadata: { section: 'hr', year: 2026 },
      ...more,
    })

    describe('documents', () => {
      it('puts, gets, and counts versions; unchanged content writes nothing', async () => {
        const acme = tenant()
        const first = await acme.documents.put(handbook({ source: 'wiki' }))
        expect(first).toMatchObject({ id: 'handbook', version: 1, unchanged: false })
        const again = await acme.documents.put(handbook({ source: 'wiki' }))
        expect(again).toMatchObject({ version: 1, unchanged: true, fence: first.fence })
        const changed = await acme.documents.put(handbook({ source: 'wiki', text: 'Parental leave is twenty weeks.' }))
        expect(changed).toMatchObject({ version: 2, unchanged: false })
        expect(changed.fence).toBeGreaterThan(first.fence)
        const stored = await acme.documents.get('handbook')
        expect(stored).toMatchObject({
          id: 'handbook',
          title: 'Handbook',
          text: 'Parental leave is twenty weeks.',
          metadata: { section: 'hr', year: 2026 },
          source: 'wiki',
          status: 'active',
          version: 2,
        })
        expect(stored!.createdAt).toBeInstanceOf(Date)
        expect(await acme.documents.get('nothing')).toBeNull()
      })

      it('receipts survive JSON', async () => {
        const acme = tenant()
        const receipt = JSON.parse(JSON.stringify(await acme.documents.put(handbook())))
        await acme.waitFor(receipt, { timeoutMs: 20_000 })
        expect((await acme.search({ query: 'parental' }, { after: receipt })).hits).toHaveLength(1)
      })

      it('merges metadata in a patch, removes by null, checks ifVersion', async () => {
        const acme = tenant()
        await acme.documents.put(handbook())
        const patched = await acme.documents.patch('handbook', { metadata: { year: 2027 } }, { ifVersion: 1 })
        expect(patched.version).toBe(2)
        expect((await acme.documents.get('handbook'))!.metadata).toEqual({ section: 'hr', year: 2027 })
        await acme.documents.patch('handbook', { title: 'New', metadata: { section: null } })
        expect(await acme.documents.get('handbook')).toMatchObject({
          title: 'New',
          metadata: { year: 2027 },
          version: 3,
        })
        await expect(acme.documents.patch('handbook', { title: 'x' }, { ifVersion: 1 })).rejects.toMatchObject({
          code: 'HW_VERSION_CONFLICT',
        })
        await expect(acme.documents.patch('none', { title: 'x' })).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
        await expect(acme.documents.put(handbook(), { ifVersion: 0 })).rejects.toMatchObject({
          code: 'HW_VERSION_CONFLICT',
        })
      })

      it('deletes: gone for get, list and search; a put afterwards starts anew with a higher version', async () => {
        const acme = tenant()
        const put = await acme.documents.put(handbook())
        const gone = await acme.documents.delete('handbook')
        expect(gone).toMatchObject({ unchanged: false, version: 2 })
        expect(gone.fence).toBeGreaterThan(put.fence)
        expect(await acme.documents.delete('handbook')).toMatchObject({ unchanged: true })
        expect(await acme.documents.delete('never')).toMatchObject({ unchanged: true, version: 0 })
        expect(await acme.documents.get('handbook')).toBeNull()
        expect((await acme.documents.list()).items).toEqual([])
        expect(await acme.documents.chunks('handbook')).toEqual([])
        expect((await acme.search({ query: 'parental leave' })).hits).toEqual([])
        const back = await acme.documents.put(handbook())
        expect(back.version).toBe(3)
        await acme.waitFor(back)
        expect((await acme.search({ query: 'parental leave' })).hits).toHaveLength(1)
      })

      it('lists by byte order with filter and cursor', async () => {
        const acme = tenant()
        const ids = ['a', 'b', 'B', 'z', 'é', '\u{1F600}', '\uFFFD']
        await acme.documents.putMany(ids.map((id, at) => ({ id, text: `text ${id}`, metadata: { year: 2000 + at } })))
        const all: string[] = []
        let cursor: string | undefined
        do {
          const page = await acme.documents.list({ limit: 2, ...(cursor && { cursor }) })
          all.push(...page.items.map((item: { id: string }) => item.id))
          cursor = page.cursor
        } while (cursor)
        expect(all).toEqual([...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
        const filtered = await acme.documents.list({ filter: { year: { gte: 2005 } } })
        expect(filtered.items.map((item: { id: string }) => item.id).sort()).toEqual(['\u{1F600}', '\uFFFD'].sort())
        const page = await acme.documents.list({ limit: 1 })
        await expect(acme.documents.list({ cursor: page.cursor, filter: { year: 1 } })).rejects.toMatchObject({
          code: 'HW_INVALID_CURSOR',
        })
        await expect(acme.documents.list({ cursor: 'x' })).rejects.toMatchObject({ code: 'HW_INVALID_CURSOR' })
        await expect(acme.documents.list({ limit: 0 })).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
        await expect(acme.documents.list({ limit: 1_000_000 })).rejects.toMatchObject({ code: 'HW_LIMIT_EXCEEDED' })
      })

      it('putMany: last of equal ids wins, refused ones are reported, unchanged ones counted', async () => {
        const acme = tenant()
        async function* stream() {
          yield { id: 'a', text: 'first' }
          yield { id: 'a', text: 'second' }
          yield { id: 'bad', text: '   ' }
          yield { id: 'worse', text: 'x', metadata: { year: Number.NaN } }
          yield { id: 'b', text: 'other' }
        }
        const result = await acme.documents.putMany(stream())
        expect(result).toMatchObject({ written: 2, unchanged: 0 })
        expect(result.failed.map(({ id, error }) => [id, error.code])).toEqual([
          ['bad', 'HW_INVALID_DOCUMENT'],
          ['worse', 'HW_INVALID_METADATA'],
        ])
        expect((await acme.documents.get('a'))!).toMatchObject({ text: 'second', version: 1 })
        await acme.waitFor(result, { timeoutMs: 20_000 })
        expect(await acme.documents.putMany([{ id: 'b', text: 'other' }])).toMatchObject({ written: 0, unchanged: 1 })
        expect(JSON.stringify(result.receipt).length).toBeLessThan(1_000)
      })

      it('deleteMany and deleteWhere delete what they name and nothing else', async () => {
        const acme = tenant()
        const other = tenant()
        for (const who of [acme, other]) {
          await who.documents.putMany(
            Array.from({ length: 30 }, (_, at) => ({ id: `d${at}`, text: `text ${at}`, metadata: { year: at % 3 } })),
          )
        }
        expect(await acme.documents.deleteMany(['d0', 'd1', 'missing'])).toMatchObject({ written: 2, unchanged: 1 })
        expect(await acme.documents.deleteWhere({ year: 0 })).toMatchObject({ written: 9 })
        expect(await acme.documents.count()).toBe(19)
        expect(await other.documents.count()).toBe(30)
        expect(await acme.documents.deleteWhere({})).toMatchObject({ written: 19 })
        await store.relay.drain({ timeoutMs: 20_000 })
        expect((await acme.search({ query: 'text', limit: 100 })).hits).toEqual([])
        expect((await other.search({ query: 'text', limit: 100 })).hits).toHaveLength(30)
      })

      it('takes chunks as they are, and keeps them in a patch of something else', async () => {
        const acme = tenant()
        await acme.documents.put({
          id: 'own',
          text: 'alpha beta gamma',
          chunks: [{ text: 'alpha beta', metadata: { page: 1 } }, { text: 'beta gamma' }],
        })
        expect(await acme.documents.chunks('own')).toMatchObject([
          { ordinal: 0, text: 'alpha beta', start: 0, end: 10, metadata: { page: 1 } },
          { ordinal: 1, text: 'beta gamma', start: 6, end: 16 },
        ])
        await acme.documents.patch('own', { title: 'Own' })
        expect((await acme.documents.chunks('own')).map(({ text }) => text)).toEqual(['alpha beta', 'beta gamma'])
      })

      it('an idempotency key applies once, also when nothing changed; another body is refused', async () => {
        const acme = tenant()
        const first = await acme.documents.put(handbook(), { idempotencyKey: 'k1' })
        await acme.documents.put(handbook({ text: 'changed in between' }))
        const again = await acme.documents.put(handbook(), { idempotencyKey: 'k1' })
        expect(again).toMatchObject({ version: first.version, fence: first.fence })
        expect((await acme.documents.get('handbook'))!.text).toBe('changed in between')
        await expect(acme.documents.put(handbook({ text: 'other' }), { idempotencyKey: 'k1' })).rejects.toMatchObject({
          code: 'HW_IDEMPOTENCY_CONFLICT',
        })
        await acme.documents.put(handbook({ text: 'changed in between' }), { idempotencyKey: 'k2' })
        await expect(acme.documents.delete('handbook', { idempotencyKey: 'k2' })).rejects.toMatchObject({
          code: 'HW_IDEMPOTENCY_CONFLICT',
        })
        await tenant().documents.put(handbook({ text: 'another tenant' }), { idempotencyKey: 'k1' })
        // The key is of one request: the same text elsewhere, or under another id, is another.
        const elsewhere = acme.collection('questions').documents.put(handbook(), { idempotencyKey: 'k1' })
        await expect(elsewhere).rejects.toMatchObject({ code: 'HW_IDEMPOTENCY_CONFLICT' })
        await acme.documents.putMany([{ id: 'x', text: 'same text' }], { idempotencyKey: 'k3' })
        const renamed = acme.documents.putMany([{ id: 'y', text: 'same text' }], { idempotencyKey: 'k3' })
        await expect(renamed).rejects.toMatchObject({ code: 'HW_IDEMPOTENCY_CONFLICT' })
      })

      it('many writers of one document: every acknowledged change has a version of its own', async () => {
        const acme = tenant()
        const receipts = await Promise.all(
          Array.from({ length: 12 }, (_, at) => acme.documents.put(handbook({ text: `version by writer ${at}` }))),
        )
        expect(receipts.map(({ version }) => version).sort((a, b) => a - b)).toEqual(
          Array.from({ length: 12 }, (_, at) => at + 1),
        )
        const last = receipts.find(({ version }) => version === 12)!
        await acme.waitFor(last, { timeoutMs: 20_000 })
        const { hits } = await acme.search({ query: 'version writer', limit: 50 })
        expect(hits).toHaveLength(1)
        expect(hits[0]!.text).toBe((await acme.documents.get('handbook'))!.text)
      })

      it('concurrent patches all hold', async () => {
        const acme = tenant()
        await acme.documents.put({ id: 'p', text: 'patched', metadata: {} })
        await Promise.all(
          ['a', 'b', 'c'].map((key) => acme.documents.patch('p', { metadata: { [`k${key}`]: key } as never })),
        )
        expect((await acme.documents.get('p'))!.metadata).toEqual({ ka: 'a', kb: 'b', kc: 'c' })
      })

      it('reaches bytes and times as they were: unicode, metadata of every shape', async () => {
        const acme = tenant()
        const metadata = {
          tags: ['ä', '日本'],
          deep: { list: [1, 2.5, { x: true }], none: null },
          at: '2026-01-02T03:04:05.000Z',
        }
        await acme.documents.put({ id: 'ünï/çode 😀', title: '😀', text: 'Zażółć gęślą jaźń 😀 日本語', metadata })
        expect(await acme.documents.get('ünï/çode 😀')).toMatchObject({
          title: '😀',
          text: 'Zażółć gęślą jaźń 😀 日本語',
          metadata,
        })
      })
    })

    describe('transactions', () => {
      it('commit together, read their own writes, and are searchable after waitFor', async () => {
        const acme = tenant()
        await acme.documents.put({ id: 'b', text: 'to be deleted' })
        const { value, receipt } = await acme.transaction(async (tx) => {
          await tx.documents.put({ id: 'a', text: 'made together' })
          await tx.documents.delete('b')
          expect((await tx.documents.get('a'))!.text).toBe('made together')
          expect(await tx.documents.get('b')).toBeNull()
          return 42
        })
        expect(value).toBe(42)
        await acme.waitFor(receipt, { timeoutMs: 20_000 })
        expect((await acme.search({ query: 'made together deleted' })).hits.map((hit) => hit.documentId)).toEqual(['a'])
      })

      it('roll back whole, and keep the first error', async () => {
        const acme = tenant()
        await expect(
          acme.transaction(async (tx) => {
            await tx.documents.put({ id: 'a', text: 'never' })
            throw new RangeError('mine')
          }),
        ).rejects.toThrow('mine')
        expect(await acme.documents.get('a')).toBeNull()
        expect((await store.backlog()).waiting).toBe(0)
      })

      it('refuse the outer handle inside, at once', async () => {
        const acme = tenant()
        for (const call of [
          () => acme.documents.put({ id: 'x', text: 'x' }),
          () => acme.documents.get('x'),
          () => acme.search({ query: 'x' }),
          () => acme.transaction(async () => 1),
        ]) {
          await expect(acme.transaction(async () => call())).rejects.toMatchObject({ code: 'HW_TRANSACTION_NESTED' })
        }
      })

      it('a handle kept beyond its transaction is closed', async () => {
        const acme = tenant()
        let kept: { documents: { get(id: string): Promise<unknown> } } | undefined
        await acme.transaction(async (tx) => {
          kept = tx
        })
        await expect(kept!.documents.get('x')).rejects.toMatchObject({ code: 'HW_CLOSED' })
      })
    })

    describe('search', () => {
      it('finds by words and by vector, explains, highlights, filters', async () => {
        const acme = tenant()
        const result = await acme.documents.putMany([
          handbook(),
          {
            id: 'travel',
            title: 'Travel',
            text: 'Trains are booked by the office.',
            metadata: { section: 'ops', year: 2025 },
          },
          { id: 'food', title: 'Canteen', text: 'Lunch is served at noon.', metadata: { section: 'ops', year: 2024 } },
        ])
        await acme.waitFor(result, { timeoutMs: 20_000 })
        for (const mode of ['hybrid', 'text', 'vector'] as const) {
          const page = await acme.search({ query: 'parental leave', mode, explain: true })
          expect(page.degraded).toEqual([])
          expect(page.hits[0]).toMatchObject({
            documentId: 'handbook',
            title: 'Handbook',
            ordinal: 0,
            metadata: { section: 'hr', year: 2026 },
          })
          expect(page.hits[0]!.highlights![0]).toContain('<em>Parental</em> <em>leave</em>')
          expect(Object.keys(page.hits[0]!.explain!)).toEqual(mode === 'hybrid' ? ['text', 'vector'] : [mode])
        }
        const filtered = await acme.search({
          query: 'office leave lunch',
          filter: { section: 'ops', year: { gte: 2025 } },
        })
        expect(filtered.hits.map((hit) => hit.documentId)).toEqual(['travel'])
        const none = await acme.search({ query: 'leave', filter: { year: { in: [] } } })
        expect(none.hits).toEqual([])
      })

      it('volatile fields filter by the truth, not by what the index holds', async () => {
        const acme = tenant()
        const stable = { text: 'stable paragraph about leave' }
        const texts = (more: string) => ({ text: `${stable.text} ${more}`, chunks: [stable, { text: more }] })
        await acme.documents.put(handbook(texts('one')))
        // Another chunk changes: the index goes on holding the version that it had.
        const receipt = await acme.documents.put(handbook(texts('two')))
        await acme.waitFor(receipt)
        expect((await acme.search({ query: 'leave', mode: 'text', filter: { $version: 2 } })).hits).toHaveLength(1)
        expect((await acme.search({ query: 'leave', mode: 'text', filter: { $version: { ne: 2 } } })).hits).toEqual([])
        expect(
          (await acme.search({ query: 'leave', mode: 'text', filter: { NOT: { $version: 1 } } })).hits,
        ).toHaveLength(1)
      })

      it('filters by title, status, content type and the metadata of chunks, and shows the latter', async () => {
        const acme = tenant()
        const text = 'Leave on page one. Leave on page two.'
        const chunks = [
          { text: 'Leave on page one.', metadata: { page: 1 } },
          { text: 'Leave on page two.', metadata: { page: 2, kind: 'note' } },
        ]
        const two = await acme.documents.putMany([
          { id: 'paged', title: 'Paged', text, chunks, status: 'draft' },
          { id: 'plain', text: 'Leave without a page.', contentType: 'text/markdown' },
        ])
        await acme.waitFor(two, { timeoutMs: 20_000 })
        const found = async (filter: Filter): Promise<string[]> => {
          const answers = []
          for (const mode of ['text', 'vector'] as const) {
            const { hits, degraded } = await acme.search({ query: 'leave', mode, filter })
            expect(degraded).toEqual([])
            answers.push(hits.map((hit) => `${hit.documentId} ${hit.chunkMetadata['page'] ?? '-'}`).sort())
          }
          expect(answers[0]).toEqual(answers[1])
          return answers[0]!
        }
        expect(await found({ '$chunk.page': { gte: 2 } })).toEqual(['paged 2'])
        expect(await found({ '$chunk.page': { in: [1, 7] } })).toEqual(['paged 1'])
        expect(await found({ '$chunk.kind': { exists: false } })).toEqual(['paged 1', 'plain -'])
        expect(await found({ $status: 'draft', NOT: { '$chunk.page': 1 } })).toEqual(['paged 2'])
        expect(await found({ $title: { exists: false } })).toEqual(['plain -'])
        expect(await found({ $contentType: 'text/plain' })).toEqual(['paged 1', 'paged 2'])
        await acme.waitFor(await acme.documents.patch('paged', { status: 'final' }), { timeoutMs: 20_000 })
        expect(await found({ $status: 'draft' })).toEqual([])
        expect(await found({ $status: { in: ['final', 'x'] } })).toEqual(['paged 1', 'paged 2'])
        const { facets } = await acme.search({ query: 'leave', facets: ['$status', '$chunk.page'] })
        expect(facets!.map(({ values }) => values.map(({ value, count }) => [value, count]))).toEqual([
          [
            ['final', 2],
            ['active', 1],
          ],
          [
            [1, 1],
            [2, 1],
          ],
        ])
        expect((await acme.documents.list({ filter: { $status: 'final' } })).items).toHaveLength(1)
        await expect(acme.documents.list({ filter: { '$chunk.page': 1 } })).rejects.toMatchObject({
          code: 'HW_INVALID_FILTER',
        })
      })

      it('pages by cursor without repeats, under writes, and groups by document', async () => {
        const acme = tenant()
        const result = await acme.documents.putMany(
          Array.from({ length: 25 }, (_, at) => ({ id: `d${at}`, text: `common word number ${at}` })),
        )
        await acme.waitFor(result, { timeoutMs: 20_000 })
        const seen: string[] = []
        let cursor: string | undefined
        do {
          const page = await acme.search({ query: 'common word', limit: 7, ...(cursor && { cursor }) })
          seen.push(...page.hits.map((hit) => hit.documentId))
          cursor = page.cursor
          await acme.documents.put({ id: `late${seen.length}`, text: 'common word late' })
          await acme.documents.delete(seen[0]!)
        } while (cursor)
        expect(new Set(seen).size).toBe(seen.length)
        expect(seen.length).toBeGreaterThanOrEqual(24)
        await acme.documents.put({
          id: 'many',
          text: 'common one. common two. common three.',
          chunks: [{ text: 'common one' }, { text: 'common two' }, { text: 'common three' }],
        })
        const grouped = await acme.search({ query: 'common', groupBy: 'document', limit: 50 })
        const documents = grouped.hits.map((hit) => hit.documentId)
        expect(new Set(documents).size).toBe(documents.length)
        expect(documents).toContain('many')
        await expect(acme.search({ query: 'other', cursor: 'garbage' })).rejects.toMatchObject({
          code: 'HW_INVALID_CURSOR',
        })
      })

      it('checks its input', async () => {
        const acme = tenant()
        const cases: [unknown, string][] = [
          [{ query: '' }, 'HW_INVALID_ARGUMENT'],
          [{ query: 'x', limit: 0 }, 'HW_INVALID_ARGUMENT'],
          [{ query: 'x', limit: 1_000_000 }, 'HW_LIMIT_EXCEEDED'],
          [{ query: 'x'.repeat(9_000) }, 'HW_LIMIT_EXCEEDED'],
          [{ query: 'x', filter: { year: { like: 1 } } }, 'HW_INVALID_FILTER'],
          [{ query: 'x', mode: 'magic' }, 'HW_INVALID_ARGUMENT'],
          [{ vector: [1, 2, 3] }, 'HW_INVALID_VECTOR'],
          [{ vector: new Array(384).fill(Number.NaN) }, 'HW_INVALID_VECTOR'],
        ]
        for (const [query, code] of cases) {
          await expect(acme.search(query as never), JSON.stringify(query)).rejects.toMatchObject({ code })
        }
        for (const query of [
          "'; DROP TABLE documents; --",
          '%_\\',
          '日本語',
          '😀',
          'مرحبا',
          'the and of',
          '\0x',
          'a & | ! ( ) : *',
        ]) {
          expect((await acme.search({ query })).hits).toEqual([])
        }
      })

      it('collections are apart, each with an embedder of its own', async () => {
        const acme = tenant()
        const questions = acme.collection('questions')
        await acme.documents.put({ id: 'same', text: 'shared words in documents' })
        await questions.documents.put({ id: 'same', text: 'shared words in questions' })
        expect((await questions.search({ query: 'shared words' })).hits.map((hit) => hit.text)).toEqual([
          'shared words in questions',
        ])
        expect((await acme.search({ query: 'shared words' })).hits.map((hit) => hit.text)).toEqual([
          'shared words in documents',
        ])
        await expect(questions.search({ vector: new Array(384).fill(0.1) })).rejects.toMatchObject({
          code: 'HW_INVALID_VECTOR',
        })
        expect(() => acme.collection('undeclared')).toThrow(expect.objectContaining({ code: 'HW_COLLECTION_UNKNOWN' }))
      })

      it(
        'one changed paragraph touches one chunk',
        alone(async () => {
          const acme = tenant()
          const paragraphs = Array.from(
            { length: 60 },
            (_, at) => `Paragraph ${at}. ${`words of part ${at} `.repeat(25)}`,
          )
          await acme.documents.put({ id: 'long', text: paragraphs.join('\n\n') })
          const before = await acme.documents.chunks('long')
          paragraphs[30] = paragraphs[30]!.replace('part 30', 'piece 30')
          await acme.documents.put({ id: 'long', text: paragraphs.join('\n\n') })
          const after = await acme.documents.chunks('long')
          const kept = new Set(before.map(({ id }) => id))
          expect(after.filter(({ id }) => !kept.has(id))).toHaveLength(1)
          expect((await store.reconcile({ deep: true })).differences).toEqual([])
        }),
      )
    })

    describe('cache and blobs', () => {
      it('keep values per tenant', async () => {
        const [one, two] = [tenant(), tenant()]
        await one.cache.set('k', { a: 1 }, { tags: ['t'] })
        expect(await one.cache.get('k')).toEqual({ a: 1 })
        expect(await two.cache.get('k')).toBeUndefined()
        expect(await one.cache.getOrLoad('l', async () => 7)).toBe(7)
        expect(await one.cache.getMany(['k', 'none', 'l'])).toEqual([{ a: 1 }, undefined, 7])
        expect(await one.cache.deleteByTag('t')).toBe(1)
        expect(await one.cache.get('k')).toBeUndefined()
      })

      it('keep bytes per tenant, by their hash', async () => {
        const [one, two] = [tenant(), tenant()]
        const { key, size } = await one.blobs.put('hello')
        expect(size).toBe(5)
        expect(await two.blobs.get(key)).toBeNull()
        const parts: Uint8Array[] = []
        for await (const part of (await one.blobs.get(key))!) parts.push(part)
        expect(Buffer.concat(parts).toString()).toBe('hello')
      })
    })

    describe('rebuild and reconcile', () => {
      it(
        'rebuilds in another space without a gap and stays equal',
        alone(async () => {
          const acme = tenant()
          const questions = acme.collection('questions')
          await questions.documents.put({ id: 'q', text: 'how many weeks of leave' })
          const progress: string[] = []
          const result = await store.rebuild({
            target: 'vector',
            collection: 'questions',
            embedder: { hashing: { dimensions: 96 } },
            onProgress: ({ phase }) => progress.push(phase),
          })
          expect(result.copied).toBeGreaterThan(0)
          expect(progress).toContain('switch')
          const page = await questions.search({ query: 'weeks of leave', mode: 'vector' })
          expect(page.hits.map((hit) => hit.documentId)).toEqual(['q'])
          await questions.documents.put({ id: 'r', text: 'weeks of leave after the switch' })
          expect((await questions.search({ query: 'leave switch', mode: 'vector' })).hits[0]!.documentId).toBe('r')
          await store.rebuild({ target: 'text', collection: 'questions' })
          expect((await questions.search({ query: 'weeks', mode: 'text' })).hits).toHaveLength(2)
          const report = await store.reconcile({ collection: 'questions', deep: true })
          expect(report).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0 })
          // Back to the space that was declared, so that other tests find it so.
          await store.rebuild({ target: 'vector', collection: 'questions', embedder: { hashing: { dimensions: 64 } } })
        }),
      )
    })

    describe('another splitter', () => {
      it(
        'cuts anew without a gap, both targets at once, and back again',
        alone(async () => {
          const acme = tenant()
          const text = Array.from({ length: 12 }, (_, at) => `Paragraph ${at} of the long one, about rivers.`).join(
            '\n\n',
          )
          await acme.documents.put({ id: 'long', text })
          await acme.documents.put({
            id: 'own',
            text: 'Mine and mine.',
            chunks: [{ text: 'Mine' }, { text: 'and mine.' }],
          })
          const before = await acme.documents.chunks('long')
          const seen = new Set<string>()
          const result = await store.rebuild({ splitter: { size: 40 }, onProgress: ({ phase }) => seen.add(phase) })
          expect([...seen]).toEqual(['cut', 'copy', 'verify', 'switch'])
          expect(result.cut).toBeGreaterThan(0)
          const after = await acme.documents.chunks('long')
          expect(after.length).toBeGreaterThan(before.length)
          expect((await acme.documents.chunks('own')).map((chunk) => chunk.text)).toEqual(['Mine', 'and mine.'])
          expect(await acme.documents.put({ id: 'long', text })).toMatchObject({ unchanged: true, version: 1 })
          const found = await acme.search({ query: 'paragraph 7 rivers', limit: 50 })
          const ofLong = found.hits.filter(({ documentId }) => documentId === 'long')
          expect(ofLong.map(({ chunkId }) => chunkId).sort()).toEqual(after.map(({ id }) => id).sort())
          const late = await acme.documents.put({ id: 'late', text: 'Written after the switch, about lakes.' })
          await acme.waitFor(late, { timeoutMs: 20_000 })
          expect(await store.reconcile({ collection: 'documents', deep: true })).toMatchObject({
            missing: 0,
            stale: 0,
            orphaned: 0,
          })
          await expect(store.rebuild({ splitter: {}, target: 'text' } as never)).rejects.toMatchObject({
            path: 'target',
          })

          const back = await store.rollback({ target: 'vector' })
          expect(back.beside).toBeDefined()
          expect((await acme.documents.chunks('long')).map(({ id }) => id)).toEqual(before.map(({ id }) => id))
          const lakes = await acme.search({ query: 'lakes', limit: 5 })
          expect(lakes.hits.map(({ documentId }) => documentId)).toContain('late')
          expect((await store.dropStandby({ target: 'text' })).length).toBe(2)
        }),
      )
    })

    it(
      'health says how things stand',
      alone(async () => {
        const health = await store.health()
        expect(health.status).toBe('ok')
        expect(health.backlog).toMatchObject({ parked: 0 })
      }),
    )
  })
}
