import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Embedder, HashingEmbedder, openStore, type Store } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { EmbeddingServer, json } from '../support/embedding-server'

/** A hashing embedder that can be taken down, and that notes what it is asked. */
class Switchable implements Embedder {
  readonly #inner: HashingEmbedder
  readonly fingerprint: string
  readonly dimensions: number
  readonly maxTokens = Number.POSITIVE_INFINITY
  readonly asked: string[] = []
  down: 'no' | 'refuses' | 'hangs' = 'no'
  constructor(dimensions: number) {
    this.#inner = new HashingEmbedder({ dimensions })
    this.fingerprint = this.#inner.fingerprint
    this.dimensions = dimensions
  }
  async embed(...[texts, options]: Parameters<Embedder['embed']>): Promise<Float32Array[]> {
    if (this.down === 'hangs') return new Promise(() => undefined)
    if (this.down === 'refuses') throw new TypeError('the provider is down')
    this.asked.push(...texts)
    return this.#inner.embed(texts, options)
  }
}

let store: Store | undefined
afterEach(async () => {
  await store?.close()
  store = undefined
})

async function opened() {
  const primary = new Switchable(64)
  const spare = new Switchable(48)
  const made = await createTestStore({
    embedders: { primary, spare },
    embedder: 'primary',
    fallback: 'spare',
    relay: 'external',
  })
  store = made
  const acme = made.forTenant('acme')
  const drain = () => made.relay.drain({ timeoutMs: 20_000 })
  /** As far as it gets in an outage, which it waits for the end of. */
  const drainSome = () => made.relay.drain({ timeoutMs: 300 })
  return { store: made, acme, primary, spare, drain, drainSome }
}

describe('a provider that is down', () => {
  it('fails no put: the vector comes later, from the relay', async () => {
    const { acme, primary, drain, drainSome } = await opened()
    primary.down = 'refuses'
    const receipt = await acme.documents.put({ id: 'a', text: 'sixteen weeks of leave' })
    expect(receipt).toMatchObject({ version: 1, targets: { vector: 'queued' } })
    await drainSome()
    expect((await acme.search({ query: 'leave', mode: 'text' })).hits).toHaveLength(1)
    primary.down = 'no'
    await drain()
    expect((await acme.search({ query: 'leave', mode: 'vector' })).hits).toMatchObject([{ documentId: 'a' }])
  })

  it.each(['refuses', 'hangs'] as const)('leaves a query to the text leg, which says so (%s)', async (down) => {
    const { acme, primary, drain } = await opened()
    await acme.documents.put({ id: 'a', text: 'sixteen weeks of leave' })
    await drain()
    primary.down = down
    const page = await acme.search({ query: 'leave' }, { legTimeoutMs: 200 })
    expect(page.hits).toMatchObject([{ documentId: 'a' }])
    expect(page.degraded).toEqual([{ leg: 'vector', reason: expect.stringMatching(/no standby generation/) }])
    await expect(acme.search({ query: 'weeks', mode: 'vector' }, { legTimeoutMs: 200 })).rejects.toMatchObject({
      code: down === 'hangs' ? 'HW_TIMEOUT' : 'HW_EMBEDDER_FAILED',
    })
  })
})

describe('a fallback of another space', () => {
  it.each(['refuses', 'hangs'] as const)('answers from its own standby generation (%s)', async (down) => {
    const { store, acme, primary, spare, drain } = await opened()
    await acme.documents.put({ id: 'a', text: 'sixteen weeks of leave' })
    await drain()
    await store.rebuild({ target: 'vector', embedder: 'spare', as: 'standby' })
    const [live, standby] = (await store.generations()).filter(({ target }) => target === 'vector')
    expect(live).toMatchObject({ state: 'live', fingerprint: primary.fingerprint })
    expect(standby).toMatchObject({ state: 'standby', fingerprint: spare.fingerprint, dimensions: 48 })

    // Both are kept in step by the relay.
    await acme.documents.put({ id: 'b', text: 'parental leave is longer' })
    await drain()
    expect((await acme.search({ query: 'parental', mode: 'vector' })).degraded).toEqual([])
    primary.down = down
    const page = await acme.search({ query: 'longer parental leave', mode: 'vector' }, { legTimeoutMs: 400 })
    expect(page.hits.map(({ documentId }) => documentId)).toEqual(['b', 'a'])
    expect(page.degraded).toEqual([
      { leg: 'vector', reason: expect.stringMatching(`^fallback embedder ${spare.fingerprint} answers: HW_`) },
    ])
    primary.down = 'no'
    expect((await acme.search({ query: 'longer parental leave', mode: 'vector' })).degraded).toEqual([])
  })

  it('gets what is written while the embedder is down', async () => {
    const { store, acme, primary, drain, drainSome } = await opened()
    await store.rebuild({ target: 'vector', embedder: 'spare', as: 'standby' })
    primary.down = 'refuses'
    await acme.documents.put({ id: 'a', text: 'written in the outage' })
    await drainSome()
    const page = await acme.search({ query: 'outage', mode: 'vector' })
    expect(page.hits).toMatchObject([{ documentId: 'a' }])
    expect((await store.backlog()).waiting).toBeGreaterThan(0)
    primary.down = 'no'
    await drain()
    expect(await acme.search({ query: 'outage', mode: 'vector' })).toMatchObject({
      hits: [{ documentId: 'a' }],
      degraded: [],
    })
  })

  it('is not asked where its generation has missed something, and again once it is rebuilt', async () => {
    const { store, acme, primary, spare, drain } = await opened()
    await store.rebuild({ target: 'vector', embedder: 'spare', as: 'standby' })
    spare.down = 'refuses'
    await acme.documents.put({ id: 'a', text: 'missed by the spare' })
    await drain()
    spare.down = 'no'
    primary.down = 'refuses'
    const page = await acme.search({ query: 'missed' })
    expect(page).toMatchObject({ hits: [{ documentId: 'a' }], degraded: [{ leg: 'vector' }] })
    expect(page.degraded[0]!.reason).toContain('no standby generation')
    primary.down = 'no'
    await store.rebuild({ target: 'vector', embedder: 'spare', as: 'standby' })
    primary.down = 'refuses'
    expect((await acme.search({ query: 'missed', mode: 'vector' })).hits).toMatchObject([{ documentId: 'a' }])
    // The one before it is gone.
    const spares = (await store.generations()).filter(({ fingerprint }) => fingerprint === spare.fingerprint)
    expect(spares).toHaveLength(1)
  })

  it('keeps its standby when the live space is rebuilt', async () => {
    const { store, acme, primary, spare, drain } = await opened()
    await acme.documents.put({ id: 'a', text: 'sixteen weeks of leave' })
    await drain()
    await store.rebuild({ target: 'vector', embedder: 'spare', as: 'standby' })
    for (let i = 0; i < 2; i++) await store.rebuild({ target: 'vector' })
    const states = (await store.generations()).map(({ fingerprint, state }) => [fingerprint, state])
    expect(states).toContainEqual([spare.fingerprint, 'standby'])
    primary.down = 'refuses'
    expect((await acme.search({ query: 'weeks', mode: 'vector' })).hits).toHaveLength(1)
  })

  it('refuses a standby of the live space, and of texts', async () => {
    const { store } = await opened()
    for (const options of [
      { target: 'vector' },
      { target: 'vector', embedder: 'primary' },
      { target: 'text' },
    ] as const) {
      await expect(store.rebuild({ ...options, as: 'standby' })).rejects.toMatchObject({
        code: 'HW_INVALID_OPTIONS',
        path: 'as',
      })
    }
  })
})

