import { expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

describeWithPgvector('a document without its chunks', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const opened = async (work: (store: Store) => Promise<void>): Promise<void> => {
    const store = await openStore({
      postgres: { url: database().url },
      embedder: { hashing: { dimensions: 16 } },
      relay: 'external',
    })
    try {
      await work(store)
    } finally {
      await store.close()
    }
  }
  /** As half a write leaves it, whose statements committed one by one. */
  const halve = (...ids: string[]) =>
    database().admin(
      `WITH c AS (DELETE FROM headwater.chunks WHERE document = ANY($1)), j AS (DELETE FROM headwater.queue WHERE document = ANY($1))
       SELECT 1`,
      [ids],
    )

  it('is found by reconcile in Postgres itself, cut anew from its text, and found again', () =>
    opened(async (store) => {
      const acme = store.forTenant('acme')
      const text = 'Parental leave is long.\n\nIt may be divided.'
      await acme.documents.putMany(['a', 'b', 'whole'].map((id) => ({ id, text, metadata: { id } })))
      const own = [{ text: 'Parental leave' }, { text: 'is long.' }]
      await acme.documents.put({ id: 'own', text, chunks: own })
      await store.relay.drain({ timeoutMs: 20_000 })
      await halve('a', 'b', 'own')
      const dry = await store.reconcile()
      expect(dry).toMatchObject({ damaged: 3, repaired: 0 })
      expect(dry.differences.filter(({ kind }) => kind === 'damaged').map(({ document }) => document)).toEqual([
        'a',
        'b',
        'own',
      ])
      expect((await store.reconcile({ repair: true })).damaged).toBe(3)
      await store.relay.drain({ timeoutMs: 20_000 })
      expect(await store.reconcile({ repair: true, deep: true })).toMatchObject({
        ...{ damaged: 0, missing: 0, stale: 0, orphaned: 0, foreign: 0, repaired: 0, differences: [] },
      })
      for (const id of ['a', 'b', 'own']) expect((await acme.documents.chunks(id)).length, id).toBeGreaterThan(0)
      const { hits } = await acme.search({ query: 'parental leave', groupBy: 'document' })
      expect(hits.map(({ documentId }) => documentId).sort()).toEqual(['a', 'b', 'own', 'whole'])
      expect(await acme.documents.get('a')).toMatchObject({ version: 1, metadata: { id: 'a' } })
    }))

  it('is never called unchanged by a write of the same: put, putMany and in a transaction', () =>
    opened(async (store) => {
      const acme = store.forTenant('again')
      const one = (id: string) => ({ id, text: `Words of ${id}.` })
      await acme.documents.putMany(['p', 'm', 't', 'n'].map(one))
      await store.relay.drain({ timeoutMs: 20_000 })
      await halve('p', 'm', 't')
      expect(await acme.documents.put(one('p'))).toMatchObject({ unchanged: false, version: 2 })
      expect(await acme.documents.putMany([one('m'), one('n')])).toMatchObject({ written: 1, unchanged: 1 })
      const { value } = await acme.transaction((tx) => tx.documents.put(one('t')))
      expect(value).toMatchObject({ unchanged: false, version: 2 })
      await store.relay.drain({ timeoutMs: 20_000 })
      for (const id of ['p', 'm', 't', 'n']) {
        expect((await acme.documents.chunks(id)).map(({ text }) => text)).toEqual([`Words of ${id}.`])
        expect(await acme.documents.put(one(id))).toMatchObject({ unchanged: true })
      }
      expect(await store.reconcile({ repair: true })).toMatchObject({ damaged: 0, missing: 0, stale: 0, repaired: 0 })
    }))
})
