import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import type { Target } from '../../src/repositories/generations'
import { beside, describeBothEngines } from '../support/both-engines'
import { chunks, copiedBefore, filled, kill, killable, kills } from './rebuild-kills-suite'

const targets: readonly Target[] = ['vector', 'text']

/** A change of engine killed at each of its steps, there and back, while processes of both configurations go on. */
describeBothEngines('a rebuild into another engine that is killed', (place) => {
  let narrow: Store
  let wide: Store

  beforeAll(async () => {
    narrow = await filled({ ...place.narrow(), ...killable })
    wide = await openStore({ ...place.wide(), ...killable })
  }, 120_000)
  afterAll(() => Promise.all([narrow, wide].map((store) => store?.close())))

  describe.each(targets)('%s', (target) => {
    const of = async () => (await wide.generations()).filter((one) => one.target === target)
    // So that there is one to drop.
    beforeAll(async () => void (await wide.rebuild({ target })), 60_000)

    describe.each([beside[target], 'postgres'])('to %s', (engine) => {
      it.each(kills)('%s', { timeout: 90_000 }, async (_name, halt, left) => {
        const from = (await of()).find(({ state }) => state === 'live')!.engine!
        if (from === engine) await wide.rebuild({ target, engine: engine === 'postgres' ? beside[target] : 'postgres' })
        await kill({ ...place.wide(), ...killable }, target, halt, engine)
        // Life goes on in both: what is written now reaches every index.
        const ofNarrow = narrow.forTenant('acme')
        await ofNarrow.documents.put({ id: 'a1', text: `Changed after ${halt} of ${target}.` })
        const changed = await wide.forTenant('acme').documents.put({ id: 'a3', text: `Changed too after ${halt}.` })
        const deleted = await ofNarrow.documents.delete('a2')
        for (const receipt of [changed, deleted]) await ofNarrow.waitFor(receipt, { timeoutMs: 20_000 })
        expect((await wide.forTenant('acme').search({ query: 'number', limit: 5 })).degraded).toEqual([])
        expect((await ofNarrow.search({ query: 'number', limit: 5 })).hits.length).toBe(5)

        const { copied, generation, engine: there } = await wide.rebuild({ target, engine })
        expect(there).toBe(engine)
        expect(copied).toBeGreaterThan(0)
        if (left === 'rest') expect(copied).toBeLessThanOrEqual(chunks - copiedBefore)
        await ofNarrow.documents.put({ id: 'a2', text: 'Text number 2 of a.' })
        await wide.relay.drain({ timeoutMs: 20_000 })
        const generations = await of()
        expect(generations.map(({ state }) => state).sort()).toEqual(['live', 'standby'])
        expect(generations.find(({ state }) => state === 'live')).toMatchObject({ name: generation, engine })
        expect(await wide.reconcile({ target, deep: true })).toMatchObject({
          checked: 2 * chunks,
          missing: 0,
          stale: 0,
          orphaned: 0,
          foreign: 0,
        })
        const { rows } = await place.database().admin(`SELECT value FROM headwater.registry WHERE name = 'retired'`)
        expect(rows[0]?.value ?? []).toEqual([])
      })
    })
  })
})
