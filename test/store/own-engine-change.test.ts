import { describe, expect, it } from 'vitest'
import { openStore, type Store, type StoreOptions } from '../../index'
import type { Target } from '../../src/repositories/generations'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import { describeBothEngines } from '../support/both-engines'
import { LiveWrites, stillDocuments } from '../support/live-writes'

const still = 60
const clean = { missing: 0, stale: 0, orphaned: 0, foreign: 0 }
const moves: readonly { readonly target: Target; readonly other: string }[] = [
  { target: 'vector', other: 'qdrant' },
  { target: 'vector', other: 'postgres' },
  { target: 'text', other: 'elasticsearch' },
  { target: 'text', other: 'postgres' },
]

describeBothEngines('backends of the user’s own', (place) => {
  describe('move to those that come with headwater and back, while processes of each configuration write', () => {
    it.each(moves)('$target: mine, $other, mine', { timeout: 120_000 }, async ({ target, other }) => {
      // What stands for a server of the user's: each process has its own client, all have the same indexes.
      const mine = Object.assign(target === 'vector' ? new MemoryVectorRepository() : new MemoryTextRepository(), {
        engine: 'mine',
      })
      const repositories = (target === 'vector' ? { vectors: mine } : { texts: mine }) as StoreOptions['repositories']
      const schema = `own_${target}_${other}`
      const open = (options: StoreOptions): Promise<Store> =>
        openStore({
          ...options,
          postgres: { ...place.narrow().postgres, schema },
          embedder: { hashing: { dimensions: 32 } },
          writer: { pollMs: 20, checkMs: 500 },
        }) as Promise<Store>
      const theirs = place.wide()
      const lacksMine = {
        code: 'HW_TOPOLOGY_MISMATCH',
        path: 'topology',
        message: expect.stringContaining(`\`repositories.${target}s\` named "mine" to openStore`),
        details: { recorded: 'mine', configured: expect.arrayContaining([other]) },
      }

      const alone = await open({ repositories })
      const both = await open({ ...theirs, repositories })
      const stores = [alone, both]
      const writing = new LiveWrites()
      const noise: Promise<void>[] = []
      const found = async (store: Store, at: number) => {
        const page = await store.forTenant('acme').search({ query: `unique${at} words that stay`, limit: 1 })
        expect(page.hits[0]?.documentId).toBe(`still${at}`)
        return page.degraded
      }
      const startWriter = (store: Store): void => void noise.push(writing.run(noise.length, store.forTenant('acme')))
      try {
        const acme = both.forTenant('acme')
        await acme.waitFor(await acme.documents.putMany(stillDocuments(still)), { timeoutMs: 60_000 })
        // With Postgres as the main engine of both targets, and mine live: refused before anything is made.
        await expect(open(theirs)).rejects.toMatchObject(lacksMine)
        for (const store of stores) startWriter(store)

        const there = await both.rebuild({ target, engine: other })
        expect(there.engine).toBe(other)
        expect(await found(both, 7)).toEqual([])
        // Who has mine alone has Postgres too, as everybody has.
        const reason = expect.stringMatching(`^HW_TOPOLOGY_MISMATCH: .*is in ${other}, which this process has not`)
        expect(await found(alone, 8)).toEqual(other === 'postgres' ? [] : [{ leg: target, reason }])
        const [late, health] = await Promise.all([open(theirs), both.health()])
        stores.push(late)
        expect(health.generations?.engines['documents']?.[target]).toEqual([other, 'mine'])
        expect(await found(late, 9)).toEqual([])
        startWriter(late)

        await both.rollback({ target })
        expect(await found(alone, 10)).toEqual([])
        await both.rollback({ target })
        const back = await both.rebuild({ target, engine: 'mine' })
        expect(back.engine).toBe('mine')
        for (const store of [alone, both]) expect(await found(store, 11)).toEqual([])
        expect(await found(late, 12)).toEqual([
          { leg: target, reason: expect.stringContaining(`give \`repositories.${target}s\` named "mine"`) },
        ])
        await expect(open(theirs)).rejects.toMatchObject(lacksMine)

        writing.over = true
        await Promise.all(noise)
        expect(writing.writes).toBeGreaterThan(10)
        expect((await both.relay.drain({ timeoutMs: 60_000 })).remaining).toBe(0)
        const report = await both.reconcile({ deep: true, repair: true })
        // What a late request brought back is the one thing that may be there.
        expect(report).toMatchObject({ ...clean, orphaned: expect.any(Number) })
        expect(await both.dropStandby({ target })).toEqual([there.generation])
        expect((await alone.health()).degraded).toEqual([])
      } finally {
        writing.over = true
        await Promise.allSettled(noise)
        await Promise.all(stores.map((store) => store.close()))
      }
    })
  })
})
