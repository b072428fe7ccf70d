import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { openStore, type Store } from '../../index'
import { describeFullProfile } from '../support/full-profile'

const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }
const count = 40
const orphan = '00000000-0000-5000-8000-000000000001'

interface Entry {
  readonly id: string
  fence: number
  readonly payload: Record<string, unknown>
  vector?: Record<string, number[]>
}

/** One kind of damage that a hand does, and what a comparison says of it. */
interface Damage {
  readonly what: string
  readonly deep?: boolean
  readonly only?: 'vector'
  /** It may take another repair, once the engine has forgotten. */
  readonly patient?: boolean
  readonly found: Partial<typeof clean>
  do(engine: Engine, entry: Entry): Promise<void>
}

const damages: readonly Damage[] = [
  { what: 'a deleted entry', found: { missing: 1 }, do: (engine, { id, payload }) => engine.remove(id, payload) },
  {
    what: 'a payload edited by hand',
    deep: true,
    found: { stale: 1 },
    do: (engine, entry) => engine.put({ ...entry, payload: { ...entry.payload, ...engine.forged } }),
  },
  {
    what: 'a vector edited by hand',
    deep: true,
    only: 'vector',
    found: { stale: 1 },
    do: (engine, entry) => {
      const [[name, numbers]] = Object.entries(entry.vector!) as [[string, number[]]]
      return engine.put({ ...entry, vector: { [name]: numbers.map((one) => -one) } })
    },
  },
  {
    what: 'an entry of another space or input',
    found: { stale: 1 },
    do: (engine, entry) => engine.put({ ...entry, payload: { ...entry.payload, stamp: '0'.repeat(32) } }),
  },
  {
    what: 'an entry under another document',
    found: { foreign: 1 },
    do: (engine, entry) => engine.put({ ...entry, payload: { ...entry.payload, document: 'd1000' } }),
  },
  {
    what: 'a point under another tenant',
    only: 'vector',
    found: { foreign: 1 },
    do: (engine, entry) => engine.put({ ...entry, payload: { ...entry.payload, tenant: 'blue' } }),
  },
  {
    what: 'an entry that no chunk stands behind',
    found: { orphaned: 1 },
    do: (engine, entry) => engine.put({ ...entry, id: orphan, payload: { ...entry.payload, id: orphan } }),
  },
  {
    what: 'a point without a fence',
    only: 'vector',
    found: { stale: 1 },
    do: (engine, entry) => engine.put({ ...entry, payload: { ...entry.payload, f: undefined } }),
  },
  {
    what: 'a fence that is too large',
    patient: true,
    found: { stale: 1 },
    async do(engine, entry) {
      await engine.forgetDeletes?.()
      await engine.put({ ...entry, fence: entry.fence + 1_000_000 })
    },
  },
]

/** An engine as a hand reaches it: by plain HTTP. */
interface Engine {
  readonly forged: Record<string, unknown>
  /** Elasticsearch remembers the version of what was deleted for an hour, and takes no lower one meanwhile. */
  forgetDeletes?(): Promise<void>
  first(): Promise<Entry>
  put(entry: Entry): Promise<void>
  remove(id: string, payload: Record<string, unknown>): Promise<void>
}

