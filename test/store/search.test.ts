import { describe, expect, it } from 'vitest'
import { openStore } from '../../index'
import { lastResortReason } from '../../src/search/last-resort'
import { createTestStore } from '../../src/testing/test-store'
import { once } from '../support/elasticsearch'
import { describeFullProfile } from '../support/full-profile'
import { TcpProxy } from '../support/tcp-proxy'
import { searchSuite } from './search-suite'

once(searchSuite)('memory', async ({ collections, embedder }) => {
  const store = await createTestStore({ collections: collections as never, embedder })
  return { store, dispose: () => store.close() }
})

once(searchSuite)('PGlite', async (options) => {
  const store = await openStore({ ...options, embedded: { path: ':memory:' } })
  return { store, dispose: () => store.close() }
})

describeFullProfile('the full profile', (profile) => {
  searchSuite('Postgres, Qdrant, Elasticsearch, Redis and S3', async (options) => {
    const store = await openStore({ ...options, ...profile.options() })
    return { store, dispose: () => store.close() }
  })

  it('answers from Postgres while Qdrant and Elasticsearch are away', async () => {
    const { postgres, qdrant, elasticsearch, ...others } = profile.options()
    const proxies = await Promise.all([TcpProxy.to(profile.qdrantUrl()), TcpProxy.to(profile.elasticsearchUrl)])
    const [first, second] = proxies
    await using store = await openStore({
      ...others,
      embedder: { hashing: { dimensions: 32 } },
      postgres: { ...postgres, schema: 'away' },
      qdrant: { ...qdrant, url: first!.url },
      elasticsearch: { ...elasticsearch, url: second!.url },
    })
    const [acme, globex] = ['acme', 'globex'].map((name) => store.forTenant(name))
    for (const tenant of [acme!, globex!]) {
      const result = await tenant.documents.putMany([
        { id: 'old', text: `Leave of ${tenant.tenant} in old times`, metadata: { year: 2020 } },
        { id: 'new', text: `Leave of ${tenant.tenant}, studies and more`, metadata: { year: 2026 } },
        { id: 'gone', text: 'Leave that is deleted' },
      ])
      await tenant.waitFor(result, { timeoutMs: 30_000 })
    }
    for (const proxy of proxies) proxy.refuse()
    await acme!.documents.delete('gone')
    const page = await acme!.search({ query: 'the leaving', explain: true, diversity: 0.5 })
    expect(page.hits.map((hit) => hit.documentId).sort()).toEqual(['new', 'old'])
    expect(page.hits.every(({ text }) => text.includes('acme'))).toBe(true)
    // Which leg fails first is the network's business.
    expect(page.degraded).toHaveLength(3)
    expect(page.degraded).toEqual(
      expect.arrayContaining([
        { leg: 'text', reason: expect.stringContaining('HW_') },
        { leg: 'vector', reason: expect.stringContaining('HW_') },
        { leg: 'text', reason: 'both legs down: Postgres text search answered' },
      ]),
    )
    const study = await acme!.search({ query: 'study leave', filter: { year: { gte: 2025 } }, facets: ['year'] })
    expect(study.hits.map((hit) => hit.documentId)).toEqual(['new'])
    expect(study.facets).toBeUndefined()
    expect((await acme!.search({ query: 'globex' })).hits).toEqual([])
    expect((await acme!.search({ query: 'the of' })).hits.map(({ documentId }) => documentId)).toEqual(['old', 'new'])
    expect((await acme!.search({ query: '?!' })).hits).toEqual([])
    for (const mode of ['text', 'vector'] as const) {
      await expect(acme!.search({ query: 'leave', mode })).rejects.toMatchObject({ retryable: true })
    }
    await expect(acme!.search({ query: 'leave' }, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
    await Promise.all(proxies.map((proxy) => proxy.close()))
  })
})

once(describe)('both legs down', () => {
  it('in memory too: fills pages by cursor', async () => {
    const store = await createTestStore()
    const acme = store.forTenant('acme')
    await acme.documents.putMany(Array.from({ length: 30 }, (_, at) => ({ id: `d${at}`, text: `words of ${at}` })))
    store.faults.down('text')
    store.faults.down('embedder')
    const first = await acme.search({ query: 'word', limit: 20 })
    expect(first.degraded.at(-1)).toEqual({ leg: 'text', reason: 'both legs down: Postgres text search answered' })
    const second = await acme.search({ query: 'word', limit: 20, cursor: first.cursor })
    expect(new Set([...first.hits, ...second.hits].map(({ chunkId }) => chunkId)).size).toBe(30)
    await store.close()
  })
})

once(describe)('a last resort that looked at some chunks only', () => {
  it('says so', () => {
    expect(lastResortReason({ hits: [], bounded: false })).toBe('both legs down: Postgres text search answered')
    expect(lastResortReason({ hits: [], bounded: true })).toBe(
      'both legs down: Postgres text search answered from 20000 chunks, there are more',
    )
  })
})

once(describe)('a reranker of the store', () => {
  it('orders every search that brings none, and can be left out', async () => {
    const rank = (_: string, hits: readonly { readonly text: string }[]) => hits.map(({ text }) => -text.length)
    const store = await createTestStore({ search: { rerank: { rank }, cache: true } })
    const acme = store.forTenant('acme')
    await acme.documents.putMany(
      ['a word word', 'a word that is longer', 'word'].map((text, at) => ({ id: `d${at}`, text })),
    )
    for (let turn = 0; turn < 3; turn++) {
      const page = await acme.search({ query: 'word' })
      expect(page.hits.map(({ text }) => text)).toEqual(['word', 'a word word', 'a word that is longer'])
    }
    expect((await acme.search({ query: 'word', rerank: false })).hits[0]!.score).toBeGreaterThan(0)
    await store.close()
  })
})
