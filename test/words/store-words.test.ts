import { describe, expect, it } from 'vitest'
import { openStore } from '../../index'
import type { TenantHandle } from '../../src/tenant/tenant-handle'
import { createTestStore } from '../../src/testing/test-store'

type Acme = Pick<TenantHandle<{ documents: object; de: object }>, 'search' | 'waitFor' | 'collection'>

/** What users met: words, ranks and marks as a whole search gives them. */
function suite(open: () => Promise<{ acme: Acme; close(): Promise<void> }>): void {
  it('finds what it is asked for, marks it, and says when there is no word', async () => {
    const { acme, close } = await open()
    try {
      const put = async (collection: 'documents' | 'de', texts: Record<string, string>) => {
        const { documents } = acme.collection(collection)
        for (const [id, text] of Object.entries(texts)) await acme.waitFor(await documents.put({ id, text }))
      }
      await put('documents', {
        att: 'The merger between AT&T and Time Warner was announced.',
        hamlet: 'To be, or not to be, that is the question.',
        river: 'A walk along the river.',
        party: 'The party 🎉 begins.',
        sea: '海上の風が強い。海上は危険。海上保安庁。',
        shanghai: '昨日、上海から友人が来て、長い一日を一緒に過ごしました。とても楽しかったです。',
        code: 'call get_user_by_id now',
        version: 'Release 18.12.1 fixes a crash in the parser.',
        wrong: 'Release 12.18.1 fixes a leak. Release 12.1.18 follows, 18 12 1.',
      })
      await put('de', {
        haus: 'Unsere Versicherung deckt alle Häuser ab.',
        not: 'In der Not frisst der Teufel Fliegen.',
      })
      const best = async (
        query: string,
        collection: 'documents' | 'de' = 'documents',
        mode: 'text' | 'hybrid' = 'hybrid',
      ) => {
        const { hits, degraded } = await acme.collection(collection).search({ query, mode })
        return { id: hits[0]?.documentId, marks: hits[0]?.highlights?.join(' ') ?? '', hits: hits.length, degraded }
      }
      for (const mode of ['text', 'hybrid'] as const) {
        expect(await best('AT&T', 'documents', mode)).toMatchObject({ id: 'att', degraded: [] })
        expect((await best('to be or not to be', 'documents', mode)).id).toBe('hamlet')
        expect((await best('🎉', 'documents', mode)).id).toBe('party')
        expect((await best('上海', 'documents', mode)).marks).toContain('、<em>上海</em>から')
        expect((await best('18.12.1', 'documents', mode)).marks).toContain('<em>18.12.1</em>')
        expect((await best('user', 'documents', mode)).marks).toBe('call get_<em>user</em>_by_id now')
        expect((await best('Versicherungen', 'de', mode)).marks).toContain('<em>Versicherung</em>')
        expect((await best('Haus', 'de', mode)).marks).toContain('<em>Häuser</em>')
        expect((await best('Not Teufel', 'de', mode)).marks).toContain('<em>Not</em> frisst der <em>Teufel</em>')
        const none = await best('!!!', 'documents', mode)
        expect(none.hits).toBe(0)
        expect(none.degraded).toMatchObject([{ leg: 'text', reason: expect.stringContaining('noWords') }])
      }
      const phrase = await acme.search({ query: 'river walk', mode: 'text', match: 'phrase' })
      expect(phrase.hits).toEqual([])
      const begun = await acme.search({ query: 'anno', mode: 'text', match: 'prefix' })
      expect(begun.hits.map(({ documentId, highlights }) => [documentId, highlights])).toEqual([
        ['att', ['The merger between AT&T and Time Warner was <em>announced</em>.']],
      ])
    } finally {
      await close()
    }
  })
}

describe('words in a store in memory', () => {
  suite(async () => {
    const store = await createTestStore({
      embedder: { hashing: {} },
      collections: { documents: {}, de: { language: 'german' } },
    })
    return { acme: store.forTenant('acme') as never, close: () => store.close() }
  })
})

describe('words in an embedded store', () => {
  suite(async () => {
    const store = await openStore({
      embedded: { path: ':memory:' },
      embedder: { hashing: {} },
      collections: { documents: {}, de: { language: 'german' } },
    })
    return { acme: store.forTenant('acme') as never, close: () => store.close() }
  })
})
