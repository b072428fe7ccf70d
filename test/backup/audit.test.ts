import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { restoreBackup } from 'headwater/backup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkAuditProof, defineEntity, openStore, type StoreOptions } from '../../index'
import { sealAll } from '../audit/seal-all'
import { createDatabase, describeWithPgvector, pgvectorUrl, type TestDatabase } from '../support/postgres'

const rows = defineEntity('rows', z.object({ n: z.int() }), { audit: true })
const embedder = { hashing: { dimensions: 16 } }

function suite(name: string, where: (which: 'from' | 'to') => Promise<StoreOptions<object>>): void {
  describe(`an audit ${name}`, () => {
    let folder = ''
    beforeAll(async () => {
      folder = await mkdtemp(path.join(tmpdir(), 'hw-audit-'))
    })
    afterAll(() => rm(folder, { recursive: true, force: true }))
    const open = async (which: 'from' | 'to') =>
      openStore({
        ...((await where(which)) as StoreOptions),
        blobs: { path: path.join(folder, 'blobs') },
        embedder,
        entities: { rows },
        collections: { documents: { audit: true } },
        relay: 'external',
      })

    it('comes back with its seals and proofs, and goes on', { timeout: 240_000 }, async () => {
      const store = await open('from')
      const acme = store.forTenant('acme', { actor: 'ann' })
      await acme.entities.rows.insertMany([{ n: 1 }, { n: 2 }])
      await acme.documents.put({ id: 'x', text: 'words' })
      await sealAll(store, acme.audit)
      await acme.entities.rows.insert({ n: 3 })
      const before = (await acme.audit.list()).items
      const proof = await acme.audit.prove(before.at(-1)!.id)
      await store.createBackup({ to: path.join(folder, 'place') })
      await store.close()
      const options = { ...(await where('to')), blobs: { path: path.join(folder, 'blobs') } }
      await restoreBackup({ ...options, embedder } as never, { from: path.join(folder, 'place') })

      // What writes changes down is there at once, whoever opens the store next.
      const plain = await openStore({ ...options, embedder, relay: 'external', migrate: 'check' } as StoreOptions)
      await plain.forTenant('acme', { actor: 'bob' }).documents.put({ id: 'y', text: 'words' })
      expect((await plain.forTenant('acme').audit.list({ limit: 1 })).items).toMatchObject([{ actor: 'bob', key: 'y' }])
      await plain.close()

      const restored = await open('to')
      try {
        const again = restored.forTenant('acme', { actor: 'ann' })
        await again.entities.rows.insert({ n: 4 })
        const after = (await again.audit.list()).items
        expect(after.slice(2)).toEqual(before)
        expect(after[0]!.id).toBeGreaterThan(after[1]!.id)
        expect(await again.audit.prove(before.at(-1)!.id)).toEqual(proof)
        await sealAll(restored, again.audit)
        const batches = (await again.audit.list()).items.map(({ batch }) => batch)
        expect(batches.slice(-3)).toEqual([1, 1, 1])
        expect(batches.slice(0, 3).every((batch) => batch! > 1)).toBe(true)
        expect(await restored.audit.verify()).toMatchObject({ ok: true, rows: 6, problems: [] })
        expect(checkAuditProof(await again.audit.prove(after[0]!.id))).toMatchObject({ valid: true })
      } finally {
        await restored.close()
      }
    })
  })
}

const folders: string[] = []
suite('of an embedded store', async (which) => {
  folders[0] ??= await mkdtemp(path.join(tmpdir(), 'hw-audit-store-'))
  return { embedded: { path: path.join(folders[0], which) } }
})
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

describeWithPgvector('on a server', () => {
  const databases = new Map<string, TestDatabase>()
  afterAll(() => Promise.all([...databases.values()].map((database) => database.drop())))
  suite('of a server', async (which) => {
    const database = databases.get(which) ?? (await createDatabase(pgvectorUrl()!))
    databases.set(which, database)
    return { postgres: { url: database.url, schema: which === 'from' ? 'headwater' : 'other' } }
  })
})
