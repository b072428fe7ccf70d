import type { BlobReference } from '../../repositories/blob-references'
import { fixtureTest, type TestRunner } from '../runner'
import { acme, documentRow, documents, globex, otherCollection, otherTenant, questions, scope } from './rows'
import { bury, rolledBack, save, type TruthFixture, worker } from './truth'

const [keyA, keyB, keyC] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string]
const owning = (id: string, hash: string, size = 7) =>
  documentRow(id, 1, { blob: { hash, size, contentType: 'image/png' } })

/** What every `BlobReferenceRepository` promises. */
export function blobReferenceRepositoryContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, async () => {
    const fixture = await make()
    return { ...fixture, references: fixture.truth.session(worker).blobReferences }
  })
  const mine = { tenant: acme } as const

  runner.describe('BlobReferenceRepository', () => {
    test('tells what live documents own, by tenant', async ({ references, truth }) => {
      await save(truth, scope, [owning('x', keyA), owning('y', keyA), owning('z', keyB), documentRow('none', 1)])
      await save(truth, otherCollection, [owning('x', keyB, 9)])
      await save(truth, otherTenant, [owning('x', keyC)])
      const owned: BlobReference[] = [
        { key: keyA, collection: documents, document: 'x', size: 7 },
        { key: keyA, collection: documents, document: 'y', size: 7 },
        { key: keyB, collection: documents, document: 'z', size: 7 },
        { key: keyB, collection: questions, document: 'x', size: 9 },
      ]
      const seen: BlobReference[] = []
      for (;;) {
        const page = await references.list(acme, { after: seen.at(-1), limit: 3 })
        seen.push(...page)
        if (page.length < 3) break
      }
      expect(seen).toEqual(owned)
      expect((await references.referenced(acme, [keyA, keyB, keyC])).sort()).toEqual([keyA, keyB])
      expect(await references.tenants({ limit: 9 })).toEqual([acme, globex])
      expect(await references.tenants({ after: acme, limit: 9 })).toEqual([globex])

      await bury(truth, scope, ['x', 'z'], 5)
      expect((await references.list(acme, { limit: 9 })).map(({ document }) => document)).toEqual(['y', 'x'])
      await save(truth, scope, [owning('y', keyC)])
      expect((await references.referenced(acme, [keyA, keyB, keyC])).sort()).toEqual([keyB, keyC])
    })

    test('condemns what nobody owns, once, until it is released', async ({ references, truth }) => {
      await save(truth, scope, [owning('x', keyA)])
      const condemn = (): Promise<string[]> =>
        truth.transaction(mine, (session) => session.blobReferences.condemn(acme, [keyA, keyB]))
      const held = (keys: readonly string[]): Promise<string[]> =>
        truth.transaction(mine, (session) => session.blobReferences.hold(acme, keys))
      expect(await held([keyA, keyB])).toEqual([])
      expect(await condemn()).toEqual([keyB])
      expect(await condemn()).toEqual([])
      expect(await held([keyA, keyB])).toEqual([keyB])
      expect(await truth.transaction(worker, (s) => s.blobReferences.hold(globex, [keyB]))).toEqual([])
      await references.release(globex, [keyB])
      expect(await held([keyB])).toEqual([keyB])
      await references.release(acme, [keyB])
      expect(await held([keyB])).toEqual([])
      expect(await condemn()).toEqual([keyB])
    })

    test('what a transaction condemned is forgotten with it', async ({ truth }) => {
      await rolledBack(truth, mine, async ({ blobReferences }) => {
        expect(await blobReferences.condemn(acme, [keyA])).toEqual([keyA])
      })
      expect(await truth.transaction(mine, (session) => session.blobReferences.hold(acme, [keyA]))).toEqual([])
    })

    test('of a document that takes a blob and a removal of it, one gives way', async ({ truth }) => {
      const take = (id: string): Promise<boolean> =>
        truth.transaction(mine, async (session) => {
          const [condemned] = await session.blobReferences.hold(acme, [keyA])
          if (condemned !== undefined) return false
          await session.documents.lock(scope, [id], { create: true })
          await session.documents.save(scope, [owning(id, keyA)])
          return true
        })
      const condemn = (): Promise<string[]> =>
        truth.transaction(mine, (session) => session.blobReferences.condemn(acme, [keyA]))
      const [taken, condemned] = await Promise.all([take('x'), condemn(), take('y')])
      expect([taken, condemned.length]).toEqual(taken ? [true, 0] : [false, 1])
    })

    test('empty lists are no-ops', async ({ references, truth }) => {
      expect(await references.referenced(acme, [])).toEqual([])
      expect(await references.list(acme, { limit: 9 })).toEqual([])
      expect(await references.tenants({ limit: 9 })).toEqual([])
      await truth.transaction(mine, async ({ blobReferences }) => {
        expect(await blobReferences.hold(acme, [])).toEqual([])
        expect(await blobReferences.condemn(acme, [])).toEqual([])
        await blobReferences.release(acme, [])
      })
    })
  })
}
