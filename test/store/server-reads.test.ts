import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import { describeWithAnalyzers } from '../support/analyzers'
import { useDatabase } from '../support/postgres'
import { startQdrantDouble } from '../support/qdrant-double'

/** By collection, which is a language: a text of each, and queries with what is marked of it. */
const collections: Readonly<Record<string, { text: string; marked: Readonly<Record<string, string>> }>> = {
  german: { text: 'Die Häuser am Fluss, gebaut in C++.', marked: { Haus: 'Häuser', 'c++': 'C++' } },
  french: { text: "À l'école des grandes personnes.", marked: { ecole: 'école', personne: 'personnes' } },
  russian: { text: 'Ёлки и новые документы по node.js.', marked: { документ: 'документы', 'node.js': 'node.js' } },
  cjk: { text: '東京都に住んでいます。한국어 문서를 검색합니다', marked: { 京都: '京都', 문서: '문서' } },
  thai: { text: 'ฉันรักประเทศไทย', marked: { ประเทศ: 'ประเทศ' } },
  english: {
    text: 'Call get_user_by_id, don’t mail ada@example.com at 192.168.1.1.',
    marked: {
      get_user_by_id: 'get_user_by_id',
      "don't": 'don’t',
      'ada@example.com': 'ada@example.com',
      '192.168.1.1': '192.168.1.1',
    },
  },
}

describeWithAnalyzers('a store on a server that reads its words', (url) => {
  const database = useDatabase()
  let store: Store<Record<string, unknown>>
  let close: () => Promise<void>

  beforeAll(async () => {
    const qdrant = await startQdrantDouble()
    close = () => qdrant.close()
    store = await openStore({
      postgres: { url: database().url },
      qdrant: { url: qdrant.url },
      elasticsearch: { url },
      embedder: { hashing: { dimensions: 16 } },
      collections: Object.fromEntries(Object.keys(collections).map((language) => [language, { language }])),
    })
    for (const [name, { text }] of Object.entries(collections)) {
      const acme = store.forTenant('acme').collection(name)
      await store.forTenant('acme').waitFor(await acme.documents.put({ id: name, text }), { timeoutMs: 60_000 })
    }
  })
  afterAll(async () => {
    await store?.close()
    await close?.()
  })

  it.each(
    Object.entries(collections).flatMap(([name, { marked }]) =>
      Object.entries(marked).map(([query, mark]) => [name, query, mark]),
    ),
  )('%s: %s is found and marked', async (name, query, mark) => {
    const acme = store.forTenant('acme').collection(name)
    const page = await acme.search({ query, mode: 'text', highlight: { before: '[', after: ']' } })
    expect(page.degraded).toEqual([])
    expect(page.hits.map(({ documentId }) => documentId)).toEqual([name])
    const passage = page.hits[0]!.highlights!.join()
    expect(passage).toContain('[')
    expect(passage.replaceAll('][', '')).toContain(`[${mark}]`)
  })

  it('the beginning of a word is marked where it was found', async () => {
    const german = store.forTenant('acme').collection('german')
    const page = await german.search({ query: 'am gebau', mode: 'text', match: 'prefix' })
    expect(page.hits[0]!.highlights).toEqual(['Die Häuser am Fluss, <em>gebaut</em> in C++.'])
  })
})
