import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openStore, type Store, type StoreOptions } from '../../index'
import type { Target } from '../../src/repositories/generations'
import { beside, describeBothEngines } from '../support/both-engines'
import { LiveWrites, stillDocuments } from '../support/live-writes'
import { storeSuite } from './store-suite'

const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }
const still = 150
const embedder = { hashing: { dimensions: 32 } }
const targets: readonly Target[] = ['vector', 'text']
const lacking = /^HW_TOPOLOGY_MISMATCH: documents: its (vector|text) index \S+ is in (qdrant|elasticsearch), which this/

describeBothEngines('one Postgres, alone at first, then with Qdrant and Elasticsearch', (place) => {
  const open = (options: StoreOptions): Promise<Store> =>
    openStore({ ...options, embedder, writer: { pollMs: 20, checkMs: 500 } }) as Promise<Store>

  describe('a change there and back, while processes of both configurations write, search and work', () => {
    it.each(targets)(
      '%s: no search fails; only who lacks the engine is told so',
      { timeout: 180_000 },
      async (target) => {
        const narrow = await open(place.narrow())
        const wide = [await open(place.wide()), await open(place.wide())] as const
        const stores = [narrow, ...wide]
        const other = beside[target]
        const acme = narrow.forTenant(`of-${target}`)
        const live = async () =>
          (await narrow.generations()).find((one) => one.target === target && one.state === 'live')
        try {
          await acme.waitFor(await acme.documents.putMany(stillDocuments(still)), { timeoutMs: 60_000 })
          const writing = new LiveWrites()
          const write = (writer: number) => writing.run(writer, stores[writer % 3]!.forTenant(`of-${target}`))
          const searched = { whole: 0, lacking: 0 }
          const search = async (of: number): Promise<void> => {
            for (let turn = of; !writing.over; turn += 2) {
              const at = (turn * 17) % still
              const query = { query: `unique${at} words that stay`, limit: 3 } as const
              const mode = of > 0 && turn % 4 < 2 ? target : 'hybrid'
              const page = await stores[of]!.forTenant(`of-${target}`).search({ ...query, mode })
              if (of > 0 || page.degraded.length === 0) {
                expect(page.degraded).toEqual([])
                searched.whole++
              } else {
                expect(page.degraded).toMatchObject([{ leg: target, reason: expect.stringMatching(lacking) }])
                searched.lacking++
              }
              expect(page.hits[0]?.documentId).toBe(`still${at}`)
            }
          }
          const noise = Promise.all([0, 1, 2].map(write).concat([0, 1, 2].map(search)))
          const whileRunning = <T>(work: Promise<T>): Promise<T> =>
            Promise.race([noise.then(() => Promise.reject(new Error('writers and searches ended early'))), work])
          const turns = async (of: keyof typeof searched, count: number): Promise<void> => {
            const enough = searched[of] + count
            while (searched[of] < enough) await new Promise((resolve) => setTimeout(resolve, 5))
          }

          const there = await whileRunning(wide[0].rebuild({ target, engine: other, rate: 150 }))
          expect(there.engine).toBe(other)
          expect((await live())?.engine).toBe(other)
          await whileRunning(turns('lacking', 10))
          await whileRunning(turns('whole', 10))
          const told = await narrow.health()
          expect(told.degraded).toMatchObject([
            { what: there.generation, meaning: expect.stringContaining(`is in ${other}`) },
          ])
          expect(told.generations?.engines['documents']?.[target]).toEqual([other, 'postgres'])
          await expect(open(place.narrow())).rejects.toMatchObject({ code: 'HW_TOPOLOGY_MISMATCH', path: 'topology' })

          // A way back after new writes, and ahead again: what was kept has followed.
          await whileRunning(wide[1].rollback({ target }))
          expect((await live())?.engine).toBe('postgres')
          await whileRunning(turns('whole', 10))
          await whileRunning(wide[0].rollback({ target }))
          await whileRunning(turns('lacking', 5))
          const back = await whileRunning(wide[1].rebuild({ target, engine: 'postgres', rate: 150 }))
          expect(back.engine).toBe('postgres')
          writing.over = true
          await noise
          expect(writing.writes).toBeGreaterThan(20)
          expect((await wide[0].relay.drain({ timeoutMs: 60_000 })).remaining).toBe(0)
          // What a late request brought back is the one thing that may be there.
          expect(await wide[0].reconcile({ deep: true, repair: true })).toMatchObject({
            ...clean,
            orphaned: expect.any(Number),
          })
          expect(await wide[0].dropStandby({ target })).toEqual([there.generation])
          expect((await narrow.health()).degraded).toEqual([])
          const page = await acme.search({ query: 'unique7 words that stay', mode: target, limit: 1 })
          expect(page).toMatchObject({ degraded: [], hits: [{ documentId: 'still7' }] })
        } finally {
          await Promise.all(stores.map((store) => store.close()))
        }
      },
    )
  })

  // The collections' indexes go there and back all the time, while workers of both configurations run.
  storeSuite('both, while indexes change engines', async (options) => {
    const postgres = { url: place.database().url, schema: 'h_suite' }
    const blobs = { path: await mkdtemp(join(tmpdir(), 'headwater-engines-')) }
    const narrow = await openStore({ ...options, postgres, blobs })
    const store = await openStore({ ...options, ...place.wide(), postgres, blobs })
    let over = false
    let changes = 0
    let last: Promise<void> = Promise.resolve()
    const alone = (work: () => Promise<void>): Promise<void> => {
      last = last.catch(() => undefined).then(work)
      return last
    }
    const moving = (async () => {
      const moves = ['documents', 'questions'].flatMap((collection) =>
        targets.flatMap((target) => [beside[target], 'postgres'].map((engine) => ({ collection, target, engine }))),
      )
      for (let at = 0; !over; at = (at + 1) % moves.length, changes++) {
        await alone(async () => void (await store.rebuild(moves[at]!)))
      }
    })()
    return {
      store,
      alone,
      dispose: async () => {
        over = true
        await moving
        expect(changes).toBeGreaterThan(8)
        await store.relay.drain({ timeoutMs: 30_000 })
        const report = await store.reconcile({ deep: true, repair: true })
        expect(report).toMatchObject({ ...clean, orphaned: expect.any(Number) })
        await Promise.all([narrow, store].map((one) => one.close()))
        await rm(blobs.path, { recursive: true, force: true })
      },
    }
  })
})
