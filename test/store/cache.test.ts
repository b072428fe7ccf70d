import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { documentTag, openStore, type Receipt, type Store, type StoreOptions, type TenantHandle } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { useDatabase } from '../support/postgres'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'
import { describeWithRedis, freshPrefix, keysUnder, passTime } from '../support/redis'
import { TcpProxy } from '../support/tcp-proxy'

type Own = Pick<StoreOptions, 'relay' | 'search' | 'cache'>

const embedder = { hashing: { dimensions: 16 } } as const
const lasting = 60_000

/** A load that waits in the middle, after it has read. */
function slowly<T>(value: T): { load(): Promise<T>; started: Promise<void>; finish(): void } {
  let begin: () => void = () => undefined
  let finish: () => void = () => undefined
  const started = new Promise<void>((resolve) => {
    begin = resolve
  })
  const gate = new Promise<void>((resolve) => {
    finish = resolve
  })
  const load = async (): Promise<T> => {
    begin()
    await gate
    return value
  }
  return { load, started, finish }
}

async function versionOf(tenant: TenantHandle, id: string): Promise<number> {
  return (await tenant.documents.get(id))?.version ?? 0
}

/**
 * Searches until the answer comes from the cache: the first after a change marks, and what is fresh is not kept, unless
 * `settle` makes an end of that. Not where the same process changes something soon again: it would not announce it.
 */
async function untilCached(tenant: TenantHandle, query: string, settle?: () => Promise<void>): Promise<void> {
  const cached = async (): Promise<boolean | undefined> => {
    await settle?.()
    return (await tenant.search({ query })).cached
  }
  await expect.poll(cached, { timeout: 20_000 }).toBe(true)
}

