import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Store, type StoreOptions } from '../../index'
import { useDatabase } from '../support/postgres'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'
import { describeWithRedis, freshPrefix, keysUnder } from '../support/redis'

const embedder = { hashing: { dimensions: 16 } } as const

describeWithRedis('a database whose cache is in Redis', (redis) => {
  const database = useDatabase()
  const stores: Store[] = []
  let qdrant: QdrantDouble
  beforeAll(async () => {
    qdrant = await startQdrantDouble()
  })
  afterAll(() => qdrant.close())
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
  })

  async function open(options: Partial<StoreOptions>): Promise<Store> {
    // The server of these tests has no pgvector.
    const place = { postgres: { url: database().url }, qdrant: { url: qdrant.url } }
    const store = await openStore({ ...place, embedder, ...options })
    stores.push(store)
    return store
  }

  it('refuses a process without it, which would leave stale values, until it is taken back', async () => {
    await open({})
    const prefix = freshPrefix()
    await open({ redis: { url: redis().url, cache: { prefix } } })
    await expect(open({})).rejects.toMatchObject({
      code: 'HW_TOPOLOGY_MISMATCH',
      path: 'redis',
      message: expect.stringContaining('REDIS_URL'),
    })
    await open({ redis: { url: redis().url, cache: { prefix } } })
    await open({ redis: false })
    await open({})
  })

  it('searches over rubbish in every key', async () => {
    const prefix = freshPrefix()
    const store = await open({ redis: { url: redis().url, cache: { prefix } }, search: { cache: true } })
    const acme = store.forTenant('acme')
    const receipt = await acme.documents.put({ id: 'a', text: 'a fox' })
    await acme.waitFor(receipt)
    for (const forged of ['x', `${'x'.repeat(16)}{"mark":"m","found":"AAAA","exhausted":true}`, '\xff\xfe', 'xxxx']) {
      await acme.search({ query: 'fox' })
      for (const key of await keysUnder(redis().raw, `${prefix}*`)) {
        if ((await redis().raw.type(key)) !== 'string') continue
        const held = await redis().raw.get(key)
        const mark = /"mark":"([^"]+)"/.exec(held ?? '')?.[1]
        await redis().raw.set(key, mark ? forged.replace('"m"', JSON.stringify(mark)) : forged)
      }
      const page = await acme.search({ query: 'fox' })
      expect(page.hits.map(({ documentId }) => documentId)).toEqual(['a'])
      expect(page.degraded).toEqual([])
    }
  })
})

describe('redis: false', () => {
  it('is no Redis', async () => {
    const store = await openStore({ embedded: { path: ':memory:' }, redis: false, embedder })
    await store.forTenant('acme').cache.set('k', 1)
    expect(await store.forTenant('acme').cache.get('k')).toBe(1)
    expect(Object.keys((await store.health()).connections)).toEqual(['postgres'])
    await store.close()
  })
})
