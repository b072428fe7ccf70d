import type { Json } from '../../core/json'
import { fixtureTest, type TestRunner } from '../runner'
import { hostileStrings } from './rows'
import { rolledBack, type TruthFixture, worker } from './truth'

/** What every `RegistryRepository` promises. */
export function registryRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    return { ...fixture, registry: fixture.truth.session(worker).registry }
  })

  runner.describe('RegistryRepository', () => {
    test('the first epoch is 1', async ({ registry }) => {
      expect(await registry.epoch()).toBe(1)
    })

    test('tells the time, which does not go back', async ({ registry }) => {
      const before = await registry.now()
      expect(before).toBeGreaterThan(0)
      expect(await registry.now()).toBeGreaterThanOrEqual(before)
    })

    test('records a value once', async ({ registry }) => {
      expect(await registry.read('topology')).toBe(null)
      expect(await registry.record('topology', { vectors: ['a'] })).toEqual({ vectors: ['a'] })
      expect(await registry.record('topology', { vectors: ['b'] })).toEqual({ vectors: ['a'] })
      expect(await registry.read('topology')).toEqual({ vectors: ['a'] })
      expect(await registry.read('other')).toBe(null)
    })

    test('of many that record at once, all get the same', async ({ registry }) => {
      const recorded = await Promise.all([1, 2, 3, 4].map((value) => registry.record('name', value)))
      expect(new Set(recorded).size).toBe(1)
    })

    test('writes over', async ({ registry }) => {
      await registry.write('name', 1)
      await registry.write('name', [2])
      expect(await registry.read('name')).toEqual([2])
      expect(await registry.record('name', 3)).toEqual([2])
    })

    test('replaces what is still so, and says whether it was', async ({ registry }) => {
      expect(await registry.replace('name', 1, 2)).toBe(false)
      expect(await registry.replace('name', null, { b: [1], a: 'x' })).toBe(true)
      expect(await registry.replace('name', null, 1)).toBe(false)
      expect(await registry.replace('name', { a: 'x', b: [1] }, null)).toBe(true)
      expect(await registry.read('name')).toBe(null)
      expect(await registry.replace('name', null, 3)).toBe(true)
      const taken = await Promise.all([4, 5, 6].map((value) => registry.replace('name', 3, value)))
      expect(taken.filter(Boolean).length).toBe(1)
    })

    test('the epoch is what is recorded under its name', async ({ registry, truth }) => {
      expect(await registry.replace('epoch', 2, 3)).toBe(false)
      await rolledBack(truth, worker, async (session) => {
        expect(await session.registry.replace('epoch', 1, 5)).toBe(true)
        expect(await session.registry.epoch()).toBe(5)
      })
      expect(await registry.epoch()).toBe(1)
      expect(await registry.replace('epoch', 1, 2)).toBe(true)
      expect(await registry.epoch()).toBe(2)
    })

    test('knows its database, which stays the same', async ({ registry }) => {
      const identity = await registry.database()
      expect(identity.tables.length).toBeGreaterThan(0)
      expect(await registry.database()).toEqual(identity)
      expect(await registry.record('database', { ...identity })).toEqual(identity)
    })

    test('keeps JSON of every kind under hostile names', async ({ registry }) => {
      const values: Json[] = ['text', '', 0, 2 ** 53 - 1, -0.5, true, false, [], {}, { a: [null, { b: 'é' }] }]
      for (const [i, name] of hostileStrings.entries()) await registry.write(name, values[i % values.length]!)
      for (const [i, name] of hostileStrings.entries()) {
        expect(await registry.read(name)).toEqual(values[i % values.length])
      }
    })

    test('knows the workers seen of late', async ({ registry }) => {
      expect(await registry.workers(600_000)).toEqual([])
      await registry.heartbeat('one')
      await registry.heartbeat('two')
      await registry.heartbeat('one', ['vector:postgres', 'text:postgres'], ['mail'])
      const seen = await registry.workers(600_000)
      expect(seen.map(({ worker: name }) => name).sort()).toEqual(['one', 'two'])
      for (const { seenAt } of seen) expect(seenAt).toBeGreaterThan(0)
      const enginesOf = (name: string) => seen.find(({ worker: one }) => one === name)?.engines
      expect(enginesOf('one')).toEqual(['vector:postgres', 'text:postgres'])
      expect(enginesOf('two')).toEqual([])
      expect(seen.map(({ handles }) => handles).sort()).toEqual([[], ['mail']])
    })

    test('a rolled back transaction records nothing', async ({ registry, truth }) => {
      await registry.write('kept', 1)
      await rolledBack(truth, worker, async (session) => {
        await session.registry.record('name', 1)
        await session.registry.write('kept', 2)
      })
      expect(await registry.read('name')).toBe(null)
      expect(await registry.read('kept')).toBe(1)
    })
  })
}