describe('a fallback of the same space', () => {
  it('is used freely, and its space is checked', async () => {
    const [one, two] = [new Switchable(32), new Switchable(32)]
    store = await createTestStore({ embedder: { fallback: [one, two] } })
    const acme = store.forTenant('acme')
    one.down = 'refuses'
    await acme.documents.put({ id: 'a', text: 'words' })
    expect(await acme.search({ query: 'words', mode: 'vector' })).toMatchObject({ hits: [{}], degraded: [] })
    expect(one.asked).toEqual([])
    await expect(createTestStore({ embedder: { fallback: [one, new Switchable(16)] } })).rejects.toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path: 'embedder.fallback[1]',
    })
    await expect(createTestStore({ embedder: { fallback: [] } })).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS' })
    const same = { embedder: one, collections: { documents: { fallback: two } } }
    await expect(createTestStore(same)).rejects.toMatchObject({ path: 'collections.documents.fallback' })
  })
})

describe('availableModels', () => {
  it('lists names, spaces, uses and health, and asks each once', async () => {
    const { store, primary, spare } = await opened()
    await store.rebuild({ target: 'vector', embedder: 'spare', as: 'standby' })
    spare.down = 'refuses'
    const models = await store.availableModels()
    expect(models).toEqual([
      {
        name: 'primary',
        fingerprint: primary.fingerprint,
        dimensions: 64,
        uses: [{ collection: 'documents', state: 'live' }],
        healthy: true,
      },
      {
        name: 'spare',
        fingerprint: spare.fingerprint,
        dimensions: 48,
        uses: [{ collection: 'documents', state: 'standby' }],
        healthy: false,
        reason: 'HW_EMBEDDER_FAILED: the provider is down',
      },
    ])
    const asked = primary.asked.length
    expect(await store.availableModels()).toEqual(models)
    expect(primary.asked).toHaveLength(asked)
  })

  it('heeds the deadline of a caller while a provider hangs', async () => {
    const { store, primary } = await opened()
    primary.down = 'hangs'
    await expect(store.availableModels({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
  })
})

describe('a store with a model behind HTTP', () => {
  it('embeds by it, lives through its outage, and closes its connections', async () => {
    const server = await EmbeddingServer.start()
    try {
      const http = { baseUrl: server.url, model: 'tiny', dimensions: 8, retry: { maxAttempts: 1 } }
      const opened = await openStore({ embedded: { path: ':memory:' }, embedder: { http }, relay: 'external' })
      const acme = opened.forTenant('acme')
      await acme.documents.put({ id: 'a', text: 'alpha' })
      await opened.relay.drain()
      expect((await acme.search({ query: 'alpha', mode: 'vector' })).hits).toHaveLength(1)
      server.standard = json(503, {})
      await acme.documents.put({ id: 'b', text: 'beta' })
      await opened.relay.drain({ timeoutMs: 2_000 }).catch(() => undefined)
      const page = await acme.search({ query: 'beta' })
      expect(page.hits).toMatchObject([{ documentId: 'b' }])
      expect(page.degraded).toMatchObject([{ leg: 'vector' }])
      expect(await opened.availableModels()).toMatchObject([{ name: null, dimensions: 8, healthy: false }])
      await opened.close()
      await vi.waitFor(() => expect(server.sockets).toBe(0))
    } finally {
      await server.close()
    }
  })
})