function cacheSuite(name: string, open: (own: Own) => Promise<Store>, settle?: () => Promise<void>): void {
  describe(`cache and documents: ${name}`, () => {
    let store: Store
    let acme: TenantHandle
    let number = 0
    const start = async (own: Own = {}): Promise<void> => {
      store = await open(own)
      acme = store.forTenant(`acme-${number++}`)
    }
    afterEach(() => store?.close())

    it('a write deletes what was made of the document, and nothing else', async () => {
      await start()
      await acme.documents.putMany([
        { id: 'a', text: 'one' },
        { id: 'b', text: 'two' },
      ])
      const version = (id: string) => async (): Promise<number> => versionOf(acme, id)
      expect(await acme.cache.getOrLoad('of a', version('a'), { documents: ['a'] })).toBe(1)
      await acme.cache.getOrLoad('of b', version('b'), { documents: [{ collection: 'documents', id: 'b' }] })
      await acme.cache.set('tagged', 'a', { tags: [documentTag('documents', 'a')] })
      await acme.cache.set('plain', 'kept')
      await acme.documents.patch('a', { title: 'New' })
      expect(await acme.cache.getMany(['of a', 'of b', 'tagged', 'plain'])).toEqual([undefined, 1, undefined, 'kept'])
      expect(await acme.cache.getOrLoad('of a', version('a'), { documents: ['a'] })).toBe(2)
      await acme.documents.delete('a')
      expect(await acme.cache.get('of a')).toBe(undefined)
      await acme.cache.getOrLoad('of a', version('a'), { documents: ['a'] })
      const { receipt } = await acme.transaction((tx) => tx.documents.put({ id: 'a', text: 'again' }))
      await store.relay.drain({ timeoutMs: 20_000 })
      expect(await acme.cache.get('of a')).toBe(undefined)
      expect(receipt.targets).toEqual({ vector: 'queued', text: 'queued' })
    })

    it('what a slow reader has read is given to him and not stored over a newer value', async () => {
      await start()
      await acme.documents.put({ id: 'a', text: 'one' })
      const slow = slowly('old')
      const reading = acme.cache.getOrLoad('k', slow.load, { documents: ['a'] })
      await slow.started
      await acme.documents.put({ id: 'a', text: 'two' })
      expect(await acme.cache.getOrLoad('k', async () => 'new', { documents: ['a'] })).toBe('new')
      slow.finish()
      expect(await reading).toBe('old')
      expect(await acme.cache.get('k')).toBe('new')
    })

    it('with a receipt, nothing older than it, though the invalidation never comes', async () => {
      await start({ relay: 'external' })
      const load = async (): Promise<number> => versionOf(acme, 'a')
      const first = await acme.documents.put({ id: 'a', text: 'one' })
      const documents = ['a']
      expect(await acme.cache.getOrLoad('k', load, { documents })).toBe(1)
      expect(await acme.cache.get('k', { after: first })).toBe(1)
      const second: Receipt = JSON.parse(JSON.stringify(await acme.documents.put({ id: 'a', text: 'two' })))
      // Nobody has told the cache: this is what the receipt is for.
      expect(await acme.cache.get('k')).toBe(1)
      expect(await acme.cache.get('k', { after: second })).toBe(undefined)
      expect(await acme.cache.getOrLoad('k', load, { documents, after: second })).toBe(2)
      expect(await acme.cache.get('k', { after: second })).toBe(2)
      expect(await acme.cache.get('k')).toBe(2)
    })

    it('with a receipt, what does not say what it was made of is loaded anew', async () => {
      await start()
      await acme.cache.set('k', 'old')
      const receipt = await acme.documents.put({ id: 'a', text: 'one' })
      expect(await acme.cache.get('k', { after: receipt })).toBe(undefined)
      expect(await acme.cache.getOrLoad('k', async () => 'new', { after: receipt })).toBe('new')
      expect(await acme.cache.get('k')).toBe('new')
      const foreign = { ...receipt, tenant: store.forTenant('globex').tenant }
      await expect(acme.cache.get('k', { after: foreign })).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
    })

    it('with a receipt, a load that began before it is not joined', async () => {
      await start({ relay: 'external' })
      await acme.documents.put({ id: 'a', text: 'one' })
      const slow = slowly('old')
      const reading = acme.cache.getOrLoad('k', slow.load, { documents: ['a'] })
      await slow.started
      const receipt = await acme.documents.put({ id: 'a', text: 'two' })
      const asking = acme.cache.getOrLoad('k', async () => 'new', { documents: ['a'], after: receipt })
      slow.finish()
      expect(await reading).toBe('old')
      expect(await asking).toBe('new')
      expect(await acme.cache.get('k')).toBe('new')
    })

    it('refuses what names no document', async () => {
      await start()
      const load = async (): Promise<number> => 1
      const broken = acme.cache.getOrLoad('k', load, { documents: [{ id: 7 as never }] })
      await expect(broken).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'documents[0]' })
    })

    describe('of searches', () => {
      it('is off unless asked for', async () => {
        await start()
        await acme.documents.put({ id: 'a', text: 'parental leave' })
        for (let turn = 0; turn < 3; turn++) expect((await acme.search({ query: 'leave' })).cached).toBe(undefined)
      })

      it('never shows what is deleted, changed or no longer matches, though nobody tells it', async () => {
        await start({ search: { cache: true }, relay: 'external' })
        await acme.documents.putMany(
          ['a', 'b', 'c', 'd'].map((id) => ({ id, text: `leave of ${id}`, metadata: { open: true } })),
        )
        await store.relay.drain({ timeoutMs: 20_000 })
        const find = () => acme.search({ query: 'leave', filter: { open: true } as never, limit: 10 })
        const cached = async (): Promise<boolean | undefined> => {
          await settle?.()
          return (await find()).cached
        }
        await expect.poll(cached, { timeout: 20_000 }).toBe(true)
        await acme.documents.delete('a')
        await acme.documents.patch('b', { metadata: { open: false } })
        await acme.documents.put({ id: 'c', text: 'entirely different words', metadata: { open: true } })
        const page = await find()
        expect(page.cached).toBe(true)
        expect(page.hits.map((hit) => hit.documentId)).toEqual(['d'])
      }, 60_000)

      it('shows new documents once they are in the indexes, and pages on', async () => {
        await start({ search: { cache: { ttlMs: lasting } } })
        await acme.documents.putMany(Array.from({ length: 6 }, (_, i) => ({ id: `d${i}`, text: `leave number ${i}` })))
        await untilCached(acme, 'leave')
        const first = await acme.search({ query: 'leave', limit: 4, explain: true })
        expect(first).toMatchObject({ cached: true, hits: { length: 4 } })
        const second = await acme.search({ query: 'leave', limit: 4, cursor: first.cursor })
        const shown = [...first.hits, ...second.hits].map((hit) => hit.documentId)
        expect(shown.sort()).toEqual(['d0', 'd1', 'd2', 'd3', 'd4', 'd5'])
        const receipt = await acme.documents.put({ id: 'new', text: 'leave leave leave' })
        await acme.waitFor(receipt, { timeoutMs: 20_000 })
        const page = await acme.search({ query: 'leave' })
        expect(page.hits.map((hit) => hit.documentId)).toContain('new')
        expect((await acme.search({ query: 'leave' }, { after: receipt })).cached).toBe(undefined)
      }, 60_000)
    })
  })
}

cacheSuite('memory', (own) => createTestStore({ embedder, ...own }))

describe('options of the search cache', () => {
  it.each([
    ['search.cache.ttlMs', { cache: { ttlMs: 0 } }],
    ['search.cache.maxEntries', { cache: { maxEntries: -1 } }],
    ['search.vectors.maxEntries', { vectors: { maxEntries: 1.5 } }],
    ['search.cacheTimeoutMs', { cacheTimeoutMs: 0 }],
  ])('%s is refused', async (path, search) => {
    await expect(createTestStore({ search })).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path })
  })
})

