import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { restoreDocuments } from 'headwater/backup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defineMetadata, type Embedder, openStore, type StoreOptions } from '../../index'
import { HashingEmbedder } from '../../src/embeddings/hashing'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

let calls = 0
const inner = new HashingEmbedder({ dimensions: 32 })
const counting: Embedder = {
  fingerprint: inner.fingerprint,
  dimensions: 32,
  maxTokens: Number.POSITIVE_INFINITY,
  embed(texts, options) {
    if (options.kind === 'passage') calls += texts.length
    return inner.embed(texts, options)
  },
}
const declared = {
  collections: { documents: { metadata: defineMetadata({ at: 'datetime', year: 'integer' }) }, notes: {} },
}

type Where = Pick<StoreOptions, 'embedded' | 'postgres' | 'blobs'>

function open(where: Where) {
  return openStore({ ...where, ...declared, embedder: counting, relay: 'external' as const })
}

type Opened = Awaited<ReturnType<typeof open>>

const text = (at: number): string => `Parental leave number ${at}. ${`Sentence ${at} goes on. `.repeat(200)}`

async function fill(store: Opened): Promise<void> {
  for (const tenant of ['acme', 'other']) {
    const acme = store.forTenant(tenant)
    await acme.documents.putMany([
      ...Array.from({ length: 10 }, (_, at) => ({
        id: `doc-${at}`,
        text: text(at),
        metadata: { at: `2026-01-0${(at % 9) + 1}T00:00:00Z`, year: 2020 + at },
        ...(at < 2 && { blob: { data: `blob ${at}`, contentType: 'text/plain' } }),
      })),
      { id: 'own', text: 'One. Two.', chunks: [{ text: 'One.' }, { text: 'Two.', vector: Array(32).fill(0.5) }] },
    ])
    await acme.collection('notes').documents.put({ id: 'note', text: `A note of ${tenant}.` })
  }
  await store.relay.drain({ timeoutMs: 30_000 })
}

