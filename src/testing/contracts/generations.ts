import type { Generation, GenerationRepository, GenerationState, NewGeneration } from '../../repositories/generations'
import { fixtureTest, type TestRunner } from '../runner'
import { documents, questions } from './rows'
import { rolledBack, type TruthFixture, worker } from './truth'

const states: readonly GenerationState[] = ['building', 'live', 'standby', 'dropped']

/** What every `GenerationRepository` promises. */
export function generationRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    return { ...fixture, generations: fixture.truth.session(worker).generations }
  })
  const find = async (generations: GenerationRepository, id: number): Promise<Generation | undefined> =>
    (await generations.list({ states })).find((it) => it.id === id)
  const statesOf = async (generations: GenerationRepository): Promise<string[]> =>
    (await generations.list({ states })).map(({ state }) => state)

  runner.describe('GenerationRepository', () => {
    test('creates generations under names of their own', async ({ generations }) => {
      const one = await generations.create(vector('building'))
      const two = await generations.create(vector('building'))
      expect(one.name.startsWith('headwater_documents')).toBe(true)
      expect(one.name === two.name).toBe(false)
      expect(two.id).toBeGreaterThan(one.id)
      const { id, name, createdAt, ...rest } = one
      const { prefix: _prefix, ...asked } = vector('building')
      expect(rest).toEqual({ ...asked, engine: null, checkpoint: null, error: null, switchedAt: null })
      expect(createdAt).toBeGreaterThan(0)
      expect(await generations.list()).toEqual([one, two])
      const third = await generations.create(text('live'))
      expect([third.fingerprint, third.dimensions, third.language]).toEqual([null, null, 'english'])
    })

    test('keeps the engine that each is in', async ({ generations }) => {
      const here = await generations.create({ ...vector('live'), engine: 'postgres' })
      const there = await generations.create({ ...vector('building'), engine: 'qdrant' })
      await generations.switch(there.id)
      const engines = (await generations.list()).map(({ id, engine }) => [id, engine])
      expect(engines).toEqual([
        [here.id, 'postgres'],
        [there.id, 'qdrant'],
      ])
    })

    test('lists those that take jobs, or the states, target and collection asked for', async ({ generations }) => {
      const a = await generations.create(vector('live'))
      const b = await generations.create(vector('building'))
      const c = await generations.create(vector('standby'))
      const d = await generations.create(vector('dropped'))
      const e = await generations.create(text('live'))
      const f = await generations.create({ ...vector('live'), collection: questions })
      const list = async (options?: Parameters<GenerationRepository['list']>[0]): Promise<number[]> =>
        (await generations.list(options)).map(({ id }) => id)
      expect(await list()).toEqual([a.id, b.id, c.id, e.id, f.id])
      expect(await list({ target: 'vector', collection: documents })).toEqual([a.id, b.id, c.id])
      expect(await list({ states: ['dropped'] })).toEqual([d.id])
      expect(await list({ states: ['live'], target: 'text' })).toEqual([e.id])
      expect(await list({ collection: questions })).toEqual([f.id])
      expect(await list({ states: [] })).toEqual([])
    })

    test('updates what is given and nothing else', async ({ generations }) => {
      const { id } = await generations.create(vector('building'))
      await generations.update(id, { checkpoint: 'c1' })
      await generations.update(id, { error: 'HW_X: no' })
      const broken = await find(generations, id)
      expect([broken?.state, broken?.checkpoint, broken?.error]).toEqual(['building', 'c1', 'HW_X: no'])
      await generations.update(id, { checkpoint: null, error: null, state: 'dropped' })
      const mended = await find(generations, id)
      expect([mended?.state, mended?.checkpoint, mended?.error]).toEqual(['dropped', null, null])
      await generations.update(id, {})
      expect(await find(generations, id)).toEqual(mended)
    })

    test('a switch makes one live and the live one standby', async ({ generations, truth }) => {
      const old = await generations.create(vector('live'))
      const next = await generations.create(vector('building'))
      const foreign = await generations.create({ ...vector('live'), collection: questions })
      const other = await generations.create(text('live'))
      const switchTo = (id: number): Promise<boolean> =>
        truth.transaction(worker, async (session) => {
          await session.generations.lock('vector', documents)
          return session.generations.switch(id)
        })
      expect(await switchTo(next.id)).toBe(true)
      expect(await statesOf(generations)).toEqual(['standby', 'live', 'live', 'live'])
      const live = await find(generations, next.id)
      expect(live!.switchedAt!).toBeGreaterThanOrEqual(live!.createdAt)
      expect(await switchTo(old.id)).toBe(true)
      expect(await statesOf(generations)).toEqual(['live', 'standby', 'live', 'live'])
      expect((await find(generations, foreign.id))?.state).toBe('live')
      expect((await find(generations, other.id))?.state).toBe('live')
    })

    test('a switch to what is live, dropped or unknown is refused and changes nothing', async ({ generations }) => {
      const live = await generations.create(vector('live'))
      const dropped = await generations.create(vector('dropped'))
      for (const id of [live.id, dropped.id, dropped.id + 1000]) expect(await generations.switch(id)).toBe(false)
      expect(await statesOf(generations)).toEqual(['live', 'dropped'])
    })

    test('a switch works where nothing was live', async ({ generations }) => {
      const { id } = await generations.create(vector('building'))
      expect(await generations.switch(id)).toBe(true)
      expect(await statesOf(generations)).toEqual(['live'])
    })

    test('a rolled back transaction leaves every generation as it was', async ({ generations, truth }) => {
      const old = await generations.create(vector('live'))
      let lost = 0
      await rolledBack(truth, worker, async (session) => {
        await session.generations.lock('vector', documents)
        const next = await session.generations.create(vector('building'))
        lost = next.id
        expect(await session.generations.switch(next.id)).toBe(true)
        await session.generations.update(old.id, { error: 'x' })
      })
      expect(await generations.list({ states })).toEqual([old])
      expect((await generations.create(vector('building'))).id === old.id).toBe(false)
      expect(lost === old.id).toBe(false)
    })

    test('the lock serializes', async ({ generations, truth }) => {
      const take = (): Promise<boolean> =>
        truth.transaction(worker, async (session) => {
          await session.generations.lock('text', documents)
          const live = await session.generations.list({ target: 'text', collection: documents, states: ['live'] })
          if (live.length > 0) return false
          await session.generations.create(text('live'))
          return true
        })
      const made = await Promise.all([take(), take(), take()])
      expect(made.filter(Boolean).length).toBe(1)
      expect((await generations.list()).length).toBe(1)
    })
  })
}

function vector(state: GenerationState): NewGeneration {
  return {
    prefix: 'headwater_documents',
    target: 'vector',
    collection: documents,
    fingerprint: 'hashing/v1/3',
    dimensions: 3,
    language: null,
    chunking: 'c1',
    format: { words: 3, payload: 2, folding: false },
    state,
  }
}

function text(state: GenerationState): NewGeneration {
  return { ...vector(state), target: 'text', fingerprint: null, dimensions: null, language: 'english' }
}
