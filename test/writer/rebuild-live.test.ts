import { expect, it } from 'vitest'
import { openStore, type Store, type StoreOptions } from '../../index'
import { once } from '../support/elasticsearch'
import { describeFullProfile } from '../support/full-profile'
import { LiveWrites, stillDocuments } from '../support/live-writes'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }
const still = 200
const embedders = { old: { hashing: { dimensions: 32 } }, next: { hashing: { dimensions: 64 } } }

/** Another embedding model, while two processes write and search all the time. */
function liveSuite(options: () => StoreOptions): void {
  it('moves to another model under four writers: no search fails, is degraded or meets the other space', {
    timeout: 120_000,
  }, async () => {
    const open = (): Promise<Store> =>
      openStore({ ...options(), embedders, embedder: 'old', writer: { pollMs: 20 } }) as Promise<Store>
    const stores = [await open(), await open()] as const
    try {
      const acme = stores[0].forTenant('acme')
      await acme.waitFor(await acme.documents.putMany(stillDocuments(still)), { timeoutMs: 60_000 })
      const writing = new LiveWrites()
      const write = (writer: number) => writing.run(writer, stores[writer % 2]!.forTenant('acme'))
      const searched = { old: 0, next: 0 }
      const search = async (of: number): Promise<void> => {
        for (let turn = of; !writing.over; turn += 2) {
          const at = (turn * 17) % still
          const mode = turn % 4 < 2 ? 'vector' : 'hybrid'
          const page = await stores[of]!.forTenant('acme').search({
            query: `unique${at} words that stay`,
            mode,
            limit: 3,
          })
          expect(page.degraded).toEqual([])
          expect(page.hits[0]?.documentId).toBe(`still${at}`)
          searched[switched ? 'next' : 'old']++
        }
      }
      let switched = false
      const noise = Promise.all([0, 1, 2, 3].map(write).concat([0, 1].map(search)))
      const result = await Promise.race([
        noise.then(() => Promise.reject(new Error('the searches ended early'))),
        stores[0].rebuild({ target: 'vector', embedder: 'next', rate: 150 }),
      ])
      switched = true
      const enough = searched.next + 20
      while (searched.next < enough) await Promise.race([noise, new Promise((resolve) => setImmediate(resolve))])
      writing.over = true
      await noise
      expect(result.fingerprint).toContain('64')
      expect(searched.old).toBeGreaterThan(5)
      expect(writing.writes).toBeGreaterThan(20)
      await stores[0].relay.drain({ timeoutMs: 60_000 })
      const report = await stores[0].reconcile({ deep: true, repair: true })
      // What a late request brought back is the one thing that may be there.
      expect(report).toMatchObject({ ...clean, orphaned: expect.any(Number) })
      const back = await stores[0].rollback({ target: 'vector' })
      expect(back.fingerprint).toContain('32')
      const page = await stores[1]
        .forTenant('acme')
        .search({ query: 'unique7 words that stay', mode: 'vector', limit: 1 })
      expect(page).toMatchObject({ degraded: [], hits: [{ documentId: 'still7' }] })
    } finally {
      await Promise.all(stores.map((store) => store.close()))
    }
  })
}

once(describeWithPgvector)('a rebuild under load, on Postgres alone', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  liveSuite(() => ({ postgres: { url: database().url } }))
})

describeFullProfile('a rebuild under load, on Qdrant and Elasticsearch', (profile) => {
  liveSuite(() => profile.options())
})