function suite(where: (name: string) => Where, lose: () => Promise<unknown>): void {
  let folder = ''
  let store: Opened
  const at = (name: string): string => path.join(folder, name)
  const place = () => at('place')
  const all = async (tenant: string) => {
    const handle = store.forTenant(tenant)
    const { items } = await handle.documents.list({ limit: 100 })
    const chunks = await Promise.all(items.map(({ id }) => handle.documents.chunks(id)))
    return items.map(({ version: _, updatedAt: __, ...item }, index) => [item, chunks[index]])
  }
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-documents-'))
    store = await open(where(folder))
    await fill(store)
    await store.createBackup({ to: place(), partBytes: 4_096 })
  })
  afterAll(async () => {
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('a tenant alone comes back as ordinary writes, with chunks, vectors and blobs, and no embedder is called', async () => {
    const acme = store.forTenant('acme')
    const [before, others] = [await all('acme'), await all('other')]
    await acme.documents.patch('doc-3', { metadata: { year: 1 } })
    await acme.documents.put({ id: 'doc-4', text: 'Other words.' })
    await acme.documents.put({ id: 'own', text: 'Cut by the splitter now.' })
    await acme.documents.delete('doc-0')
    await acme.documents.put({ id: 'since', text: 'Written since.' })
    await store.forTenant('other').documents.patch('doc-3', { metadata: { year: 2 } })
    await store.relay.drain({ timeoutMs: 30_000 })
    expect(await store.collectBlobs({ dryRun: false, graceMs: 0 })).toMatchObject({ deleted: 1 })
    await lose()
    const called = calls
    const dry = await store.restoreDocuments({ from: place(), tenant: 'acme', dryRun: true })
    expect(dry).toMatchObject({ documents: 12, written: 0 })
    const report = await store.restoreDocuments({ from: place(), tenant: 'acme' })
    expect(report).toMatchObject({
      documents: 12,
      written: 4,
      unchanged: 8,
      failedCount: 0,
      blobs: 1,
      vectorsToMake: 0,
    })
    await store.relay.drain({ timeoutMs: 30_000 })
    expect(calls).toBe(called)
    const now = (await all('acme')).filter(([item]) => (item as { id: string }).id !== 'since')
    expect(now).toEqual(before.map(([item, chunks]) => [{ ...item, createdAt: expect.any(Date) }, chunks]))
    expect(await acme.documents.get('doc-3')).toMatchObject({ version: 3 })
    expect(await acme.documents.get('doc-0')).toMatchObject({ version: 3 })
    expect(await acme.documents.get('since')).toMatchObject({ version: 1 })
    expect(await store.forTenant('other').documents.get('doc-3')).toMatchObject({ metadata: { year: 2 } })
    expect(others).toHaveLength(11)
    const { hits } = await acme.search({ query: 'parental leave number 4', mode: 'vector', filter: { $id: 'doc-4' } })
    expect(hits[0]).toMatchObject({ documentId: 'doc-4' })
    const own = await acme.search({ vector: Array(32).fill(0.5), mode: 'vector', filter: { $id: 'own' }, limit: 1 })
    expect(own.hits[0]).toMatchObject({ text: 'Two.' })
    const byDate = await acme.search({
      query: 'parental',
      mode: 'text',
      filter: { at: { lte: '2026-01-01T00:00:00Z' }, $id: 'doc-0' },
    })
    expect(byDate.hits[0]).toMatchObject({ documentId: 'doc-0' })
    expect(await store.reconcile()).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0 })
    // The same again writes nothing, and a patch knows what was the user's own.
    expect(await store.restoreDocuments({ from: place(), tenant: 'acme' })).toMatchObject({ written: 0, unchanged: 12 })
    expect(
      await acme.documents.put({ id: 'doc-4', text: text(4), metadata: { at: '2026-01-05T00:00:00Z', year: 2024 } }),
    ).toMatchObject({ unchanged: true })
  })

  it('a collection alone, of one tenant or of all', async () => {
    for (const tenant of ['acme', 'other']) {
      await store.forTenant(tenant).collection('notes').documents.delete('note')
      await store.forTenant(tenant).documents.delete('doc-9')
    }
    const one = await store.restoreDocuments({ from: place(), tenant: 'other', collection: 'notes' })
    expect(one).toMatchObject({ documents: 1, written: 1 })
    expect(await store.forTenant('acme').collection('notes').documents.get('note')).toBe(null)
    const both = await store.restoreDocuments({ from: place(), collection: 'notes' })
    expect(both).toMatchObject({ documents: 2, written: 1, unchanged: 1 })
    expect(await store.forTenant('acme').documents.get('doc-9')).toBe(null)
  })

  it('refuses what the backup or the store does not have', async () => {
    const from = place()
    await expect(store.restoreDocuments({ from })).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path: 'tenant' })
    const nobody = store.restoreDocuments({ from, tenant: 'nobody' })
    await expect(nobody).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
    const wrong = store.restoreDocuments({ from, tenant: 'a/b' })
    await expect(wrong).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
  })

  it('a damaged part ends it, a lost blob keeps back its document alone', async () => {
    const from = at('damaged')
    await cp(place(), from, { recursive: true })
    await rm(path.join(from, 'blobs'), { recursive: true })
    const acme = store.forTenant('acme')
    await acme.documents.delete('doc-1')
    await rm(path.join(folder, 'blobs'), { recursive: true, force: true })
    await rm(path.join(folder, 'store', 'blobs'), { recursive: true, force: true })
    const report = await store.restoreDocuments({ from, tenant: 'acme' })
    expect(report.failed.map(({ id, error }) => [id, error.code])).toContainEqual(['doc-1', 'HW_BACKUP_DAMAGED'])
    expect(report.failedCount).toBe(2)
    const manifest = await store.createBackup({ to: at('whole'), dryRun: true }).then((made) => made.manifest)
    const { file } = manifest.tables.find(({ name }) => name === 'embeddings')!.parts[0]!
    await store.createBackup({ to: at('whole') })
    const bytes = await readFile(path.join(at('whole'), file))
    bytes[40]! ^= 1
    await writeFile(path.join(at('whole'), file), bytes)
    await expect(store.restoreDocuments({ from: at('whole'), tenant: 'acme' })).rejects.toMatchObject({
      code: 'HW_BACKUP_DAMAGED',
      details: { file },
    })
  })
}

describe('documents of a backup into an embedded store', () => {
  suite(
    (folder) => ({ embedded: { path: path.join(folder, 'store') } }),
    async () => undefined,
  )

  it('that is not open here, without its embedder', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'hw-documents-closed-'))
    const where = { embedded: { path: path.join(folder, 'store') } }
    try {
      const store = await open(where)
      await fill(store)
      await store.createBackup({ to: path.join(folder, 'place') })
      await store.forTenant('acme').documents.delete('doc-5')
      const busy = restoreDocuments(where, { from: path.join(folder, 'place'), tenant: 'acme' })
      await expect(busy).rejects.toMatchObject({ code: 'HW_EMBEDDED_LOCKED' })
      await store.close()
      const report = await restoreDocuments(where, { from: path.join(folder, 'place'), tenant: 'acme' })
      expect(report).toMatchObject({ written: 1, unchanged: 11 })
      const again = await open(where)
      const { hits } = await again.forTenant('acme').search({
        query: 'parental leave',
        mode: 'vector',
        filter: { $id: 'doc-5' },
      })
      expect(hits.length).toBeGreaterThan(0)
      await again.close()
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

describeWithPgvector('documents of a backup into a store on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  suite(
    (folder) => ({ postgres: { url: database().url }, blobs: { path: path.join(folder, 'blobs') } }),
    () => database().admin(`DELETE FROM headwater.embeddings WHERE tenant = 'acme'`),
  )
})
