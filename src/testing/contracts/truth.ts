import { HeadwaterError } from '../../core/errors'
import type { Scope } from '../../core/ids'
import type { ChunkRow } from '../../repositories/chunks'
import type { DocumentRow } from '../../repositories/documents'
import type { Truth, TruthSession, TruthView } from '../../repositories/truth'
import { codeOf, type Fixture, fixtureTest, type TestRunner } from '../runner'
import { acme, chunking, documentRow, globex, scope } from './rows'

/** An empty truth, migrated and of epoch 1, whose sessions see what the view says. */
export interface TruthFixture extends Fixture {
  readonly truth: Truth
}

export const worker = { worker: true } as const satisfies TruthView

/** Past every clock's now: what `purge` takes to forget everything. */
export const farFuture = Date.UTC(2100, 0, 1)

/** Runs a transaction that rolls back after `work`. */
export async function rolledBack(
  truth: Truth,
  view: TruthView,
  work: (session: TruthSession) => Promise<void>,
): Promise<void> {
  const reason = new HeadwaterError('HW_ABORTED', 'The test rolls back')
  await truth
    .transaction(view, async (session) => {
      await work(session)
      throw reason
    })
    .catch((error: unknown) => {
      if (error !== reason) throw error
    })
}

/** Saves documents, and chunks of theirs, in one transaction of the scope's tenant. */
export async function save(
  truth: Truth,
  of: Scope,
  rows: readonly DocumentRow[],
  chunks: readonly ChunkRow[] = [],
): Promise<void> {
  await truth.transaction({ tenant: of.tenant }, async (session) => {
    const ids = rows.map(({ id }) => id)
    await session.documents.lock(of, ids, { create: true })
    await session.documents.save(of, rows)
    if (chunks.length > 0) await session.chunks.apply(of, chunking, { upsert: chunks, move: [], remove: [] })
  })
}

/** Buries documents and their chunks in one transaction. */
export async function bury(truth: Truth, of: Scope, ids: readonly string[], fence: number, at = 1000): Promise<void> {
  await truth.transaction({ tenant: of.tenant }, async (session) => {
    await session.documents.lock(of, ids, { create: false })
    await session.documents.bury(
      of,
      ids.map((id) => ({ id, version: 2, fence, at })),
    )
    await session.chunks.buryDocuments(
      of,
      ids.map((document) => ({ document, fence })),
    )
  })
}