describeWithRedis('over Redis', (redis) => {
  const database = useDatabase()
  let double: QdrantDouble
  let proxy: TcpProxy
  let prefix: string
  const opened: Store[] = []

  beforeAll(async () => {
    double = await startQdrantDouble()
    proxy = await TcpProxy.to(redis().url)
  })
  beforeEach(() => {
    prefix = freshPrefix()
  })
  afterEach(async () => {
    proxy.resume()
    await Promise.all(opened.splice(0).map((store) => store.close()))
  })
  afterAll(async () => {
    await proxy?.close()
    await double?.close()
  })

  /** Stores over one Postgres, one Qdrant and one Redis. */
  async function open(own: Own & { redis?: StoreOptions['redis'] } = {}): Promise<Store> {
    const store = await openStore({
      embedder,
      postgres: { url: database().url },
      qdrant: { url: double.url },
      redis: { url: proxy.url, cache: { prefix } },
      ...own,
    })
    opened.push(store)
    return store
  }

  /** As if all that has changed had settled. */
  const settle = (): Promise<void> => passTime(redis().raw, `${prefix}*`, 5_000)

  cacheSuite('Redis', (own) => open(own), settle)

  it('two processes share what is loaded, and a write in one is known to the other', async () => {
    const [one, two] = [await open(), await open()].map((store) => store.forTenant('shared'))
    await one!.documents.put({ id: 'a', text: 'one' })
    const load = (tenant: TenantHandle) => () => versionOf(tenant, 'a')
    expect(await one!.cache.getOrLoad('k', load(one!), { documents: ['a'] })).toBe(1)
    expect(await two!.cache.get('k')).toBe(1)
    await two!.documents.put({ id: 'a', text: 'two' })
    expect(await one!.cache.get('k')).toBe(undefined)
    // A slow reader here, a write there.
    const slow = slowly('old')
    const reading = one!.cache.getOrLoad('k', slow.load, { documents: ['a'] })
    await slow.started
    await two!.documents.delete('a')
    slow.finish()
    expect(await reading).toBe('old')
    expect(await two!.cache.get('k')).toBe(undefined)
  })

  it('two processes share searches and the vectors of their words', async () => {
    const [one, two] = [await open({ search: { cache: true } }), await open({ search: { cache: true } })]
    const acme = one.forTenant('searching')
    await acme.documents.put({ id: 'a', text: 'parental leave' })
    await untilCached(acme, 'leave', settle)
    const there = two.forTenant('searching')
    expect(await there.search({ query: 'leave' })).toMatchObject({ cached: true, hits: [{ documentId: 'a' }] })
    const receipt = await there.documents.put({ id: 'b', text: 'more leave' })
    await there.waitFor(receipt, { timeoutMs: 20_000 })
    expect((await acme.search({ query: 'leave' })).hits).toHaveLength(2)
    const vectors = (await keysUnder(redis().raw, `${prefix}*`)).filter((key) => key.includes(':vectors:'))
    expect(vectors).toHaveLength(1)
    expect(await redis().raw.strlen(vectors[0]!)).toBe(16 * 4)
  }, 60_000)

  it('another epoch: what was cached before a restore is not served any more', async () => {
    const [one, two] = [await open({ search: { cache: true } }), await open()].map((store) => store.forTenant('epochs'))
    await one!.documents.put({ id: 'a', text: 'one' })
    await one!.cache.set('k', 'before')
    await untilCached(one!, 'one', settle)
    const client = new pg.Client({ connectionString: database().url })
    await client.connect()
    await client.query(
      `UPDATE headwater.registry SET value = to_jsonb((value #>> '{}')::bigint + 1) WHERE name = 'epoch'`,
    )
    await client.end()
    for (const tenant of [one!, two!]) await expect.poll(() => tenant.cache.get('k')).toBe(undefined)
    expect((await one!.search({ query: 'one' })).cached).toBe(undefined)
    // A receipt of the new epoch is believed at once.
    const receipt = await two!.documents.put({ id: 'b', text: 'two' })
    expect(await one!.cache.get('k', { after: receipt })).toBe(undefined)
  }, 60_000)

  it('two databases over one Redis do not meet', async () => {
    const one = (await open()).forTenant('acme')
    const apart = await openStore({
      embedder,
      postgres: { url: database().url, schema: 'apart' },
      qdrant: { url: double.url },
      redis: { url: proxy.url, cache: { prefix } },
    })
    opened.push(apart)
    await one.cache.set('k', 'mine')
    expect(await apart.forTenant('acme').cache.get('k')).toBe(undefined)
  })

  it('Redis goes away and comes back: all goes on without it, and what it then still holds is no older', async () => {
    const settings = { breaker: { openMs: 50, maxOpenMs: 200 }, retry: { maxAttempts: 1 } }
    const loadsWhileDown = { concurrency: 2, queue: 1 }
    const store = await open({
      search: { cache: true },
      redis: { url: proxy.url, ...settings, cache: { prefix, loadsWhileDown } },
    })
    const acme = store.forTenant('killed')
    await acme.documents.put({ id: 'a', text: 'parental leave' })
    await acme.cache.getOrLoad('k', async () => 'old', { documents: ['a'] })
    await untilCached(acme, 'leave')

    proxy.refuse()
    expect(await acme.cache.get('k')).toBe(undefined)
    const receipt = await acme.documents.put({ id: 'a', text: 'leave of parents' })
    expect(receipt.targets).toEqual({ vector: 'applied', text: 'applied' })
    const added = await acme.documents.put({ id: 'b', text: 'more leave' })
    await acme.waitFor(added, { timeoutMs: 20_000 })
    expect((await acme.search({ query: 'leave' })).hits).toHaveLength(2)
    expect(await acme.cache.getOrLoad('k', async () => 'new', { documents: ['a'] })).toBe('new')
    expect(await acme.cache.getOrLoad('k', async () => 'newer', { documents: ['a'], after: receipt })).toBe('newer')
    // Two load, one waits for its turn, one more is too many.
    const slow = [1, 2, 3].map((at) => slowly(at))
    const loads = slow.map(({ load }, at) => acme.cache.getOrLoad(`s${at}`, load))
    await Promise.all([slow[0]!.started, slow[1]!.started])
    await expect
      .poll(() => acme.cache.getOrLoad('s4', async () => 4).catch((e: { code: string }) => e.code))
      .toBe('HW_OVERLOADED')
    for (const { finish } of slow) finish()
    expect(await Promise.all(loads)).toEqual([1, 2, 3])

    proxy.resume()
    // Redis kept the value of before; the job of the write waits until it can be told.
    await expect
      .poll(async () => (await store.relay.drain({ timeoutMs: 5_000 })).remaining, { timeout: 20_000 })
      .toBe(0)
    expect(await acme.cache.get('k')).toBe(undefined)
    expect((await acme.search({ query: 'leave' })).hits).toHaveLength(2)
    await untilCached(acme, 'leave')
    await acme.cache.set('k', 'back')
    expect(await acme.cache.get('k')).toBe('back')
  }, 90_000)

  it('Redis stalls: a search goes on without it in a small share of its time, whole', async () => {
    const store = await open({ search: { cache: true, cacheTimeoutMs: 50 } })
    const acme = store.forTenant('stalled')
    await acme.waitFor(await acme.documents.put({ id: 'a', text: 'parental leave' }), { timeoutMs: 20_000 })
    await untilCached(acme, 'leave', settle)
    proxy.stall()
    for (const query of ['parental', 'leave parental']) {
      const startedAt = performance.now()
      const page = await acme.search({ query }, { legTimeoutMs: 1_500 })
      const took = performance.now() - startedAt
      expect(page).toMatchObject({ degraded: [], hits: [{ documentId: 'a' }] })
      // Redis alone would take two seconds: commandTimeoutMs for the search, and again for the query's vector.
      expect(took).toBeLessThan(1_500)
    }
    proxy.cut()
  }, 60_000)

  it('prints what a cached search takes against one that is not', async () => {
    const store = await open({ search: { cache: true } })
    const acme = store.forTenant('timed')
    const words = ['parental', 'leave', 'holiday', 'sick', 'notice', 'salary', 'travel', 'office', 'remote', 'team']
    const text = (i: number) => Array.from({ length: 60 }, (_, at) => words[(i * 7 + at * at * 3) % 10]).join(' ')
    await acme.documents.putMany(Array.from({ length: 1_000 }, (_, i) => ({ id: `d${i}`, text: `${text(i)} ${i}` })))
    await store.relay.drain({ timeoutMs: 30_000 })
    const receipt = await acme.documents.put({ id: 'last', text: 'parental leave' })
    await untilCached(acme, 'parental leave', settle)
    const p50 = async (after?: Receipt): Promise<number> => {
      const times: number[] = []
      for (let turn = 0; turn < 60; turn++) {
        const startedAt = performance.now()
        await acme.search({ query: 'parental leave' }, after && { after })
        times.push(performance.now() - startedAt)
      }
      return times.sort((a, b) => a - b)[30]!
    }
    const [uncached, cached] = [await p50(receipt), await p50()]
    console.info(`search p50 over 1,001 documents: ${uncached.toFixed(1)} ms, cached ${cached.toFixed(1)} ms`)
    expect(cached).toBeLessThan(uncached)
  }, 120_000)
})
