import { expect, it } from 'vitest'
import { HashingEmbedder, openStore, type Store, type StoreOptions } from '../../index'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const dimensions = 64
const revisions = ([1, 2] as const).map((revision) => new HashingEmbedder({ dimensions, revision }))
const fingerprints = revisions.map(({ fingerprint }) => fingerprint)

describeWithPgvector('a store that was filled by the first revision of the hashing embedder', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const open = (embedder: StoreOptions['embedder'] = { hashing: { dimensions } }) =>
    openStore({ postgres: { url: database().url }, embedder })

  async function live(store: Store): Promise<string | null | undefined> {
    const generations = await store.generations()
    return generations.find(({ target, state }) => target === 'vector' && state === 'live')?.fingerprint
  }
  async function nearest(store: Store, query: string): Promise<[string | undefined, number]> {
    const { hits, degraded } = await store.forTenant('acme').search({ query, mode: 'vector', limit: 1 })
    expect(degraded).toEqual([])
    return [hits[0]?.documentId, Math.round((hits[0]?.score ?? 0) * 100) / 100]
  }

  it('goes on in its own space, and is moved to the new one by a rebuild', { timeout: 60_000 }, async () => {
    const first = await open(revisions[0])
    await first.forTenant('acme').documents.put({ id: 'old', text: 'node.js on AT&T' })
    await first.relay.drain({ timeoutMs: 20_000 })
    await first.close()

    const second = await open()
    expect(await live(second)).toBe(fingerprints[0])
    expect(await second.forTenant('acme').documents.put({ id: 'old', text: 'node.js on AT&T' })).toMatchObject({
      unchanged: true,
    })
    await second.forTenant('acme').documents.put({ id: 'new', text: 'C++ beside 192.168.1.1' })
    await second.relay.drain({ timeoutMs: 20_000 })
    // One space for both and for the query: the same text is as near as can be.
    expect(await nearest(second, 'node.js on AT&T')).toEqual(['old', 1])
    expect(await nearest(second, 'C++ beside 192.168.1.1')).toEqual(['new', 1])
    expect(await live(second)).toBe(fingerprints[0])

    await second.rebuild({ target: 'vector', collection: 'documents' })
    expect(await live(second)).toBe(fingerprints[1])
    await second.forTenant('acme').documents.put({ id: 'last', text: 'full-width ＡＢＣ' })
    await second.relay.drain({ timeoutMs: 20_000 })
    expect(await nearest(second, 'node.js on AT&T')).toEqual(['old', 1])
    expect(await nearest(second, 'full-width ABC')).toEqual(['last', 1])
    expect(await second.reconcile({ target: 'vector', deep: true })).toMatchObject({ missing: 0, stale: 0 })
    await second.close()

    await expect(open(revisions[0])).rejects.toMatchObject({ code: 'HW_FINGERPRINT_MISMATCH' })
    const third = await open()
    expect(await nearest(third, 'C++ beside 192.168.1.1')).toEqual(['new', 1])
    await third.close()
  })
})
