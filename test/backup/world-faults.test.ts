import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createBackup, listBackups, moveStore, pruneBackups, restoreBackup, verifyBackup } from 'headwater/backup'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity, systemClock } from '../../index'
import { systemRandom } from '../../src/core/random'
import { catalogue } from '../../src/migrations/catalogue'
import { migrate } from '../../src/migrations/migrate'
import { sourceOf, withSource } from '../../src/store/backup/source'
import { createBackup as createIn } from '../../src/transfer/backup/create'
import { FolderFiles } from '../../src/transfer/backup/folder-files'
import { withPlaceLock } from '../../src/transfer/backup/place-lock'
import { blobsAreHeld } from '../../src/writer/blobs/blob-lease'
import { describeWithS3 } from '../support/minio'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { describeWithSmallDisk } from '../support/small-disk'
import { TcpProxy } from '../support/tcp-proxy'
import { coursesShape, type Filled, fill, open } from './filled'

const small = { partBytes: 1_024 }

function useFilled(where: (folder: string) => Parameters<typeof open>[0]): {
  at(name: string): string
  store(): Filled
} {
  let folder = ''
  let store: Filled
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-world-'))
    store = await open(where(folder))
    await fill(store)
  })
  afterAll(async () => {
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { at: (name) => path.join(folder, name), store: () => store }
}

const kib = 1_024

describeWithSmallDisk('a disk that is full', 64 * kib, (disk) => {
  const { at, store } = useFilled((folder) => ({ embedded: { path: path.join(folder, 'store') } }))
  const full = { code: 'HW_STORAGE' }
  const whole = 64 * kib * kib

  it('ends a backup; with more room the next one goes on, and nothing half is left', async () => {
    const place = path.join(disk.path, 'place')
    await expect(store().createBackup({ to: place, ...small })).rejects.toMatchObject(full)
    expect(await listBackups({ from: place })).toEqual([])
    expect(await readdir(path.join(place, 'partial')).catch(() => [])).toEqual([])
    disk.resize(whole)
    const parts = (await readdir(place, { recursive: true })).filter((name) => name.endsWith('.gz'))
    expect(parts.length).toBeGreaterThan(0)
    const { written, manifest } = await store().createBackup({ to: place, ...small })
    const all = [...manifest.tables.flatMap((table) => table.parts), ...manifest.tenants, ...manifest.blobs.parts]
    expect(written.parts).toBe(new Set(all.map(({ file }) => file)).size - parts.length)
    expect(await verifyBackup({ from: place })).toMatchObject({ ok: true })
    await rm(place, { recursive: true })
    disk.resize(64 * kib)
  })

  it('ends a restore and a move at the first blob, and leaves what was there', async () => {
    await store()
      .forTenant('acme')
      .documents.put({ id: 'big', text: 'Owns much.', blob: { data: Buffer.alloc(512 * kib, 7) } })
    await store().createBackup({ to: at('place') })
    const schema = `disk_${process.pid}`
    const url = pgvectorUrl()
    if (!url) return console.warn('SKIPPED restore onto a full disk: set HW_TEST_PGVECTOR_URL')
    const to = { postgres: { url, schema }, blobs: { path: path.join(disk.path, 'blobs') } }
    const from = { embedded: { path: at('store') } }
    const source = sourceOf(to)
    try {
      await expect(restoreBackup(to, { from: at('place') })).rejects.toMatchObject(full)
      const made = async () => {
        const { rows } = await source.connection
          .session({ worker: true })
          .query(`SELECT 1 FROM pg_namespace WHERE nspname = $1`, [schema])
        return rows.length
      }
      expect(await made()).toBe(0)
      await store().close()
      await expect(moveStore(from, to)).rejects.toMatchObject(full)
      expect(await made()).toBe(0)
      disk.resize(whole)
      const { kept, rows } = await moveStore(from, to)
      expect([kept > 0, kept]).toEqual([true, rows])
    } finally {
      await source.connection.session({ worker: true }).query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
      await source.close()
    }
  })
})

describeWithS3('a bucket that goes away in the middle', (s3) => {
  const { store } = useFilled((folder) => ({ embedded: { path: path.join(folder, 'store') } }))

  it('ends a backup, and the next one goes on', { timeout: 120_000 }, async () => {
    const proxy = await TcpProxy.to(s3().endpoint)
    const bucket = `hw-gone-${process.pid}`
    const place = { s3: s3().options, bucket }
    const through = { ...place, s3: { ...s3().options, endpoint: new URL(proxy.url).origin } }
    try {
      let pages = 0
      const onProgress = (): void => {
        if (++pages === 4) proxy.refuse()
      }
      const work = store().createBackup({ to: through, ...small, onProgress })
      await expect(work).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
      expect(await listBackups({ from: place })).toEqual([])
      proxy.resume()
      const { written, manifest } = await store().createBackup({ to: through, ...small })
      expect(written.parts).toBeLessThan(manifest.tables.flatMap(({ parts }) => parts).length)
      expect(await verifyBackup({ from: place })).toMatchObject({ ok: true })
    } finally {
      await proxy.close()
    }
  })
})

describeWithPgvector('around a backup', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const { at, store } = useFilled((folder) => ({
    postgres: { url: database().url },
    blobs: { path: path.join(folder, 'blobs') },
  }))
  const where = () => ({ postgres: { url: database().url }, blobs: { path: at('blobs') } })

  it('a migration of ours that runs meanwhile: it is of the level that it began with, and is migrated when restored', async () => {
    const schema = 'earlier'
    await migrate({ url: database().url }, { schema, to: '0010_generation_engines' })
    await database().admin(`INSERT INTO earlier.registry VALUES ('installation', '"0badcafe"'), ('mine', '1')`)
    const source = sourceOf({ postgres: { url: database().url, schema } })
    let migrating: Promise<unknown> | undefined
    const onProgress = (): void => {
      migrating ??= migrate({ url: database().url }, { schema })
    }
    const files = new FolderFiles(at('migrated'), systemRandom)
    const { manifest } = await createIn(source, files, { onProgress, rate: 5 })
    const later = catalogue.map(({ name }) => name).filter((name) => name > '0010_generation_engines')
    expect(await migrating).toMatchObject({ changed: later })
    await source.close()
    expect(manifest.migrations.at(-1)).toBe('0010_generation_engines')
    expect(manifest.tables.map(({ name }) => name)).not.toContain('errands')
    expect(await verifyBackup({ from: at('migrated') })).toMatchObject({ ok: true })
    const to = { postgres: { url: database().url, schema: 'restored' } }
    expect(await restoreBackup(to, { from: at('migrated') })).toMatchObject({ migrated: later })
  })

  it('an entity that gets a column meanwhile has it in the next one', async () => {
    const shape = z.object({ ...coursesShape, room: z.string().optional() })
    const wider = defineEntity('courses', shape, { indexes: [['places']], unique: [['title']] })
    let opening: Promise<{ close(): Promise<void> }> | undefined
    const onProgress = (): void => {
      opening ??= open(where(), { entities: { courses: wider } })
    }
    const { id, manifest } = await store().createBackup({ to: at('wider'), onProgress, rate: 500 })
    const other = await opening!
    try {
      const columns = manifest.tables.find(({ name }) => name === 'e_courses')!.columns.map(({ name }) => name)
      expect(columns).not.toContain('room')
      expect(await verifyBackup({ from: at('wider'), id })).toMatchObject({ ok: true })
      const next = await store().createBackup({ to: at('wider') })
      const now = next.manifest.tables.find(({ name }) => name === 'e_courses')!.columns
      expect(now.map(({ name }) => name)).toContain('room')
    } finally {
      await other.close()
    }
  })

  it('clocks that are days apart: its date, its leases and locks are by the clocks of the database and the place', async () => {
    const source = sourceOf(where())
    const { registry } = source.truth.session({ worker: true })
    for (const days of [-3, 3]) {
      const clock = { ...systemClock, now: () => Date.now() + days * 86_400_000 }
      const to = at(`clock ${days}`)
      let held: Promise<boolean> | undefined
      const onProgress = (): void => {
        held ??= blobsAreHeld(registry)
      }
      const { manifest } = await createBackup({ ...where(), clock }, { to, onProgress })
      expect(await held).toBe(true)
      expect(Math.abs(Date.parse(manifest.createdAt) - Date.now())).toBeLessThan(60_000)
      const { backups } = await store().health()
      expect(backups!.backupAgeMs).toBeLessThan(60_000)
      // A lock is as old as the place says, whoever asks.
      const files = new FolderFiles(to, systemRandom)
      await withPlaceLock(files, { clock, random: systemRandom }, 'create', {}, async () => {
        await expect(pruneBackups({ from: to })).rejects.toMatchObject({ code: 'HW_BACKUP_BUSY' })
      })
      await withPlaceLock(files, { clock: systemClock, random: systemRandom }, 'create', {}, async () => {
        const late = withPlaceLock(files, { clock, random: systemRandom }, 'prune', {}, async () => 1)
        await expect(late).rejects.toMatchObject({ code: 'HW_BACKUP_BUSY' })
      })
    }
    await source.close()
  })

  it('an old worker that comes back after a restore completes no job of the new life', async () => {
    const acme = store().forTenant('acme')
    const word = 'zymurgy'
    await acme.documents.put({ id: 'claimed', text: `Before the restore: ${word}.` })
    await store().relay.drain({ timeoutMs: 30_000 })
    await store().createBackup({ to: at('worker') })
    await withSource(where(), async ({ truth }) => {
      const { jobs } = truth.session({ worker: true })
      const claim = { targets: ['vector', 'text'] as const, limit: 100, leaseMs: 600_000 }
      await acme.documents.put({ id: 'claimed', text: 'After the backup, before the restore.' }, { embed: 'deferred' })
      const old = await jobs.claim({ ...claim, token: 'old-worker' })
      expect(old.map(({ document }) => document)).toContain('claimed')
      const { epoch } = await restoreBackup(where(), { from: at('worker'), confirm: database().name })
      expect(epoch).toBeGreaterThan(old[0]!.epoch)
      const waiting = await acme.documents.put(
        { id: 'claimed', text: `Written after: ${word}.` },
        { embed: 'deferred' },
      )
      // It does not know yet: what it says is done is not, and it holds nothing any more.
      expect(await jobs.renew('old-worker', 600_000)).toBe(0)
      expect(await jobs.settle(['old-worker'], old[0]!.collection)).toBe(0)
      await store().relay.drain({ timeoutMs: 30_000 })
      await acme.waitFor(waiting, { timeoutMs: 20_000 })
    })
    const { hits } = await acme.search({ query: word, mode: 'text' })
    expect(hits.map(({ text }) => text)).toEqual([`Written after: ${word}.`])
    expect(await store().reconcile()).toMatchObject({ missing: 0, stale: 0, orphaned: 0, foreign: 0 })
  })
})