/** What every `Truth` promises of its transactions. */
export function truthContract(runner: TestRunner, make: () => Promise<TruthFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, make)
  const mine = { tenant: acme } as const

  runner.describe('Truth', () => {
    test('a transaction gives what its work gives, and what it wrote is there', async ({ truth }) => {
      const value = await truth.transaction(mine, async ({ documents }) => {
        await documents.lock(scope, ['a'], { create: true })
        await documents.save(scope, [documentRow('a', 1)])
        return (await documents.get(scope, 'a'))?.fence
      })
      expect(value).toBe(1)
      expect((await truth.session(mine).documents.get(scope, 'a'))?.fence).toBe(1)
    })

    test('a transaction whose work rejects leaves nothing and rejects with the same error', async ({ truth }) => {
      const reason = new HeadwaterError('HW_NOT_FOUND', 'On purpose')
      const failed = await truth
        .transaction(worker, async ({ documents, jobs, commits, embeddings, registry }) => {
          await commits.begin(acme, 'key', 'hash')
          await documents.lock(scope, ['a'], { create: true })
          await documents.save(scope, [documentRow('a', 1)])
          await jobs.enqueue([{ ...scope, target: 'text', document: 'a', fence: 1, since: 0 }])
          await embeddings.setMany(acme, 'f', [{ inputHash: 'h', vector: Float32Array.of(1) }])
          await registry.write('name', 1)
          throw reason
        })
        .catch((error: unknown) => error)
      expect(failed === reason).toBe(true)
      const session = truth.session(worker)
      expect(await session.documents.get(scope, 'a')).toBe(null)
      expect(await session.jobs.pending({ tenant: acme, upTo: 9 })).toEqual([])
      expect(await session.commits.find(acme, 'key')).toBe(null)
      expect((await session.embeddings.getMany(acme, 'f', ['h'])).size).toBe(0)
      expect(await session.registry.read('name')).toBe(null)
    })

    test('transactions on the same rows do not lose each other’s writes', async ({ truth }) => {
      await save(truth, scope, [documentRow('a', 1, { version: 0 }), documentRow('b', 1, { version: 0 })])
      const bump = (ids: readonly string[]): Promise<void> =>
        truth.transaction(mine, async ({ documents }) => {
          const heads = await documents.lock(scope, ids, { create: false })
          await documents.save(
            scope,
            heads.map(({ id, version }) => documentRow(id, 1, { version: version + 1 })),
          )
        })
      await Promise.all(Array.from({ length: 8 }, (_, i) => bump(i % 2 ? ['a', 'b'] : ['b', 'a'])))
      const rows = await truth.session(mine).documents.list(scope, { limit: 9 })
      expect(rows.map(({ id, version }) => [id, version])).toEqual([
        ['a', 8],
        ['b', 8],
      ])
    })

    test('transactions that create the same document come one after another', async ({ truth }) => {
      const create = (): Promise<boolean> =>
        truth.transaction(mine, async ({ documents }) => {
          const [head] = await documents.lock(scope, ['new'], { create: true })
          if (!head?.deleted) return false
          await documents.save(scope, [documentRow('new', 1)])
          return true
        })
      const created = await Promise.all([create(), create(), create(), create()])
      expect(created.filter(Boolean).length).toBe(1)
    })

    test('an aborted signal keeps a transaction from beginning', async ({ truth }) => {
      let ran = false
      const work = async (): Promise<void> => {
        ran = true
      }
      expect(await codeOf(truth.transaction(mine, work, { signal: AbortSignal.abort() }))).toBe('HW_ABORTED')
      expect(ran).toBe(false)
    })

    const saved = async (session: TruthSession, id: string): Promise<void> => {
      await session.documents.lock(scope, [id], { create: true })
      await session.documents.save(scope, [documentRow(id, 1)])
    }
    const regret = new HeadwaterError('HW_NOT_FOUND', 'On purpose')

    test('a savepoint that rejects takes along what was written since, and nothing else', async ({ truth }) => {
      const late: TruthSession[] = []
      const errand = { id: '00000000-0000-7000-8000-000000000001', tenant: acme, name: 'mail', payload: null }
      await truth.transaction(mine, async (session) => {
        await saved(session, 'before')
        const failed = await session
          .savepoint(async (within) => {
            late.push(within)
            await saved(within, 'undone')
            await within.errands.add(errand)
            await within.savepoint((inner) => saved(inner, 'undone too'))
            throw regret
          })
          .catch((error: unknown) => error)
        expect(failed === regret).toBe(true)
        expect(await codeOf(late[0]!.documents.count(scope))).toBe('HW_CLOSED')
        expect(await session.savepoint(async (within) => saved(within, 'kept').then(() => 'its value'))).toBe(
          'its value',
        )
        await saved(session, 'after')
      })
      const rows = await truth.session(mine).documents.list(scope, { limit: 9 })
      expect(rows.map(({ id }) => id)).toEqual(['after', 'before', 'kept'])
      expect(await truth.session(worker).errands.backlog()).toEqual([])
    })

    test('a statement that fails ends its savepoint, not the transaction', async ({ truth }) => {
      const errand = { id: '00000000-0000-7000-8000-000000000002', tenant: acme, name: 'mail', payload: null }
      await truth.transaction(mine, async (session) => {
        await session.errands.add(errand)
        const again = session.savepoint(async (outer) => {
          await saved(outer, 'undone')
          await codeOf(outer.savepoint((within) => within.errands.add(errand)))
          await outer.errands.add(errand)
        })
        expect(await codeOf(again)).toBe('HW_DATABASE')
        await saved(session, 'kept')
      })
      const rows = await truth.session(mine).documents.list(scope, { limit: 9 })
      expect(rows.map(({ id }) => id)).toEqual(['kept'])
      expect((await truth.session(worker).errands.backlog()).length).toBe(1)
    })

    test('one that is read only reads, and writes nothing', async ({ truth }) => {
      await save(truth, scope, [documentRow('a', 1)])
      const modes = { readOnly: true, isolation: 'repeatable read' } as const
      const count = ({ documents }: TruthSession): Promise<number> => documents.count(scope)
      expect(await truth.transaction(mine, count, modes)).toBe(1)
      expect(await codeOf(truth.transaction(mine, (session) => saved(session, 'b'), modes))).toBe('HW_READ_ONLY')
      expect(await truth.session(mine).documents.count(scope)).toBe(1)
    })

    test('serializable ones come to what one after the other would', async ({ truth }) => {
      const modes = { isolation: 'serializable', retries: 50 } as const
      const add = (id: string): Promise<void> =>
        truth.transaction(
          mine,
          async (session) => {
            // At most one, though each writes a row of its own.
            if ((await session.documents.count(scope)) === 0) await saved(session, id)
          },
          modes,
        )
      await Promise.all(['a', 'b', 'c', 'd'].map(add))
      expect(await truth.session(mine).documents.count(scope)).toBe(1)
    })

    test('a worker sees the rows of every tenant', async ({ truth }) => {
      const theirs = { ...scope, tenant: globex }
      await save(truth, scope, [documentRow('a', 1)])
      await save(truth, theirs, [documentRow('a', 2)])
      const { documents } = truth.session(worker)
      expect((await documents.get(scope, 'a'))?.fence).toBe(1)
      expect((await documents.get(theirs, 'a'))?.fence).toBe(2)
    })
  })
}
