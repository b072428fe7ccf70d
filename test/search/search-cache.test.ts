import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withDeadline } from '../../src/core/deadline'
import { collectionName, type Scope, tenantId } from '../../src/core/ids'
import { seededRandom } from '../../src/core/random'
import { EpochWatch } from '../../src/repositories/epoch-watch'
import type { Generation } from '../../src/repositories/generations'
import { MemoryCacheRepository } from '../../src/repositories/memory/cache'
import { MemoryTruth } from '../../src/repositories/memory/truth'
import type { SearchQuery } from '../../src/search/query'
import { resolveQuery } from '../../src/search/resolve-query'
import { type Proposed, SearchCache } from '../../src/search/search-cache'
import { FakeClock } from '../../src/testing/fake-clock'

const scope: Scope = { tenant: tenantId('acme'), collection: collectionName('documents') }
const other: Scope = { tenant: tenantId('globex'), collection: scope.collection }
const ids = ['01b2c3d4-0000-5000-8000-000000000001', '01b2c3d4-0000-5000-8000-000000000002']

describe('search cache', () => {
  let clock: FakeClock
  let cache: SearchCache
  let asked: number
  let truth: MemoryTruth

  beforeEach(() => {
    clock = new FakeClock()
    truth = new MemoryTruth({ clock })
    const epoch = new EpochWatch(truth, clock)
    const ports = { cache: new MemoryCacheRepository({ clock, epoch: epoch.current }), epoch, clock }
    cache = new SearchCache({ ...ports, random: seededRandom(1) }, { ttlMs: 60_000 })
    asked = 0
  })
  afterEach(() => cache.close())

  interface Asked {
    in?: Scope
    query?: SearchQuery
    depth?: number
    fresh?: boolean
    generation?: number
    found?: Partial<Proposed>
    gate?: Promise<void>
  }

  async function propose(options: Asked = {}): Promise<Proposed> {
    const { depth = 200, fresh = false, generation = 1 } = options
    const within = options.in ?? scope
    const query = resolveQuery(within, options.query ?? { query: 'leave' }, undefined)
    const request = { scope: within, query, generations: [{ id: generation } as Generation], depth, fresh }
    return withDeadline(clock, {}, 10_000, (deadline) =>
      cache.propose(request, deadline, async () => {
        asked++
        await options.gate
        const candidates = ids.map((id, at) => ({ id, document: 'd', score: 1 / (at + 3), legs: {} }))
        return { candidates, exhausted: true, degraded: [], cached: false, ...options.found }
      }),
    )
  }

  /** The first search after a change only marks the collection. */
  async function warm(options: Asked = {}): Promise<void> {
    await propose(options)
    await propose(options)
    asked = 0
  }

  it('gives ids, order and exact scores back, to a request that differs in looks and spaces alone', async () => {
    await warm({ query: { query: 'parental  leave' } })
    const found = await propose({ query: { query: ' parental leave ', highlight: false, explain: true } })
    expect(found).toMatchObject({ cached: true, exhausted: true, degraded: [] })
    expect(found.candidates.map(({ id, score }) => [id, score])).toEqual(ids.map((id, at) => [id, 1 / (at + 3)]))
    expect(asked).toBe(0)
  })

  it.each<[string, Asked]>([
    ['tenant', { in: other }],
    ['collection', { in: { ...scope, collection: collectionName('questions') } }],
    ['words', { query: { query: 'Leave' } }],
    ['filter', { query: { query: 'leave', filter: { a: 1 } } }],
    ['mode', { query: { query: 'leave', mode: 'text' } }],
    ['weights', { query: { query: 'leave', weights: { text: 2 } } }],
    ['vector', { query: { query: 'leave', vector: [1, 2] } }],
    ['depth', { depth: 400 }],
    ['generation', { generation: 2 }],
  ])('another %s is another request', async (_, options) => {
    await warm()
    await propose({ in: options.in ?? scope })
    asked = 0
    expect((await propose(options)).cached).toBe(false)
    expect(asked).toBe(1)
  })

  it('equal searches at once ask once; one that was degraded is neither shared nor kept', async () => {
    await propose()
    asked = 0
    await Promise.all(Array.from({ length: 10 }, () => propose()))
    expect(asked).toBe(1)
    const degraded = [{ leg: 'vector', reason: 'down' }] as const
    const query = { query: 'other' }
    asked = 0
    await Promise.all([propose({ query, found: { degraded } }), propose({ query, found: { degraded } })])
    expect(asked).toBe(2)
    expect((await propose({ query })).cached).toBe(false)
  })

  it('a search that fails takes those beside it along no further', async () => {
    await propose()
    const failing = propose({ gate: Promise.reject(new TypeError('gone')) })
    const beside = propose()
    await expect(failing).rejects.toThrow('gone')
    expect((await beside).candidates).toHaveLength(2)
  })

  it('a change outdates what was kept, of its own tenant alone, and nothing is kept until it has settled', async () => {
    await warm()
    await warm({ in: other })
    await cache.changed([scope, scope])
    expect((await propose()).cached).toBe(false)
    expect((await propose()).cached).toBe(false)
    expect((await propose({ in: other })).cached).toBe(true)
    await clock.advance(5_001)
    await warm()
    expect((await propose()).cached).toBe(true)
  })

  it('a search under way while the index changes is not kept', async () => {
    await warm({ query: { query: 'other' } })
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const slow = propose({ gate })
    await cache.changed([scope])
    open()
    await slow
    await clock.advance(5_001)
    await propose({ query: { query: 'other' } })
    expect((await propose()).cached).toBe(false)
  })

  it('many changes in a row: after the last one, everything kept is newer', async () => {
    await warm()
    for (let turn = 0; turn < 20; turn++) {
      await cache.changed([scope])
      expect((await propose()).cached).toBe(false)
      await clock.advance(700)
    }
  })

  it('a caller with a receipt gets nothing that was there before, and leaves what is newer', async () => {
    await warm()
    expect((await propose({ fresh: true, found: { exhausted: false } })).cached).toBe(false)
    expect(await propose()).toMatchObject({ cached: true, exhausted: false })
  })

  it('forgets after its time', async () => {
    await warm()
    await clock.advance(60_001)
    expect((await propose()).cached).toBe(false)
  })
})
