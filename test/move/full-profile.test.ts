import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { moveStore } from 'headwater/backup'
import { expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import { describeFullProfile } from '../support/full-profile'

describeFullProfile('a move from embedded to a store with Qdrant, Elasticsearch and S3, and back', (profile) => {
  const own = { embedder: { hashing: { dimensions: 16 } }, relay: 'external' as const }
  const found = async (store: Store) => {
    const acme = store.forTenant('acme')
    const ids = async (mode: 'text' | 'vector') => {
      const { hits } = await acme.search({ query: 'parental leave number 7', mode, limit: 100 })
      return hits.map(({ chunkId }) => chunkId).sort()
    }
    const pieces: Uint8Array[] = []
    const { blob } = (await acme.documents.get('doc-1'))!
    for await (const piece of (await acme.blobs.get(blob!.hash))!) pieces.push(piece)
    return { text: await ids('text'), vector: await ids('vector'), blob: Buffer.concat(pieces).toString() }
  }
  const seen = async (where: object) => {
    const store = await openStore({ ...where, ...own })
    try {
      expect(await store.reconcile()).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0 })
      return await found(store)
    } finally {
      await store.close()
    }
  }

  it('builds the indexes there from stored vectors', { timeout: 180_000 }, async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'hw-move-full-'))
    const at = (name: string) => ({ embedded: { path: path.join(folder, name) } })
    try {
      const store = await openStore({ ...at('store'), ...own })
      await store.forTenant('acme').documents.putMany(
        Array.from({ length: 30 }, (_, at) => ({
          id: `doc-${at}`,
          text: `Parental leave number ${at}.`,
          ...(at < 3 && { blob: { data: `blob ${at}` } }),
        })),
      )
      await store.relay.drain({ timeoutMs: 30_000 })
      const before = await found(store)
      expect([before.text.length, before.vector.length]).toEqual([30, 30])
      await store.close()
      const there = await moveStore(at('store'), profile.options())
      expect(there).toMatchObject({ waiting: [], blobs: { count: 3, written: 3 } })
      expect(there.indexes.map(({ compared, equal }) => [compared, equal])).toEqual([
        [30, true],
        [30, true],
      ])
      expect(await seen(profile.options())).toEqual(before)
      const back = await moveStore(profile.options(), at('back'))
      expect(back.indexes.every(({ equal }) => equal)).toBe(true)
      expect(await seen(at('back'))).toEqual(before)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
