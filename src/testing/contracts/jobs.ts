import type { ClaimedJob, JobKey, JobRepository, JobTarget, NewJob, SettledJob } from '../../repositories/jobs'
import type { Truth } from '../../repositories/truth'
import { codeOf, fixtureTest, type TestRunner } from '../runner'
import { acme, documentRow, documents, globex, hostileStrings, idsByBytes, questions } from './rows'
import { rolledBack, type TruthFixture, worker } from './truth'

const all: readonly JobTarget[] = ['vector', 'text', 'cache']
const lasting = 600_000

/**
 * What every `JobRepository` promises. No clock is needed: a lease or a delay of 0 ms is over at once, one of ten
 * minutes lasts.
 */
export function jobRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    return { ...fixture, jobs: fixture.truth.session(worker).jobs }
  })
  const claim = (jobs: JobRepository, token: string, limit = 100, leaseMs = lasting): Promise<ClaimedJob[]> =>
    jobs.claim({ targets: all, limit, token, leaseMs })
  const names = (list: readonly { readonly document: string }[]): string[] => list.map(({ document }) => document)
  const pending = (jobs: JobRepository, upTo = Number.MAX_SAFE_INTEGER) => jobs.pending({ tenant: acme, upTo })
  const settle = (jobs: JobRepository, token: string, outcomes: readonly SettledJob[] = []): Promise<number> =>
    jobs.settle([token], documents, outcomes)
  const failed = (document: string, { reason = 'HW_X: no', delayMs = 0, parks = false } = {}): SettledJob => {
    return { ...keyOf(job(document, 1)), reason, delayMs, parks }
  }
  const released = (document: string, releasedMs = 0): SettledJob => ({ ...keyOf(job(document, 1)), releasedMs })

  runner.describe('JobRepository', () => {
    test('enqueues a job and claims it', async ({ jobs, truth }) => {
      expect(await jobs.enqueue([job('a', 7, { since: 3 })])).toEqual([])
      const epoch = await truth.session(worker).registry.epoch()
      const claimed = { ...job('a', 7, { since: 3 }), token: 't', epoch, attempts: 0 }
      expect(await claim(jobs, 't')).toEqual([claimed])
      const [row] = await pending(jobs)
      const { createdAt, ...rest } = row!
      expect(rest).toEqual({ ...job('a', 7, { since: 3 }), first: 7, attempts: 0, parked: false, reason: null })
      expect(createdAt).toBeGreaterThan(0)
    })

    test('gives back every claim when told that nobody is left to hold one', async ({ jobs }) => {
      await jobs.enqueue([job('a', 7), job('b', 8)])
      expect((await claim(jobs, 'dead')).length).toBe(2)
      expect(await claim(jobs, 'next')).toEqual([])
      expect(await jobs.freeClaims()).toBe(2)
      expect(await jobs.freeClaims()).toBe(0)
      expect((await claim(jobs, 'next')).length).toBe(2)
    })

    test('coalesces: lowest since, highest fence, lowest first, whichever comes last', async ({ jobs }) => {
      await jobs.enqueue([job('a', 10, { since: 5 })])
      await jobs.enqueue([job('a', 12, { since: 10 })])
      await jobs.enqueue([job('a', 11, { since: 2 })])
      const rows = await pending(jobs)
      expect(rows.map(({ fence, since, first }) => [fence, since, first])).toEqual([[12, 2, 10]])
      await jobs.enqueue([job('a', 9, { since: 8 })])
      expect((await pending(jobs)).map(({ fence, since, first }) => [fence, since, first])).toEqual([[12, 2, 9]])
    })

    test('coalesces the same key within one call', async ({ jobs }) => {
      await jobs.enqueue([job('a', 10, { since: 5 }), job('b', 1), job('a', 12, { since: 10 })])
      const rows = await pending(jobs)
      expect(rows.map(({ document, fence, since }) => [document, fence, since]).sort()).toEqual([
        ['a', 12, 5],
        ['b', 1, 0],
      ])
    })

    test('keeps targets, tenants, collections and documents apart', async ({ jobs }) => {
      const different = [
        job('a', 1),
        job('a', 2, { target: 'text' }),
        job('a', 3, { target: 'cache' }),
        job('a', 4, { tenant: globex }),
        job('a', 5, { collection: questions }),
        job('b', 6),
      ]
      await jobs.enqueue(different)
      const claimed = await claim(jobs, 't')
      expect(claimed.map(({ fence }) => fence).sort()).toEqual([1, 2, 3, 4, 5, 6])
    })

    test('leaves the jobs of collections to others, also when they are the oldest', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1, { collection: questions })])
      await jobs.enqueue([job('b', 2)])
      await jobs.enqueue([job('c', 3, { target: 'text' })])
      const asked = { targets: all, limit: 1, leaseMs: lasting }
      expect(names(await jobs.claim({ ...asked, token: 'one', except: [questions] }))).toEqual(['b'])
      expect(names(await jobs.claim({ ...asked, token: 'two', except: [questions] }))).toEqual(['c'])
      expect(await jobs.claim({ ...asked, token: 'three', except: [questions] })).toEqual([])
      expect(names(await jobs.claim({ ...asked, token: 'three', except: [] }))).toEqual(['a'])
    })

    test('coalescing clears the backoff', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1)])
      await claim(jobs, 't')
      expect(await settle(jobs, 't', [failed('a', { delayMs: lasting })])).toBe(0)
      expect(await claim(jobs, 't')).toEqual([])
      await jobs.enqueue([job('a', 2)])
      expect(names(await claim(jobs, 't'))).toEqual(['a'])
    })

    test('coalescing un-parks', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1)])
      await park(jobs, 'a')
      await jobs.enqueue([job('a', 2)])
      expect((await pending(jobs))[0]?.parked).toBe(false)
      expect(names(await claim(jobs, 't'))).toEqual(['a'])
    })

    test('a mending un-parks and keeps the attempts: one more failure parks again', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1)])
      await park(jobs, 'a')
      const before = (await pending(jobs))[0]!
      await jobs.enqueue([job('a', 2), job('b', 3)], { mends: true })
      expect(
        (await pending(jobs)).map(({ document, attempts, parked, reason }) => [document, attempts, parked, reason]),
      ).toEqual([
        ['a', before.attempts, false, before.reason],
        ['b', 0, false, null],
      ])
      expect(names(await claim(jobs, 't'))).toEqual(['a', 'b'])
      await settle(jobs, 't', [failed('a', { parks: true })])
      const [parked] = await pending(jobs)
      expect([parked?.parked, parked?.attempts]).toEqual([true, before.attempts + 1])
    })

    test('what is written while its job is claimed waits in the queue, and is claimed beside it', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1)])
      await claim(jobs, 'holder')
      await jobs.enqueue([job('a', 2, { since: 1 })])
      expect((await claim(jobs, 'other')).map(({ fence, since }) => [fence, since])).toEqual([[2, 1]])
      expect((await pending(jobs)).map(({ fence }) => fence).sort()).toEqual([1, 2])
      expect(await settle(jobs, 'holder')).toBe(1)
      expect((await pending(jobs)).map(({ fence }) => fence)).toEqual([2])
      expect(await settle(jobs, 'other')).toBe(1)
      expect(await pending(jobs)).toEqual([])
    })

    test('enqueue with a claim takes along what waits, backs off or is parked', async ({ jobs }) => {
      await jobs.enqueue([job('parked', 1)])
      await park(jobs, 'parked')
      await jobs.enqueue([job('waiting', 3, { since: 2 })])
      const asked = [job('new', 5, { since: 4 }), job('parked', 5, { since: 1 }), job('waiting', 5, { since: 3 })]
      const claimed = await jobs.enqueue(asked, { claim: { token: 'mine', leaseMs: lasting } })
      expect(claimed.map(({ document, since, fence, attempts }) => [document, since, fence, attempts]).sort()).toEqual([
        ['new', 4, 5, 0],
        ['parked', 0, 5, 0],
        ['waiting', 2, 5, 0],
      ])
      expect(await claim(jobs, 'third')).toEqual([])
      expect((await pending(jobs, 3)).map(({ document, first }) => [document, first]).sort()).toEqual([
        ['parked', 1],
        ['waiting', 3],
      ])
      expect(await settle(jobs, 'mine')).toBe(3)
      expect(await pending(jobs)).toEqual([])
    })

    test('enqueue with a claim for several targets, and again under the same token', async ({ jobs }) => {
      const both = (id: string, fence: number) => [job(id, fence), job(id, fence, { target: 'text' })]
      const mine = { claim: { token: 'mine', leaseMs: lasting } }
      expect((await jobs.enqueue([...both('a', 1), ...both('b', 2)], mine)).length).toBe(4)
      expect((await jobs.enqueue([job('c', 3, { target: 'cache' })], mine)).length).toBe(1)
      expect(await jobs.renew('mine', lasting)).toBe(5)
      expect(await settle(jobs, 'mine', [{ ...released('a'), target: 'text' }])).toBe(4)
      expect((await pending(jobs)).map(({ target, document }) => [target, document])).toEqual([['text', 'a']])
    })

    test('claims the longest waiting first, up to the limit', async ({ jobs }) => {
      const order = ['d', 'b', 'a', 'c', 'e']
      for (const [i, id] of order.entries()) await jobs.enqueue([job(id, i + 1)])
      expect(names(await claim(jobs, 't1', 2)).sort()).toEqual(['b', 'd'])
      expect(names(await claim(jobs, 't2', 2)).sort()).toEqual(['a', 'c'])
      expect(names(await claim(jobs, 't3', 2))).toEqual(['e'])
      expect(await claim(jobs, 't4', 2)).toEqual([])
    })

    test('claims the targets asked for', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1), job('a', 1, { target: 'text' }), job('a', 1, { target: 'cache' })])
      const text = await jobs.claim({ targets: ['text', 'cache'], limit: 10, token: 't', leaseMs: lasting })
      expect(text.map(({ target }) => target).sort()).toEqual(['cache', 'text'])
      expect(await jobs.claim({ targets: [], limit: 10, token: 't', leaseMs: lasting })).toEqual([])
    })

    test('a lease keeps others out until it is over', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1)])
      expect(names(await claim(jobs, 'one', 10, 0))).toEqual(['a'])
      expect(names(await claim(jobs, 'two'))).toEqual(['a'])
      expect(await claim(jobs, 'three')).toEqual([])
      expect(await jobs.renew('one', lasting)).toBe(0)
      expect(await jobs.renew('two', 0)).toBe(1)
      expect(names(await claim(jobs, 'three'))).toEqual(['a'])
    })

    test('renewing makes a lease last', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1), job('b', 1)])
      await claim(jobs, 'one', 10, 0)
      expect(await jobs.renew('one', lasting)).toBe(2)
      expect(await claim(jobs, 'two')).toEqual([])
    })

    test('settles what was applied, once', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1), job('b', 2), job('b', 2, { target: 'text' })])
      await claim(jobs, 't')
      expect(await settle(jobs, 't')).toBe(3)
      expect(await pending(jobs)).toEqual([])
      expect(await settle(jobs, 't')).toBe(0)
    })

    test('settles one collection and leaves the token its others', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1), job('a', 1, { collection: questions }), job('a', 1, { tenant: globex })])
      await claim(jobs, 't')
      expect(await settle(jobs, 't')).toBe(2)
      expect(await jobs.renew('t', lasting)).toBe(1)
      expect(await jobs.settle(['t'], questions)).toBe(1)
    })

    test('a foreign token settles and renews nothing', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1)])
      await claim(jobs, 'mine')
      expect(await settle(jobs, 'other')).toBe(0)
      expect(await settle(jobs, 'other', [failed('a', { parks: true })])).toBe(0)
      expect(await settle(jobs, 'other', [released('a')])).toBe(0)
      expect(await jobs.renew('other', lasting)).toBe(0)
      expect((await pending(jobs)).map(({ attempts, parked }) => [attempts, parked])).toEqual([[0, false]])
      expect(await claim(jobs, 'third')).toEqual([])
      expect(await settle(jobs, 'mine')).toBe(1)
    })

    test('the claim of an expired lease settles nothing once it was given back', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1)])
      await claim(jobs, 'one', 10, 0)
      await claim(jobs, 'two')
      expect(await settle(jobs, 'one', [failed('a', { parks: true })])).toBe(0)
      expect((await pending(jobs)).map(({ attempts, parked }) => [attempts, parked])).toEqual([[0, false]])
      expect(await settle(jobs, 'two')).toBe(1)
    })

    test('a document that was written again meanwhile goes back, from where this claim began', async ({
      jobs,
      truth,
    }) => {
      const fence = await write(truth, 'a')
      await jobs.enqueue([job('a', fence)])
      await claim(jobs, 't')
      const later = await write(truth, 'a')
      await jobs.enqueue([job('a', later, { since: fence })], { claim: { token: 'newer', leaseMs: lasting } })
      expect(await settle(jobs, 'newer')).toBe(1)
      expect(await settle(jobs, 't')).toBe(0)
      const [next] = await claim(jobs, 'other')
      expect([next?.fence, next?.since, next?.attempts]).toEqual([later, 0, 0])
      expect(await settle(jobs, 'other')).toBe(1)
    })

    test('it does not where the newer write waits as a job of its own', async ({ jobs, truth }) => {
      const fence = await write(truth, 'a')
      await jobs.enqueue([job('a', fence)])
      await claim(jobs, 't')
      const later = await write(truth, 'a')
      await jobs.enqueue([job('a', later, { since: fence })])
      expect(await settle(jobs, 't')).toBe(1)
      const [next] = await claim(jobs, 'other')
      expect([next?.fence, next?.since]).toEqual([later, fence])
    })

    test('nor where the newer state is what was applied; what was applied below stays', async ({ jobs, truth }) => {
      const fence = await write(truth, 'a')
      await jobs.enqueue([job('a', fence)])
      await claim(jobs, 't')
      const later = await write(truth, 'a')
      expect(await settle(jobs, 't', [{ ...keyOf(job('a', 1)), applied: later }])).toBe(1)
      await jobs.enqueue([job('a', later, { since: fence })], { claim: { token: 'late', leaseMs: lasting } })
      expect(await settle(jobs, 'late', [{ ...keyOf(job('a', 1)), applied: fence }])).toBe(0)
      expect((await pending(jobs)).map((row) => [row.fence, row.since])).toEqual([[later, fence]])
    })

    test('a failure of a document that was written again counts no attempt', async ({ jobs, truth }) => {
      const fence = await write(truth, 'a')
      await jobs.enqueue([job('a', fence)])
      await claim(jobs, 't')
      const later = await write(truth, 'a')
      expect(await settle(jobs, 't', [failed('a', { delayMs: lasting, parks: true })])).toBe(0)
      expect((await claim(jobs, 'u')).map((it) => [it.fence, it.since, it.attempts])).toEqual([[later, 0, 0]])
    })

    test('a failure beside a newer job lowers only what that brings', async ({ jobs }) => {
      await jobs.enqueue([job('a', 5)])
      await claim(jobs, 't')
      await jobs.enqueue([job('a', 6, { since: 5 })])
      await settle(jobs, 't', [failed('a', { delayMs: lasting, parks: true })])
      const [row] = await pending(jobs)
      const { fence, since, first, attempts, parked, reason } = row!
      expect([fence, since, first, attempts, parked, reason]).toEqual([6, 0, 5, 0, false, null])
      expect((await claim(jobs, 'u')).length).toBe(1)
    })

    test('a claim of an earlier epoch is settled by nobody; its lease gives it back', async ({ jobs, truth }) => {
      await jobs.enqueue([job('a', 10)])
      await claim(jobs, 't')
      await truth.transaction(worker, async ({ registry }) => {
        const epoch = await registry.epoch()
        await registry.replace('epoch', epoch, epoch + 1)
      })
      expect(await settle(jobs, 't')).toBe(0)
      expect((await pending(jobs)).length).toBe(1)
      expect(await jobs.renew('t', 0)).toBe(1)
      expect((await claim(jobs, 'u')).map(({ fence }) => fence)).toEqual([10])
      expect(await settle(jobs, 'u')).toBe(1)
    })

    test('releases untouched, now or later', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1), job('b', 1), job('c', 1)])
      await claim(jobs, 't')
      expect(await settle(jobs, 't', [released('a'), released('b', lasting)])).toBe(1)
      expect((await claim(jobs, 'u')).map(({ document, attempts }) => [document, attempts])).toEqual([['a', 0]])
      expect(await jobs.renew('t', lasting)).toBe(0)
      expect((await jobs.backlog()).waiting).toBe(1)
    })

    test('a failure counts, backs off, keeps its reason and parks at the last attempt', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1)])
      await claim(jobs, 't', 10)
      await settle(jobs, 't', [failed('a', { reason: hostileStrings[0]! })])
      const [again] = await claim(jobs, 't2', 10, 0)
      expect([again?.document, again?.attempts]).toEqual(['a', 1])
      // What a lost claim held is given back as it was.
      expect((await claim(jobs, 't3')).map(({ attempts }) => attempts)).toEqual([1])
      expect((await pending(jobs))[0]?.reason).toBe(hostileStrings[0])
      expect((await jobs.parked({ limit: 10 })).length).toBe(0)
      await settle(jobs, 't3', [failed('a', { reason: 'HW_X: twice', parks: true })])
      expect(await claim(jobs, 't4')).toEqual([])
      const [parked] = await jobs.parked({ limit: 10 })
      expect([parked?.document, parked?.attempts, parked?.parked, parked?.reason]).toEqual([
        'a',
        2,
        true,
        'HW_X: twice',
      ])
    })

    test('lists parked jobs by tenant and target, and redrives them', async ({ jobs }) => {
      const parked = [job('a', 1), job('b', 1, { target: 'text' }), job('c', 1, { tenant: globex })]
      await jobs.enqueue(parked)
      await claim(jobs, 't')
      await settle(
        jobs,
        't',
        parked.map((it) => ({ ...keyOf(it), reason: 'no', delayMs: lasting, parks: true })),
      )
      expect(names(await jobs.parked({ limit: 10 })).sort()).toEqual(['a', 'b', 'c'])
      expect((await jobs.parked({ limit: 2 })).length).toBe(2)
      expect(names(await jobs.parked({ tenant: acme, target: 'text', limit: 10 }))).toEqual(['b'])
      expect(await jobs.redrive({ tenant: acme, target: 'vector' })).toBe(1)
      expect((await claim(jobs, 't')).map(({ document, attempts }) => [document, attempts])).toEqual([['a', 0]])
      expect(await jobs.redrive({ tenant: globex })).toBe(1)
      expect(await jobs.redrive({})).toBe(1)
      expect(await jobs.redrive({})).toBe(0)
      expect(names(await claim(jobs, 't')).sort()).toEqual(['b', 'c'])
    })

    test('pending: jobs that hold a fence up to the receipt’s', async ({ jobs }) => {
      await jobs.enqueue([job('a', 10)])
      await jobs.enqueue([job('b', 11)])
      await jobs.enqueue([job('a', 20)])
      expect(names(await pending(jobs, 9))).toEqual([])
      expect(names(await pending(jobs, 10))).toEqual(['a'])
      expect(names(await pending(jobs, 15)).sort()).toEqual(['a', 'b'])
    })

    test('pending: of one tenant, by target, collection and documents, parked first', async ({ jobs }) => {
      await jobs.enqueue([
        job('a', 1),
        job('a', 1, { target: 'text' }),
        job('a', 1, { tenant: globex }),
        job('a', 1, { collection: questions }),
        job('b', 1),
      ])
      const query = { tenant: acme, upTo: 5 }
      expect((await jobs.pending(query)).length).toBe(4)
      expect((await jobs.pending({ ...query, tenant: globex })).length).toBe(1)
      expect(names(await jobs.pending({ ...query, targets: ['text'] }))).toEqual(['a'])
      expect(await jobs.pending({ ...query, targets: [] })).toEqual([])
      expect(names(await jobs.pending({ ...query, collection: questions }))).toEqual(['a'])
      expect(names(await jobs.pending({ ...query, collection: documents, documents: ['b'] }))).toEqual(['b'])
      expect(await jobs.pending({ ...query, collection: documents, documents: [] })).toEqual([])
      expect(await jobs.pending({ ...query, upTo: 0, documents: ['a'] })).toEqual([])
      await park(jobs, 'b')
      const [first] = await jobs.pending(query)
      expect([first?.document, first?.parked]).toEqual(['b', true])
    })

    test('pending is capped at 1,000 rows', async ({ jobs }) => {
      await jobs.enqueue(Array.from({ length: 1005 }, (_, i) => job(`d${i}`, i + 1)))
      await park(jobs, 'd1004')
      const rows = await pending(jobs)
      expect([rows.length, rows[0]?.document]).toEqual([1000, 'd1004'])
    })

    test('covered: documents that have a job, claimed and parked ones too', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1), job('b', 1), job('c', 1, { target: 'text' }), job('d', 1, { tenant: globex })])
      await park(jobs, 'b')
      await jobs.claim({ targets: ['vector'], limit: 1, token: 'one', leaseMs: 0 })
      const asked = ['d', 'b', 'none', 'c', 'a'].map((document) => ({ tenant: acme, document }))
      const expected = [false, true, false, false, true]
      expect(await jobs.covered('vector', documents, asked)).toEqual(expected)
      expect(await jobs.covered('vector', questions, asked)).toEqual(asked.map(() => false))
      expect(await jobs.covered('vector', documents, [{ tenant: globex, document: 'd' }])).toEqual([true])
      expect(await jobs.covered('vector', documents, [])).toEqual([])
    })

    test('covered at a fence: by a job that knows of what was changed then', async ({ jobs }) => {
      await jobs.enqueue([job('waits', 9, { since: 5 }), job('held', 9, { since: 5 })])
      const asked = ['waits', 'held', 'none'].flatMap((document) =>
        [5, 6, undefined].map((fence) => ({ tenant: acme, document, fence })),
      )
      const expected = [false, true, true, false, true, true, false, false, false]
      expect(await jobs.covered('vector', documents, asked)).toEqual(expected)
      await jobs.claim({ targets: ['vector'], limit: 2, token: 'one', leaseMs: 60_000 })
      expect(await jobs.covered('vector', documents, asked)).toEqual(expected)
    })

    test('backlog counts waiting, claimed and parked', async ({ jobs }) => {
      expect(await jobs.backlog()).toEqual({ waiting: 0, claimed: 0, parked: 0, oldestMs: null })
      await jobs.enqueue([job('parked', 1)])
      await park(jobs, 'parked')
      expect(await jobs.backlog()).toEqual({ waiting: 0, claimed: 0, parked: 1, oldestMs: null })
      await jobs.enqueue([job('held', 1)])
      await claim(jobs, 't')
      await jobs.enqueue([job('a', 1), job('theirs', 1, { tenant: globex })])
      const { oldestMs, ...counts } = await jobs.backlog()
      expect(counts).toEqual({ waiting: 2, claimed: 1, parked: 1 })
      expect(oldestMs!).toBeGreaterThanOrEqual(0)
      const { oldestMs: _theirs, ...theirs } = await jobs.backlog(globex)
      expect(theirs).toEqual({ waiting: 1, claimed: 0, parked: 0 })
    })

    test('a tenant’s own session sees and holds its own jobs alone', async ({ jobs, truth }) => {
      const mine = truth.session({ tenant: acme }).jobs
      await mine.enqueue([job('a', 1)])
      await jobs.enqueue([job('b', 1, { tenant: globex })])
      expect((await mine.pending({ tenant: acme, upTo: 9 })).length).toBe(1)
      await mine.enqueue([job('a', 2)], { claim: { token: 't', leaseMs: lasting } })
      await jobs.enqueue([job('c', 1, { tenant: globex })], { claim: { token: 'theirs', leaseMs: lasting } })
      expect((await mine.pending({ tenant: acme, upTo: 9 })).length).toBe(1)
      expect(await mine.settle(['t'], documents)).toBe(1)
      expect(names(await claim(jobs, 'u'))).toEqual(['b'])
    })

    test('a rolled back transaction leaves no job and no claim', async ({ jobs, truth }) => {
      await jobs.enqueue([job('a', 1)])
      await rolledBack(truth, worker, async (session) => {
        await session.jobs.enqueue([job('a', 5), job('b', 5)])
        expect((await session.jobs.claim({ targets: all, limit: 9, token: 't', leaseMs: lasting })).length).toBe(2)
      })
      expect((await claim(jobs, 'u')).map(({ document, fence }) => [document, fence])).toEqual([['a', 1]])
      await rolledBack(truth, worker, async (session) => {
        expect(await session.jobs.settle(['u'], documents)).toBe(1)
      })
      expect((await pending(jobs)).length).toBe(1)
    })

    test('keeps ids beyond ASCII and hostile ones apart', async ({ jobs }) => {
      const ids = [...idsByBytes, ...hostileStrings]
      await jobs.enqueue(ids.map((id, i) => job(id, i + 1)))
      const claimed = await claim(jobs, hostileStrings[0]!)
      expect(names(claimed).sort()).toEqual([...ids].sort())
      const upTo = Number.MAX_SAFE_INTEGER
      for (const id of ids) expect(names(await jobs.pending({ tenant: acme, upTo, documents: [id] }))).toEqual([id])
      const kept = ids.map((id) => released(id))
      expect(await settle(jobs, hostileStrings[0]!, kept.slice(1))).toBe(1)
      expect(names(await claim(jobs, 'again')).sort()).toEqual(ids.slice(1).sort())
    })

    test('takes batches of 600, and empty ones', async ({ jobs }) => {
      expect(await jobs.enqueue([], { claim: { token: 't', leaseMs: lasting } })).toEqual([])
      expect(await settle(jobs, 't')).toBe(0)
      const batch = Array.from({ length: 600 }, (_, i) => job(`d${i}`, 2 ** 52 + i))
      const claimed = await jobs.enqueue(batch, { claim: { token: 't', leaseMs: lasting } })
      expect(claimed.length).toBe(600)
      expect(claimed.find(({ document }) => document === 'd599')?.fence).toBe(2 ** 52 + 599)
      expect(await jobs.renew('t', lasting)).toBe(600)
      expect(await settle(jobs, 't', [released('d7')])).toBe(599)
    })

    test('an aborted signal ends a claim before it begins', async ({ jobs }) => {
      await jobs.enqueue([job('a', 1)])
      const options = { targets: all, limit: 1, token: 't', leaseMs: lasting }
      expect(await codeOf(jobs.claim(options, { signal: AbortSignal.abort() }))).toBe('HW_ABORTED')
      expect(names(await jobs.claim(options))).toEqual(['a'])
    })
  })

  async function park(jobs: JobRepository, document: string): Promise<void> {
    const isIt = (one: JobKey): boolean =>
      one.document === document && one.target === 'vector' && one.tenant === acme && one.collection === documents
    const held = await claim(jobs, 'parking', 2000)
    const outcomes = held.map((one) =>
      isIt(one)
        ? failed(document, { reason: 'parked', delayMs: lasting, parks: true })
        : { ...keyOf(one), releasedMs: 0 },
    )
    for (const collection of [documents, questions]) {
      await jobs.settle(
        ['parking'],
        collection,
        outcomes.filter((one) => one.collection === collection),
      )
    }
  }

  /** Writes a document anew and returns its fence; nothing of a job. */
  function write(truth: Truth, id: string): Promise<number> {
    return truth.transaction(worker, async (session) => {
      const scope = { tenant: acme, collection: documents }
      const [head] = await session.documents.lock(scope, [id], { create: true })
      const [fence] = await session.documents.fences(1)
      await session.documents.save(scope, [documentRow(id, fence!, { version: head!.version + 1 })])
      return fence!
    })
  }
}

function keyOf({ target, tenant, collection, document }: JobKey): JobKey {
  return { target, tenant, collection, document }
}

function job(document: string, fence: number, changes: Partial<NewJob> = {}): NewJob {
  return { target: 'vector', tenant: acme, collection: documents, document, fence, since: 0, ...changes }
}
