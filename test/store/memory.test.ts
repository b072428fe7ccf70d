import { describe, expect, it } from 'vitest'
import { defineMetadata } from '../../src/filter/metadata'
import { createTestStore } from '../../src/testing/test-store'
import { storeSuite } from './store-suite'

storeSuite('memory', async ({ collections, embedder }) => {
  const store = await createTestStore({ collections: collections as never, embedder })
  return { store, dispose: () => store.close() }
})

describe('test store', () => {
  it('takes legs down: hybrid degrades and says so, a single leg throws', async () => {
    const store = await createTestStore()
    const acme = store.forTenant('acme')
    await acme.documents.put({ id: 'a', text: 'words to find' })
    store.faults.down('vector')
    const page = await acme.search({ query: 'words' })
    expect(page.hits).toHaveLength(1)
    expect(page.degraded).toEqual([{ leg: 'vector', reason: expect.stringContaining('HW_UNAVAILABLE') }])
    await expect(acme.search({ query: 'words', mode: 'vector' })).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
    const queued = await acme.documents.put({ id: 'b', text: 'words written while down' })
    expect(queued.targets.vector).toBe('queued')
    store.faults.up('vector')
    await acme.waitFor(queued, { timeoutMs: 10_000 })
    expect((await acme.search({ query: 'written', mode: 'vector' })).hits[0]!.documentId).toBe('b')
    await store.close()
  })

  it('stores a Date and epoch ms as the ISO string of the instant, and merges patches at any depth', async () => {
    const metadata = defineMetadata({
      at: 'datetime',
      times: 'datetime[]',
      'author.name': 'text',
      'author.born': 'datetime',
    })
    const store = await createTestStore({ collections: { documents: { metadata } } })
    const acme = store.forTenant('acme')
    const { documents } = acme
    const at = new Date(Date.UTC(2026, 0, 2))
    await documents.put({ id: 'a', text: 'words', metadata: { at, times: [at, 5], author: { name: 'x', born: 0 } } })
    await documents.patch('a', { metadata: { at: at.getTime() + 1, author: { name: null } } })
    const stored = (await documents.get('a'))!.metadata
    expect(stored).toEqual({
      at: '2026-01-02T00:00:00.001Z',
      times: ['2026-01-02T00:00:00.000Z', '1970-01-01T00:00:00.005Z'],
      author: { born: '1970-01-01T00:00:00.000Z' },
    })
    // What was read can be put again, and says the same.
    expect(await documents.put({ id: 'a', text: 'words', metadata: stored })).toMatchObject({ unchanged: true })
    expect((await documents.list({ filter: { at: { gt: at } } })).items).toHaveLength(1)
    const page = await acme.search({ query: 'words', facets: ['author.born', '$status'] })
    expect(page.facets?.map(({ path }) => path)).toEqual(['author.born', '$status'])
    await expect(documents.patch('a', { metadata: { at: 0.5 } })).rejects.toMatchObject({ code: 'HW_INVALID_METADATA' })
    await store.close()
  })

  it('stores a document while the embedder is down, and embeds it later', async () => {
    const store = await createTestStore()
    const acme = store.forTenant('acme')
    store.faults.down('embedder')
    const receipt = await acme.documents.put({ id: 'a', text: 'words to embed' })
    expect((await acme.documents.get('a'))!.version).toBe(1)
    expect((await acme.search({ query: 'embed' })).degraded).toMatchObject([{ leg: 'vector' }])
    store.faults.up('embedder')
    await acme.waitFor(receipt, { timeoutMs: 10_000 })
    expect((await acme.search({ query: 'embed', mode: 'vector' })).hits).toHaveLength(1)
    await store.close()
    await expect(acme.documents.get('a')).rejects.toMatchObject({ code: 'HW_CLOSED' })
  })

  it('moves an index to another engine and back, while one of them is down', async () => {
    await using store = await createTestStore({ engines: { vector: ['postgres', 'qdrant'] } })
    const acme = store.forTenant('acme')
    await acme.documents.put({ id: 'a', text: 'words to find' })
    const found = async (): Promise<string[]> =>
      (await acme.search({ query: 'words', mode: 'vector' })).hits.map(({ documentId }) => documentId).sort()
    const live = async () => (await store.generations()).find((one) => one.target === 'vector' && one.state === 'live')
    expect((await live())?.engine).toBe('postgres')

    // What is away holds nothing that is live, and says so.
    store.faults.down('vector:qdrant')
    const [away] = (await store.health()).degraded
    expect(away).toMatchObject({ what: 'vector:qdrant', meaning: expect.stringContaining('No live index is in it') })
    await expect(store.rebuild({ target: 'vector', engine: 'qdrant' })).rejects.toMatchObject({
      code: 'HW_UNAVAILABLE',
      message: 'vector:qdrant was taken down',
    })
    expect(await found()).toEqual(['a'])
    store.faults.up('vector:qdrant')
    expect(await store.rebuild({ target: 'vector', engine: 'qdrant' })).toMatchObject({ engine: 'qdrant' })
    expect((await store.health()).generations?.engines).toEqual({
      documents: { vector: ['qdrant', 'postgres'], text: ['memory'] },
    })

    // Nobody waits for the one that is kept; the way back mends what it missed.
    store.faults.down('vector:postgres')
    const later = await acme.documents.put({ id: 'b', text: 'words written later' })
    expect(later.targets).toEqual({ vector: 'applied', text: 'applied' })
    expect(await found()).toEqual(['a', 'b'])
    store.faults.up('vector:postgres')
    expect(await store.rollback({ target: 'vector' })).toMatchObject({ mended: 1 })
    expect((await live())?.engine).toBe('postgres')
    store.faults.down('vector:qdrant')
    expect(await found()).toEqual(['a', 'b'])
    store.faults.down('vector:postgres')
    const [, why] = (await store.health()).degraded
    expect(why).toMatchObject({ what: 'vector:postgres', meaning: expect.stringContaining('from words alone') })
    await expect(found()).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
  })

  it('refuses an engine that it has not', async () => {
    await using store = await createTestStore({ engines: { vector: ['postgres', 'qdrant'] } })
    const moving = store.rebuild({ target: 'vector', engine: 'elasticsearch' })
    await expect(moving).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path: 'engine' })
    expect(() => store.faults.down('vector:elasticsearch')).toThrow(/not among .*vector:qdrant/)
    const misspelt = { vectors: ['postgres'] } as { vector?: string[] }
    await expect(createTestStore({ engines: misspelt })).rejects.toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path: 'engines.vectors',
    })
  })

  it('is made in milliseconds', async () => {
    const startedAt = performance.now()
    for (let i = 0; i < 10; i++) await (await createTestStore()).close()
    expect((performance.now() - startedAt) / 10).toBeLessThan(50)
  })
})
