import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Embedder, HashingEmbedder, openStore, type Store } from '../../index'
import { useDatabase } from '../support/postgres'
import { clearFaults, type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'

describe('what a search asks of its engines', () => {
  const database = useDatabase()
  const hashing = new HashingEmbedder({ dimensions: 32 })
  const batches: (readonly string[])[] = []
  const embedder: Embedder = {
    fingerprint: hashing.fingerprint,
    dimensions: hashing.dimensions,
    maxTokens: hashing.maxTokens,
    embed: (texts, options) => {
      if (options.kind === 'query') batches.push(texts)
      return hashing.embed(texts, options)
    },
  }
  let double: QdrantDouble
  let store: Store
  let searches: string[]
  /** Notes the searches; those chosen are kept waiting. */
  const slow = (delayMs: number, times: number): void => {
    Object.assign(double.faults, { delayMs, times })
    double.faults.only = ({ path }) => {
      if (!path.includes('/points/query')) return false
      searches.push(path.split('/points/')[1]!)
      return true
    }
  }
  beforeAll(async () => {
    double = await startQdrantDouble()
    store = await openStore({
      embedder,
      postgres: { url: database().url },
      qdrant: { url: double.url },
      search: { hedge: { afterMs: 60, budget: 0.5 } },
    })
    const acme = store.forTenant('acme')
    const put = await acme.documents.putMany(
      ['leave', 'train', 'lunch'].map((word) => ({ id: word, text: `On ${word}.` })),
    )
    await acme.waitFor(put, { timeoutMs: 30_000 })
  })
  beforeEach(() => {
    clearFaults(double.faults)
    searches = []
    batches.length = 0
  })
  afterAll(async () => {
    await store.close()
    await double.close()
  })

  it('many queries: one batch to embed, one request to Qdrant', async () => {
    slow(1, 100)
    const pages = await store.forTenant('acme').searchMany([
      { query: 'leave', limit: 1 },
      { query: ['train', 'railway'], mode: 'vector', limit: 1 },
      { query: 'leave', mode: 'text' },
      { query: 'lunch', limit: 1, filter: { $id: 'lunch' } },
    ])
    expect(pages.map(({ hits }) => hits[0]?.documentId)).toEqual(['leave', 'train', 'leave', 'lunch'])
    expect(searches).toEqual(['query/batch'])
    expect(batches.map((texts) => [...texts].sort())).toEqual([['leave', 'lunch', 'railway', 'train']])
  })

  it('a slow answer is asked for once more, within the budget', async () => {
    slow(5_000, 1)
    const startedAt = performance.now()
    const page = await store.forTenant('acme').search({ query: 'leave', mode: 'vector' })
    expect(page.hits[0]!.documentId).toBe('leave')
    expect(performance.now() - startedAt).toBeLessThan(4_000)
    expect(searches.length).toBe(2)
  })

  it('each leg has its own time', async () => {
    slow(1_500, 2)
    const acme = store.forTenant('acme')
    const page = await acme.search({ query: 'train' }, { legTimeoutMs: { vector: 100 } })
    expect(page.hits.map((hit) => hit.documentId)).toEqual(['train'])
    expect(page.degraded).toEqual([{ leg: 'vector', reason: expect.stringContaining('HW_TIMEOUT') }])
    clearFaults(double.faults)
    expect((await acme.search({ query: 'train' }, { legTimeoutMs: { text: 5_000 } })).degraded).toEqual([])
  })
})
