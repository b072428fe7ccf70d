import { restoreBackup, verifyBackup } from 'headwater/backup'
import { expect, it } from 'vitest'
import { openStore, type S3Options, type Store } from '../../index'
import { describeFullProfile } from '../support/full-profile'
import { createDatabase } from '../support/postgres'

describeFullProfile('backups of a store with its indexes in Qdrant and Elasticsearch, its blobs in S3', (profile) => {
  const options = () => ({
    ...profile.options(),
    embedder: { hashing: { dimensions: 16 } },
    relay: 'external' as const,
  })
  const fill = async (store: Store): Promise<void> => {
    const acme = store.forTenant('acme')
    const written = await acme.documents.putMany(
      Array.from({ length: 30 }, (_, at) => ({
        id: `doc-${at}`,
        text: `Parental leave number ${at}.`,
        ...(at < 3 && { blob: { data: `blob ${at}` } }),
      })),
    )
    await store.relay.drain({ timeoutMs: 30_000 })
    await acme.waitFor(written, { timeoutMs: 20_000 })
  }
  const found = async (store: Store) => {
    const acme = store.forTenant('acme')
    const ids = async (mode: 'text' | 'vector') => {
      const { hits } = await acme.search({ query: 'parental leave number 7', mode, limit: 100 })
      return hits.map(({ documentId }) => documentId).sort()
    }
    return { text: await ids('text'), vector: await ids('vector') }
  }
  const elasticsearchIndexes = async (): Promise<string[]> => {
    const answer = await fetch(new URL('/_cat/indices/headwater_*?format=json', profile.elasticsearchUrl))
    return ((await answer.json()) as { index: string }[]).map(({ index }) => index)
  }

  it('are restored beside it without touching it, and over it', { timeout: 180_000 }, async () => {
    const s3 = options().s3 as S3Options
    const place = { s3, bucket: `${s3.bucketPrefix}-backups`, prefix: 'daily' }
    const store = await openStore(options())
    const copy = await createDatabase()
    let old: string[] = []
    try {
      await fill(store)
      const before = await found(store)
      expect(before.text).toHaveLength(30)
      const created = await store.createBackup({ to: place })
      expect(created).toMatchObject({
        complete: true,
        manifest: { blobs: { count: 3 } },
      })
      expect(await verifyBackup({ from: place })).toMatchObject({ ok: true })

      const names = (await store.generations()).map(({ name }) => name)
      const ours = (await elasticsearchIndexes()).filter((index) =>
        index.includes(`_${created.manifest.installation}-`),
      )
      old = ours.filter((index) => names.some((name) => index.endsWith(name)))
      expect(old).toHaveLength(1)

      // A copy in another database, on the same engines and with the same blobs.
      const beside = { ...options(), postgres: { url: copy.url } }
      const report = await restoreBackup(beside, { from: place })
      expect(report.indexes).toMatchObject([{ equal: true }, { equal: true }])
      expect(report.blobs).toMatchObject({ count: 3, written: 0 })
      const other = await openStore(beside)
      try {
        expect(await found(other)).toEqual(before)
        const generations = await other.generations()
        expect(
          generations
            .filter(({ state }) => state === 'live')
            .map(({ engine }) => engine)
            .sort(),
        ).toEqual(['elasticsearch', 'qdrant'])
        await other.forTenant('acme').documents.delete('doc-7')
        await other.relay.drain({ timeoutMs: 30_000 })
      } finally {
        await other.close()
      }
      expect(await found(store)).toEqual(before)
      expect(await store.reconcile()).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0 })

      // Over it: what was written since is gone, and its indexes of before with it.
      const since = await store.forTenant('acme').documents.put({ id: 'since', text: 'Parental leave since.' })
      await store.relay.drain({ timeoutMs: 30_000 })
      await restoreBackup(options(), { from: place, confirm: profile.database().name })
      await expect(store.forTenant('acme').waitFor(since)).rejects.toMatchObject({ code: 'HW_EPOCH_CHANGED' })
    } finally {
      await store.close()
    }
    const again = await openStore(options())
    try {
      const names = (await again.generations()).map(({ name }) => name)
      expect((await found(again)).text).not.toContain('since')
      expect(await again.reconcile()).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0 })
      const left = await elasticsearchIndexes()
      const live = (await again.generations()).find(({ target, state }) => target === 'text' && state === 'live')!
      expect(left.filter((index) => old.includes(index))).toEqual([])
      expect(left.some((index) => index.endsWith(live.name))).toBe(true)
      expect(names).toHaveLength(2)
    } finally {
      await again.close()
      await copy.drop()
    }
  })
})
