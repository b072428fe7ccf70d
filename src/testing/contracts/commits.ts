import { fixtureTest, type TestRunner } from '../runner'
import { acme, globex, hostileStrings } from './rows'
import { farFuture, rolledBack, type TruthFixture, worker } from './truth'

/** What every `CommitRepository` promises. */
export function commitRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    const write = (key: string, receipt?: number, tenant = acme) =>
      fixture.truth.transaction({ tenant }, async ({ commits }) => {
        const earlier = await commits.begin(tenant, key, `hash of ${key}`)
        if (!earlier && receipt !== undefined) await commits.finish(tenant, key, { receipt })
        return earlier
      })
    return { ...fixture, commits: fixture.truth.session(worker).commits, write }
  })

  runner.describe('CommitRepository', () => {
    test('a key begins once; a repetition gets what the first left', async ({ commits, write }) => {
      expect(await commits.find(acme, 'k')).toBe(null)
      expect(await write('k', 1)).toBe(null)
      expect((await commits.find(acme, 'k')) !== null).toBe(true)
      expect(await write('k', 2)).toEqual({ requestHash: 'hash of k', receipt: { receipt: 1 } })
      expect(await write('other', 3)).toBe(null)
    })

    test('a key begins once within a transaction too', async ({ truth }) => {
      await truth.transaction({ tenant: acme }, async ({ commits }) => {
        expect(await commits.begin(acme, 'k', 'h')).toBe(null)
        expect((await commits.begin(acme, 'k', 'h2'))?.requestHash).toBe('h')
      })
    })

    test('of many at once, one begins', async ({ write }) => {
      const begun = await Promise.all(Array.from({ length: 6 }, (_, i) => write('k', i)))
      expect(begun.filter((earlier) => earlier === null).length).toBe(1)
    })

    test('tenants have keys of their own', async ({ commits, write }) => {
      expect(await write('k', 1)).toBe(null)
      expect(await commits.find(globex, 'k')).toBe(null)
      expect(await commits.refute(globex, 'k')).toBe(true)
      expect((await commits.find(acme, 'k')) !== null).toBe(true)
      expect(await write('k2', 2, globex)).toBe(null)
      expect(await write('k2', 3)).toBe(null)
      expect(await write('k2', 4, globex)).toEqual({ requestHash: 'hash of k2', receipt: { receipt: 2 } })
    })

    test('what was rolled back never began', async ({ commits, truth, write }) => {
      await rolledBack(truth, { tenant: acme }, async (session) => {
        expect(await session.commits.begin(acme, 'k', 'h')).toBe(null)
        await session.commits.finish(acme, 'k', 1)
        expect((await session.commits.find(acme, 'k')) !== null).toBe(true)
      })
      expect(await commits.find(acme, 'k')).toBe(null)
      expect(await write('k', 1)).toBe(null)
    })

    test('refuting a write that committed is false', async ({ commits, write }) => {
      await write('k', 1)
      expect(await commits.refute(acme, 'k')).toBe(false)
      expect((await commits.find(acme, 'k')) !== null).toBe(true)
      expect((await write('k'))?.receipt).toEqual({ receipt: 1 })
    })

    test('refuting one that never did is true, and it never will', async ({ commits, truth, write }) => {
      await rolledBack(truth, { tenant: acme }, async (session) => {
        await session.commits.begin(acme, 'k', 'h')
      })
      expect(await commits.refute(acme, 'k')).toBe(true)
      expect(await commits.find(acme, 'k')).toBe(null)
      expect((await write('k', 1)) === null).toBe(false)
      expect(await commits.find(acme, 'k')).toBe(null)
      expect(await commits.refute(acme, 'k')).toBe(true)
    })

    test('purges keys by age, up to the limit', async ({ commits, write }) => {
      for (const key of ['a', 'b', 'c']) await write(key, 1)
      expect(await commits.purge({ before: 0, limit: 10 })).toBe(0)
      expect(await commits.purge({ before: farFuture, limit: 2 })).toBe(2)
      expect(await commits.purge({ before: farFuture, limit: 2 })).toBe(1)
      expect(await write('a', 2)).toBe(null)
    })

    test('keeps hostile keys apart', async ({ commits, write }) => {
      for (const [i, key] of hostileStrings.entries()) expect(await write(key, i)).toBe(null)
      for (const [i, key] of hostileStrings.entries()) {
        expect((await commits.find(acme, key)) !== null).toBe(true)
        expect((await write(key))?.receipt).toEqual({ receipt: i })
      }
      expect(await commits.find(acme, '\u00e9 is not \u00e9')).toBe(null)
    })
  })
}
