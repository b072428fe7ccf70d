import type { Json } from '../../core/json'
import type { ClaimedErrand, ErrandRepository, NewErrand } from '../../repositories/errands'
import { fixtureTest, type TestRunner } from '../runner'
import { acme, globex, hostileStrings } from './rows'
import { rolledBack, type TruthFixture, worker } from './truth'

const lasting = 600_000

/** What every `ErrandRepository` promises. No clock is needed: a lease or a delay of 0 ms is over at once. */
export function errandRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    return { ...fixture, errands: fixture.truth.session(worker).errands }
  })
  const claim = (
    errands: ErrandRepository,
    token: string,
    { names = ['mail'], limit = 100, leaseMs = lasting } = {},
  ): Promise<ClaimedErrand[]> => errands.claim({ names, limit, token, leaseMs })
  const numbers = (list: readonly NewErrand[]): Json[] => list.map(({ payload }) => payload)
  const failed = { reason: 'HW_X: no', delayMs: 0, parks: false } as const

  runner.describe('ErrandRepository', () => {
    test('is claimed as it was added, and is over when it is settled', async ({ errands, truth }) => {
      await truth.transaction({ tenant: acme }, (session) => session.errands.add(errand(1)))
      const [claimed] = await claim(errands, 't')
      const { createdAt, ...rest } = claimed!
      expect(rest).toEqual({ ...errand(1), token: 't', attempt: 1, reason: null })
      expect(createdAt).toBeGreaterThan(0)
      expect(await claim(errands, 'u')).toEqual([])
      expect(await errands.settle(claimed!, { done: true })).toBe(true)
      expect(await errands.settle(claimed!, { done: true })).toBe(false)
      expect(await errands.backlog()).toEqual([])
    })

    test('a transaction that rolls back takes it along', async ({ errands, truth }) => {
      await rolledBack(truth, { tenant: acme }, (session) => session.errands.add(errand(1)))
      expect(await claim(errands, 't')).toEqual([])
    })

    test('equal ones are each a row', async ({ errands }) => {
      for (const number of [1, 2, 3]) await errands.add({ ...errand(number), payload: 'the same' })
      expect(numbers(await claim(errands, 't'))).toEqual(['the same', 'the same', 'the same'])
    })

    test('claims the names asked for, up to the limit of each, the longest due first', async ({ errands }) => {
      for (const number of [1, 2, 3, 4]) await errands.add(errand(number))
      await errands.add(errand(5, { name: 'hook', tenant: globex }))
      await errands.add(errand(6, { name: 'other' }))
      const first = await claim(errands, 't', { names: ['mail', 'hook', 'nobody'], limit: 3 })
      expect(numbers(first).sort()).toEqual([1, 2, 3, 5])
      expect(numbers(await claim(errands, 'u', { names: ['mail', 'hook'] }))).toEqual([4])
      expect(await claim(errands, 'v', { names: [] })).toEqual([])
    })

    test('a lease keeps others out until it is over; then the attempt has counted', async ({ errands }) => {
      await errands.add(errand(1))
      const [lost] = await claim(errands, 'one', { leaseMs: 0 })
      const [held] = await claim(errands, 'two')
      expect(held?.attempt).toBe(2)
      expect(await claim(errands, 'three')).toEqual([])
      expect(await errands.settle(lost!, { done: true })).toBe(false)
      expect(await errands.settle(lost!, failed)).toBe(false)
      expect(await errands.settle(lost!, { released: true })).toBe(false)
      expect(await errands.renew([lost!, held!], lasting)).toEqual([{ id: held!.id, token: 'two' }])
      expect(await errands.settle(held!, { done: true })).toBe(true)
    })

    test('renewing makes a lease last', async ({ errands }) => {
      await errands.add(errand(1))
      const [held] = await claim(errands, 'one', { leaseMs: 0 })
      expect((await errands.renew([held!], lasting)).length).toBe(1)
      expect(await claim(errands, 'two')).toEqual([])
      expect(await errands.renew([], lasting)).toEqual([])
    })

    test('a failure backs off and keeps its reason', async ({ errands }) => {
      await errands.add(errand(1))
      const [first] = await claim(errands, 'one')
      expect(await errands.settle(first!, { ...failed, reason: hostileStrings[0]! })).toBe(true)
      const [second] = await claim(errands, 'two')
      expect([second?.attempt, second?.reason]).toEqual([2, hostileStrings[0]])
      await errands.settle(second!, { ...failed, delayMs: lasting })
      expect(await claim(errands, 'three')).toEqual([])
      const { oldestMs, ...counts } = (await errands.backlog())[0]!
      expect(counts).toEqual({ name: 'mail', waiting: 1, claimed: 0, parked: 0 })
      expect(oldestMs === null).toBe(false)
    })

    test('what is released was not tried', async ({ errands }) => {
      await errands.add(errand(1))
      const [first] = await claim(errands, 'one')
      expect(await errands.settle(first!, { released: true })).toBe(true)
      expect((await claim(errands, 'two')).map(({ attempt }) => attempt)).toEqual([1])
    })

    test('parks, is listed, and is redriven with its attempts forgotten', async ({ errands }) => {
      await errands.add(errand(1))
      await errands.add(errand(2, { name: 'hook' }))
      await errands.add(errand(3, { tenant: globex }))
      for (const one of await claim(errands, 't', { names: ['mail', 'hook'] })) {
        expect(await errands.settle(one, { ...failed, parks: true })).toBe(true)
      }
      expect(await claim(errands, 'u', { names: ['mail', 'hook'] })).toEqual([])
      expect(await errands.backlog()).toEqual([
        { name: 'hook', waiting: 0, claimed: 0, parked: 1, oldestMs: null },
        { name: 'mail', waiting: 0, claimed: 0, parked: 2, oldestMs: null },
      ])
      const [row] = await errands.parked({ limit: 1 })
      const { createdAt, ...rest } = row!
      expect(rest).toEqual({ ...errand(1), attempts: 1, reason: 'HW_X: no' })
      expect(createdAt).toBeGreaterThan(0)
      expect(numbers(await errands.parked({ limit: 9 }))).toEqual([1, 2, 3])
      expect(numbers(await errands.parked({ tenant: acme, limit: 9 }))).toEqual([1, 2])
      expect(numbers(await errands.parked({ name: 'hook', limit: 9 }))).toEqual([2])
      expect(await errands.redrive({ tenant: acme, name: 'mail' })).toBe(1)
      expect((await claim(errands, 'v')).map(({ payload, attempt }) => [payload, attempt])).toEqual([[1, 1]])
      expect(await errands.redrive({})).toBe(2)
      expect(await errands.redrive({})).toBe(0)
    })

    test('a claim of an earlier epoch ends and renews nothing; its lease gives it back', async ({ errands, truth }) => {
      await errands.add(errand(1))
      const [old] = await claim(errands, 'one')
      await truth.transaction(worker, async ({ registry }) => {
        const epoch = await registry.epoch()
        await registry.replace('epoch', epoch, epoch + 1)
      })
      expect(await errands.renew([old!], lasting)).toEqual([])
      expect(await errands.settle(old!, { done: true })).toBe(false)
      expect(await errands.settle(old!, failed)).toBe(false)
      expect(await errands.freeClaims()).toBe(1)
      const [next] = await claim(errands, 'two')
      expect(await errands.settle(next!, { done: true })).toBe(true)
    })

    test('ends every lease when told that nobody is left to hold one', async ({ errands }) => {
      await errands.add(errand(1))
      await claim(errands, 'dead')
      expect(await errands.freeClaims()).toBe(1)
      expect(await errands.freeClaims()).toBe(0)
      expect((await claim(errands, 'next')).length).toBe(1)
    })

    test('two that claim at once share what there is', async ({ errands }) => {
      for (let number = 1; number <= 20; number++) await errands.add(errand(number))
      const taken = await Promise.all(['a', 'b', 'c', 'd'].map((token) => claim(errands, token, { limit: 5 })))
      for (;;) {
        const more = await claim(errands, 'rest', { limit: 5 })
        if (more.length === 0) break
        taken.push(more)
      }
      const all = numbers(taken.flat()).map(Number)
      expect([all.length, new Set(all).size]).toEqual([20, 20])
    })

    test('keeps payloads of every kind', async ({ errands }) => {
      const payloads: Json[] = [
        null,
        '',
        0,
        -1.5,
        2 ** 53 - 1,
        true,
        [],
        {},
        { a: [null, { b: 'é' }] },
        ...hostileStrings,
      ]
      for (const [at, payload] of payloads.entries()) await errands.add({ ...errand(at), payload })
      expect(numbers(await claim(errands, 't', { limit: 1_000 }))).toEqual(payloads)
    })
  })
}

function errand(number: number, more: Partial<NewErrand> = {}): NewErrand {
  const id = `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`
  return { id, tenant: acme, name: 'mail', payload: number, ...more }
}
