import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { createBackup, listBackups, showBackup, verifyBackup } from 'headwater/backup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StoreOptions } from '../../index'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { type Filled, fill, open } from './filled'

type Where = Pick<StoreOptions, 'embedded' | 'postgres' | 'blobs'>

describe('backups of an embedded store', () => {
  suite((folder) => ({ embedded: { path: path.join(folder, 'store') } }))
})

describeWithPgvector('backups of a store on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  suite((folder) => ({ postgres: { url: database().url }, blobs: { path: path.join(folder, 'blobs') } }))
})

function suite(where: (folder: string) => Where): void {
  let folder = ''
  let place = ''
  let store: Filled
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-backup-'))
    place = path.join(folder, 'backups')
    store = await open(where(folder))
    await fill(store)
  })
  afterAll(async () => {
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const small = { partBytes: 4_096 } as const

  it('holds every row and every blob, readable without us', async () => {
    const report = await store.createBackup({ to: place, ...small })
    expect(report).toMatchObject({ complete: true, place, manifest: { format: 1, epoch: 1, vectors: { lacking: 0 } } })
    const { manifest } = report
    const rows = new Map<string, Record<string, unknown>[]>()
    for (const { name, parts } of manifest.tables) {
      const texts = await Promise.all(parts.map(async ({ file }) => gunzipSync(await readFile(path.join(place, file)))))
      const lines = texts.flatMap((text) => text.toString('utf8').split('\n').filter(Boolean))
      rows.set(
        name,
        lines.map((line) => JSON.parse(line)),
      )
    }
    expect(rows.get('documents')).toHaveLength(40)
    const acme = rows.get('documents')!.filter(({ tenant }) => tenant === 'acme')
    expect(acme.filter(({ deleted_at }) => deleted_at === null)).toHaveLength(19)
    for (const row of acme) {
      const document = await store.forTenant('acme').documents.get(String(row['id']))
      if (row['deleted_at'] !== null) expect(document).toBe(null)
      else expect(document).toMatchObject({ text: row['text'], title: row['title'], metadata: row['metadata'] })
    }
    const [vector] = rows.get('embeddings')!
    expect(Buffer.from(String(vector!['vector']), 'base64')).toHaveLength(32 * 4)
    expect(rows.get('e_courses')!.map(({ tenant }) => tenant)).toEqual(['Other.tenant', 'Other.tenant', 'acme', 'acme'])
    // Blobs lie there as they are, equal ones once.
    expect(manifest.blobs).toMatchObject({ count: 4, missingCount: 0 })
    const blobs = await readdir(path.join(place, 'blobs'), { recursive: true, withFileTypes: true })
    const files = blobs.filter((entry) => entry.isFile())
    const texts = await Promise.all(files.map((file) => readFile(path.join(file.parentPath, file.name), 'utf8')))
    expect(texts.sort()).toEqual(
      ['acme', 'Other.tenant'].flatMap((tenant) => [0, 5].map((at) => `blob ${at} of ${tenant}`)).sort(),
    )
    expect(Object.keys(manifest.leftOut)).toEqual(
      expect.arrayContaining(['claims', 'workers', 'embedding_reservations']),
    )
  })

  it('verifies at each level, and is listed and shown', async () => {
    for (const level of ['quick', 'sample', 'full'] as const) {
      expect(await verifyBackup({ from: place, level, share: 0.5 })).toMatchObject({ level, ok: true, problems: [] })
    }
    const full = await verifyBackup({ from: place })
    expect(full.parts.read).toBe(full.parts.of)
    expect(full.blobs).toEqual({ read: 4, of: 4 })
    const [only] = await listBackups({ from: place })
    expect(only).toMatchObject({ complete: true, blobs: 4 })
    expect(await showBackup({ from: place })).toMatchObject({ id: only!.id })
    await expect(showBackup({ from: place, id: '20260101T000000000Z-00000000' })).rejects.toMatchObject({
      code: 'HW_NOT_FOUND',
    })
    await expect(verifyBackup({ from: path.join(folder, 'nowhere') })).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
  })

  it('writes nothing but its manifest when nothing has changed', async () => {
    const before = (await readdir(place, { recursive: true })).length
    expect((await store.createBackup({ to: place, ...small })).written).toEqual({ parts: 0, blobs: 0, bytes: 0 })
    expect((await readdir(place, { recursive: true })).length).toBe(before + 1)
  })

  it('a document more touches one part of each table', async () => {
    await store.forTenant('acme').documents.put({ id: 'doc 10 between', text: 'One more.' })
    await store.relay.drain({ timeoutMs: 20_000 })
    const before = await showBackup({ from: place })
    const { written, manifest } = await store.createBackup({ to: place, ...small })
    const known = new Set(before.tables.flatMap(({ parts }) => parts.map(({ file }) => file)))
    expect(known.size).toBeGreaterThan(20)
    for (const { name, parts } of manifest.tables) {
      // A row that falls on a cut makes two of one.
      const fresh = parts.filter(({ file }) => !known.has(file)).length
      expect([name, fresh]).toEqual([name, Math.min(fresh, 2)])
    }
    expect(written.blobs).toBe(0)
  })

  it('a dry run writes nothing', async () => {
    const to = path.join(folder, 'dry')
    expect(await store.createBackup({ to, dryRun: true })).toMatchObject({ written: { blobs: 0 } })
    await expect(readdir(to)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('without gzip', async () => {
    const to = path.join(folder, 'plain')
    await store.createBackup({ to, gzip: false })
    expect(await verifyBackup({ from: to })).toMatchObject({ ok: true })
  })

  it('rows that are written meanwhile are not in it', async () => {
    const to = path.join(folder, 'meanwhile')
    let writing: Promise<unknown> | undefined
    const { manifest } = await store.createBackup({
      to,
      onProgress: () => {
        writing ??= store.forTenant('acme').documents.put({ id: 'meanwhile', text: 'Too late.' })
      },
    })
    await writing
    await store.relay.drain({ timeoutMs: 20_000 })
    expect(await verifyBackup({ from: to })).toMatchObject({ ok: true })
    expect(await store.forTenant('acme').documents.get('meanwhile')).not.toBe(null)
    const documents = manifest.tables.find(({ name }) => name === 'documents')!
    expect(documents.rows).toBe(41)
  })

  it('a rebuild that switches meanwhile does not disturb it, nor it the rebuild', async () => {
    const to = path.join(folder, 'rebuilding')
    let rebuilding: Promise<unknown> | undefined
    await store.createBackup({
      to,
      ...small,
      onProgress: () => {
        rebuilding ??= store.rebuild({ target: 'vector' })
      },
    })
    await rebuilding
    expect(await verifyBackup({ from: to })).toMatchObject({ ok: true })
    expect(await store.reconcile()).toMatchObject({ missing: 0, stale: 0, orphaned: 0 })
  })

  it('blobs of the snapshot stay until they are copied, whoever deletes their documents', async () => {
    const to = path.join(folder, 'held')
    const acme = store.forTenant('acme')
    const { key } = await acme.blobs.put('an orphan')
    let collecting: Promise<unknown> | undefined
    await acme.documents.put({ id: 'owner', text: 'Owns one.', blob: { data: 'soon an orphan' } })
    const report = await store.createBackup({
      to,
      // The first word of the rows: all that follows waits for this on one connection, and comes between on many.
      onProgress: ({ phase }) => {
        if (phase !== 'rows' || collecting) return
        collecting = (async () => {
          await acme.documents.delete('owner')
          const refusal = await acme.blobs.delete(key).catch((error) => error.code)
          return { refusal, ...(await store.collectBlobs({ dryRun: false, graceMs: 0 })) }
        })()
      },
    })
    const collected = (await collecting) as { refusal: unknown; held: boolean; deleted: number }
    if (collected.held) expect(collected).toMatchObject({ refusal: 'HW_BACKUP_BUSY', deleted: 0 })
    expect(report).toMatchObject({ complete: true })
    expect(await verifyBackup({ from: to })).toMatchObject({ ok: true })
    expect((await store.collectBlobs({ dryRun: false, graceMs: 0 })).held).toBe(false)
    expect(await acme.blobs.head(key)).toBe(null)
  })

  it('says that a blob is missing', async () => {
    const to = path.join(folder, 'lacking')
    const acme = store.forTenant('acme')
    await acme.documents.put({ id: 'lost', text: 'A blob that is lost.', blob: { data: 'lost' } })
    await store.relay.drain({ timeoutMs: 20_000 })
    const blob = (await acme.documents.get('lost'))!.blob!
    const blobFolder = 'embedded' in where(folder) ? path.join(folder, 'store', 'blobs') : path.join(folder, 'blobs')
    const lost = (await readdir(blobFolder, { recursive: true })).find((name) => name.endsWith(blob.hash))!
    await rm(path.join(blobFolder, lost))
    const report = await store.createBackup({ to })
    expect(report).toMatchObject({ complete: false, manifest: { blobs: { missingCount: 1 } } })
    expect(report.manifest.blobs.missing).toEqual([{ tenant: 'acme', key: blob.hash, reason: 'absent' }])
    expect(await verifyBackup({ from: to, level: 'quick' })).toMatchObject({ ok: false })
    await acme.documents.delete('lost')
  })

  it('an open store is refused a second opening, or read by itself', async () => {
    const work = createBackup(where(folder), { to: path.join(folder, 'beside') })
    if ('embedded' in where(folder)) await expect(work).rejects.toMatchObject({ code: 'HW_EMBEDDED_LOCKED' })
    else expect(await work).toMatchObject({ manifest: { epoch: 1 } })
  })
}

describe('what cannot be backed up', () => {
  it('a store in memory, a folder without a store, a place that is none', async () => {
    const store = await createTestStore()
    await expect(store.createBackup({ to: '/tmp/x' })).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS' })
    await store.close()
    const embedded = { path: path.join(tmpdir(), 'hw-backup-no-such-store') }
    await expect(createBackup({ embedded }, { to: '/tmp/x' })).rejects.toMatchObject({ code: 'HW_MIGRATION_NEEDED' })
    for (const from of ['', 's3://bucket', 5, {}, { s3: {}, bucket: '/' }]) {
      await expect(listBackups({ from: from as string })).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS' })
    }
    await expect(verifyBackup({ from: '/tmp/x', id: '../../etc' })).rejects.toMatchObject({
      code: 'HW_INVALID_ARGUMENT',
    })
  })
})