describeFullProfile('reconcile after what hands did to the indexes', (profile) => {
  let store: Store
  let engines: Record<'vector' | 'text', Engine>

  beforeAll(async () => {
    // Nobody mends by the way.
    const writer = { checkMs: 3_600_000, pollMs: 20 }
    store = await openStore({ ...profile.options(), embedder: { hashing: { dimensions: 16 } }, writer })
    const rows = Array.from({ length: count }, (_, at) => ({
      id: `d${at}`,
      text: `text number ${at}`,
      metadata: { at },
    }))
    await store.forTenant('acme').documents.putMany(rows)
    await store.relay.drain({ timeoutMs: 30_000 })
    const generations = await store.generations()
    const name = (target: string): string => generations.find((one) => one.target === target)!.name
    const { rows: found } = await profile
      .database()
      .admin(`SELECT value #>> '{}' AS value FROM headwater.registry WHERE name = 'installation'`)
    engines = {
      vector: qdrant(`${profile.qdrantUrl()}/collections/${name('vector')}`),
      text: elasticsearch(`${profile.elasticsearchUrl}/headwater_${found[0]!.value}-${name('text')}`),
    }
  }, 60_000)
  afterAll(() => store.close())
  beforeEach(async () => {
    expect(await store.reconcile({ deep: true })).toMatchObject({ ...clean, checked: 2 * count })
  })

  for (const target of ['vector', 'text'] as const) {
    for (const damage of damages) {
      if (damage.only && damage.only !== target) continue
      it(`${target}: ${damage.what} is found and mended, and then nothing is found`, { timeout: 30_000 }, async () => {
        const { deep = false } = damage
        await damage.do(engines[target], await engines[target].first())
        const expected = { ...clean, ...damage.found }
        // What only content tells is not seen by stamps.
        if (deep) expect(await store.reconcile({ target })).toMatchObject(clean)
        expect(await store.reconcile({ target, deep })).toMatchObject({ ...expected, repaired: 0 })
        expect(await store.reconcile({ target, deep })).toMatchObject(expected)
        const { repaired } = await store.reconcile({ target, deep, repair: true })
        expect(repaired).toBeGreaterThan(0)
        await store.relay.drain({ timeoutMs: 20_000 })
        if (damage.patient) {
          await vi.waitFor(async () => {
            await store.reconcile({ target, repair: true })
            expect(await store.reconcile({ target })).toMatchObject(clean)
          }, 20_000)
        }
        expect(await store.reconcile({ deep: true, repair: true })).toMatchObject({ ...clean, repaired: 0 })
      })
    }
  }

  it('looks at no more chunks a second than it may', async () => {
    const startedAt = performance.now()
    await store.reconcile({ target: 'vector', rate: 100 })
    expect(performance.now() - startedAt).toBeGreaterThan((count / 100) * 1_000 * 0.9)
    await expect(store.reconcile({ rate: 0 })).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path: 'rate' })
  })
})

function qdrant(url: string): Engine {
  return {
    forged: { n_at: [-1] },
    async first() {
      const body = { limit: 1, with_payload: true, with_vector: true }
      const { id, payload, vector } = (await ask('POST', `${url}/points/scroll`, body)).result.points[0]
      return { id, payload, vector, fence: payload.f }
    },
    async put({ id, payload, vector, fence }) {
      const f = 'f' in payload && payload['f'] === undefined ? undefined : fence
      await ask('PUT', `${url}/points?wait=true`, { points: [{ id, vector, payload: { ...payload, f } }] })
    },
    async remove(id) {
      await ask('POST', `${url}/points/delete?wait=true`, { points: [id] })
    },
  }
}

function elasticsearch(url: string): Engine {
  const at = (id: string, tenant: unknown): string => `${url}/_doc/${tenant}:${id}?routing=${tenant}&refresh=true`
  return {
    forged: { text: 'forged by hand' },
    async forgetDeletes() {
      await ask('PUT', `${url}/_settings`, { index: { gc_deletes: '0s' } })
    },
    async first() {
      const body = { size: 1, version: true, sort: ['id'] }
      const { _source, _version } = (await ask('POST', `${url}/_search`, body)).hits.hits[0]
      return { id: _source.id, payload: _source, fence: _version }
    },
    async put({ id, payload, fence }) {
      const versioned = `${at(id, payload['tenant'])}&version=${fence}&version_type=external_gte`
      await ask('PUT', versioned, payload)
    },
    async remove(id, payload) {
      await ask('DELETE', at(id, payload['tenant']))
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: answers of servers, read by this test only
async function ask(method: string, url: string, body?: object): Promise<any> {
  const headers = { 'content-type': 'application/json', 'accept-encoding': 'identity' }
  const response = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`)
  return response.json()
}
