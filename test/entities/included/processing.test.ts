import { expect, it } from 'vitest'
import type { ProcessingState } from '../../../src/entities/included'
import { onEachTruth, refused } from './included-suite'

const states = ['pending', 'processing', 'processed', 'failed', 'archived'] as const
/** What leads from the beginning to each state. */
const ways: Record<ProcessingState, readonly ProcessingState[]> = {
  pending: ['pending'],
  processing: ['processing'],
  processed: ['processing', 'processed'],
  failed: ['processing', 'failed'],
  archived: ['archived'],
}
const allowed = new Set([
  ...['pending>pending', 'pending>processing', 'pending>archived'],
  ...['processing>processed', 'processing>failed', 'processing>pending'],
  ...['processed>pending', 'processed>archived'],
  ...['failed>pending', 'failed>processing', 'failed>archived', 'archived>pending'],
])

onEachTruth((tenant) => {
  it('takes a document from state to state, and counts attempts', async () => {
    const acme = tenant()
    const { processing } = acme.entities
    await acme.documents.put({ id: 'a', text: 'Words', status: 'draft' })
    expect(await processing.processingOf('a')).toBe(null)
    const first = await processing.setProcessing('a', 'processing', { from: 'pending' })
    expect(first).toMatchObject({ document: 'documents/a', state: 'processing', attempts: 1, version: 1 })
    const failed = await processing.setProcessing('a', 'failed', { from: 'processing', reason: 'no table found' })
    expect(failed).toMatchObject({ attempts: 1, reason: 'no table found', version: 2 })
    const again = await processing.setProcessing('a', 'processing', { from: 'failed' })
    expect(again).toMatchObject({ attempts: 2, reason: 'no table found' })
    const done = await processing.setProcessing('a', 'processed')
    expect(done).toMatchObject({ state: 'processed', attempts: 2 })
    expect('reason' in done).toBe(false)
    const anew = await processing.setProcessing('a', 'pending', { reason: 'a new model' })
    expect(anew).toMatchObject({ attempts: 0, reason: 'a new model' })
    expect(await processing.processingOf('a')).toEqual(anew)
    expect((await processing.list({ filter: { state: 'pending' } })).items).toEqual([anew])
    expect(await acme.documents.get('a')).toMatchObject({ status: 'draft', version: 1 })
  })

  it('refuses every step that there is not, and writes nothing', async () => {
    const acme = tenant()
    const { processing } = acme.entities
    for (const state of states) {
      for (const to of states) {
        const id = `${state} ${to}`
        await acme.documents.put({ id, text: 'Words' })
        for (const step of ways[state]) await processing.setProcessing(id, step)
        const before = await processing.processingOf(id)
        const step = processing.setProcessing(id, to)
        if (allowed.has(`${state}>${to}`)) {
          expect(await step).toMatchObject({ state: to })
          continue
        }
        const error = await refused(step)
        expect(error).toMatchObject({ code: 'HW_INVALID_ENTITY', path: 'to', details: { state, to } })
        expect(await processing.processingOf(id)).toEqual(before)
      }
    }
  })

  it('refuses a document that is elsewhere, or is not there', async () => {
    const acme = tenant()
    const { processing } = acme.entities
    await acme.documents.put({ id: 'a', text: 'Words' })
    await acme.collection('notes').documents.put({ id: 'n', text: 'Words' })
    const cases: readonly [() => Promise<unknown>, string, string][] = [
      [() => processing.setProcessing('a', 'processing', { from: 'failed' }), 'HW_VERSION_CONFLICT', 'from'],
      [() => processing.setProcessing('none', 'processing'), 'HW_NOT_FOUND', 'id'],
      [() => processing.setProcessing('n', 'processing'), 'HW_NOT_FOUND', 'id'],
      [
        () => processing.setProcessing('a', 'processing', { collection: 'none' }),
        'HW_COLLECTION_UNKNOWN',
        'collections.none',
      ],
      [() => processing.setProcessing('a', 'done' as never), 'HW_INVALID_ARGUMENT', 'to'],
      [() => processing.setProcessing('', 'pending'), 'HW_INVALID_DOCUMENT', 'id'],
      [() => processing.setProcessing('a', 'pending', { from: 'none' as never }), 'HW_INVALID_ARGUMENT', 'from'],
      [() => processing.setProcessing('a', 'pending', { reason: 7 as never }), 'HW_INVALID_ARGUMENT', 'reason'],
      [() => processing.setProcessing('a', 'pending', { why: 'x' } as never), 'HW_INVALID_ARGUMENT', 'why'],
      [() => tenant().entities.processing.setProcessing('a', 'pending'), 'HW_NOT_FOUND', 'id'],
    ]
    for (const [work, code, path] of cases) expect(await refused(work())).toMatchObject({ code, path })
    expect(await processing.count()).toBe(0)
    expect(await processing.setProcessing('n', 'processing', { collection: 'notes' })).toMatchObject({
      document: 'notes/n',
    })
    expect('insert' in processing).toBe(false)
  })

  it('lets one of many take a document', async () => {
    const acme = tenant()
    const { processing } = acme.entities
    await acme.documents.put({ id: 'a', text: 'Words' })
    for (const from of ['pending', 'failed'] as const) {
      const tries = Array.from({ length: 8 }, () => processing.setProcessing('a', 'processing', { from }))
      const ends = await Promise.allSettled(tries)
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      for (const end of ends) {
        if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'HW_VERSION_CONFLICT', path: 'from' })
      }
      await processing.setProcessing('a', 'failed')
    }
    expect(await processing.processingOf('a')).toMatchObject({ attempts: 2 })
  })

  it('is put with its document, or not at all, and goes with it', async () => {
    const acme = tenant()
    const { processing } = acme.entities
    await refused(
      acme.transaction(async (tx) => {
        await tx.documents.put({ id: 'a', text: 'Words' })
        await tx.entities.processing.setProcessing('a', 'pending')
        expect(await tx.entities.processing.count()).toBe(1)
        throw new Error('undo')
      }),
    )
    expect(await processing.count()).toBe(0)
    const put = async (): Promise<void> => {
      const ids = ['a', 'b', 'c', 'd', 'e']
      await acme.documents.putMany(ids.map((id) => ({ id, text: `Words of ${id}` })))
      for (const id of ids) await processing.setProcessing(id, 'processing')
    }
    await put()
    await acme.documents.delete('a')
    await acme.documents.deleteMany(['b', 'none'])
    await acme.documents.deleteWhere({ $id: { in: ['c'] } })
    await refused(
      acme.transaction(async (tx) => {
        await tx.documents.delete('d')
        expect(await tx.entities.processing.processingOf('d')).toBe(null)
        throw new Error('undo')
      }),
    )
    expect((await processing.list()).items.map(({ document }) => document).sort()).toEqual([
      'documents/d',
      'documents/e',
    ])
    await acme.transaction((tx) => tx.documents.delete('d'))
    expect(await processing.count()).toBe(1)
    await acme.documents.delete('e')
    await put()
    expect(await processing.processingOf('a')).toMatchObject({ attempts: 1, version: 1 })
  })

  it('leaves no row behind, whoever deletes the document meanwhile', async () => {
    const acme = tenant()
    const { processing } = acme.entities
    for (let round = 0; round < 10; round++) {
      await acme.documents.put({ id: 'a', text: `Words ${round}` })
      const [set] = await Promise.allSettled([processing.setProcessing('a', 'processing'), acme.documents.delete('a')])
      if (set.status === 'rejected') expect(set.reason).toMatchObject({ code: 'HW_NOT_FOUND' })
      expect(await acme.documents.get('a')).toBe(null)
      expect(await processing.count()).toBe(0)
    }
  })
})
