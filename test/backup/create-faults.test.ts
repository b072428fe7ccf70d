import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createBackup, listBackups, verifyBackup } from 'headwater/backup'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore } from '../../index'
import { systemClock } from '../../src/core/clock'
import { HeadwaterError } from '../../src/core/errors'
import { systemRandom } from '../../src/core/random'
import { withSource } from '../../src/store/backup/source'
import { createBackup as createIn } from '../../src/transfer/backup/create'
import { FolderFiles } from '../../src/transfer/backup/folder-files'
import { withPlaceLock } from '../../src/transfer/backup/place-lock'
import { blobsAreHeld, holdBlobs, releaseBlobs } from '../../src/writer/blobs/blob-lease'
import { startChild } from '../support/child'
import { describeWithS3 } from '../support/minio'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { type Filled, fill, hashing, open } from './filled'

const ports = { clock: systemClock, random: systemRandom }

describeWithPgvector('while a backup is written', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  let folder = ''
  let store: Filled
  const where = () => ({ postgres: { url: database().url }, blobs: { path: path.join(folder, 'blobs') } })
  const at = (name: string): string => path.join(folder, name)
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-faults-'))
    store = await open(where())
    await fill(store)
  })
  afterAll(async () => {
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it.each(['begin', 'third part', 'blob', 'manifest', 'end'])('killed at: %s', async (step) => {
    const place = at(`killed ${step}`)
    const child = startChild('backup/children/create.ts', JSON.stringify(where()), place, step)
    await child.line(() => true)
    child.process.kill('SIGKILL')
    await child.ended
    expect(await listBackups({ from: place })).toHaveLength(step === 'end' ? 1 : 0)
    const parts = (await readdir(place, { recursive: true }).catch(() => [])).filter((name) => name.endsWith('.gz'))
    const { written, manifest } = await store.createBackup({ to: place, partBytes: 4_096 })
    const all = manifest.tables.flatMap((table) => table.parts).length
    // What it had written is not written again.
    if (step === 'manifest' || step === 'end') expect(written).toEqual({ parts: 0, blobs: 0, bytes: 0 })
    else expect(written.parts + parts.length).toBe(all + manifest.tenants.length + manifest.blobs.parts.length)
    expect(await verifyBackup({ from: place })).toMatchObject({ ok: true })
  })

  it('the lease on blobs ends by itself', async () => {
    await withSource(where(), async ({ truth }) => {
      const { registry } = truth.session({ worker: true })
      // Those of the killed ones.
      expect(await blobsAreHeld(registry)).toBe(true)
      const held = { deleted: 0, held: true, orphaned: 1 }
      await store.forTenant('acme').blobs.put('an orphan')
      expect(await store.collectBlobs({ dryRun: false, graceMs: 0 })).toMatchObject(held)
      await registry.write('backup:blobs', {})
      await holdBlobs(registry, 'short', 300)
      await holdBlobs(registry, 'long')
      await releaseBlobs(registry, 'long')
      expect(await blobsAreHeld(registry)).toBe(true)
      await expect.poll(() => blobsAreHeld(registry)).toBe(false)
      expect(await store.collectBlobs({ dryRun: false, graceMs: 0 })).toMatchObject({ deleted: 1, held: false })
    })
  })

  it('the place fails in the middle: an error, no manifest, and the next one goes on', async () => {
    const place = at('failing')
    let left = 5
    class Failing extends FolderFiles {
      override put(...args: Parameters<FolderFiles['put']>): Promise<number> {
        if (args[0].startsWith('parts/') && left-- === 0) throw new HeadwaterError('HW_STORAGE', 'no space is left')
        return super.put(...args)
      }
    }
    const work = withSource(where(), (source) =>
      createIn(source, new Failing(place, systemRandom), { partBytes: 4_096 }),
    )
    await expect(work).rejects.toMatchObject({ code: 'HW_STORAGE' })
    expect(await listBackups({ from: place })).toEqual([])
    expect(await readdir(path.join(place, 'locks'))).toEqual([])
    await withSource(where(), async ({ truth }) => {
      expect(await blobsAreHeld(truth.session({ worker: true }).registry)).toBe(false)
    })
    const { written, manifest } = await store.createBackup({ to: place, partBytes: 4_096 })
    const all = [...manifest.tables.flatMap((table) => table.parts), ...manifest.tenants, ...manifest.blobs.parts]
    expect(written.parts).toBe(all.length - 5)
    expect(await verifyBackup({ from: place })).toMatchObject({ ok: true })
  })

  it('it can be aborted', async () => {
    const signal = AbortSignal.timeout(50)
    const work = store.createBackup({ to: at('aborted'), rate: 20, signal })
    await expect(work).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
    expect(await listBackups({ from: at('aborted') })).toEqual([])
  })

  it('two at once both come to their end', async () => {
    const to = at('two')
    const reports = await Promise.all([store.createBackup({ to }), createBackup(where(), { to })])
    for (const { id } of reports) expect(await verifyBackup({ from: to, id })).toMatchObject({ ok: true })
    expect(await listBackups({ from: to })).toHaveLength(2)
  })

  it('a prune and it exclude each other', async () => {
    const to = at('excluded')
    const files = new FolderFiles(to, systemRandom)
    const busy = { code: 'HW_BACKUP_BUSY', retryable: true }
    await withPlaceLock(files, ports, 'prune', {}, async (lock) => {
      lock.assertHeld()
      await expect(store.createBackup({ to })).rejects.toMatchObject(busy)
      await expect(withPlaceLock(files, ports, 'prune', {}, async () => 1)).rejects.toMatchObject(busy)
    })
    await withPlaceLock(files, ports, 'create', {}, async () => {
      await expect(withPlaceLock(files, ports, 'prune', {}, async () => 1)).rejects.toMatchObject(busy)
      await store.createBackup({ to })
    })
    expect(await readdir(path.join(to, 'locks'))).toEqual([])
  })

  it('a chunk without a vector and without a job for it is told, at once and by verify', async () => {
    const to = at('vectors')
    const lost = `DELETE FROM headwater.embeddings WHERE input_hash = (SELECT min(input_hash) FROM headwater.chunks)
      RETURNING *`
    const { rows } = await database().admin(lost)
    try {
      const report = await store.createBackup({ to })
      expect(report).toMatchObject({ complete: false, manifest: { vectors: { lacking: rows.length, waiting: 0 } } })
      for (const level of ['quick', 'sample', 'full'] as const) {
        const { ok, problems } = await verifyBackup({ from: to, level })
        expect([level, ok, problems[0]?.what]).toEqual([level, false, 'vectors'])
      }
    } finally {
      for (const row of rows) {
        const values = [row.tenant, row.fingerprint, row.input_hash, row.stored_at, row.vector]
        await database().admin('INSERT INTO headwater.embeddings VALUES ($1, $2, $3, $4, $5)', values)
      }
    }
  })

  it('vectors that are still to be made are no damage', async () => {
    const to = at('deferred')
    await store.forTenant('acme').documents.put({ id: 'later', text: 'Embedded later.' }, { embed: 'deferred' })
    const { complete, manifest } = await store.createBackup({ to })
    if (manifest.vectors.waiting === 0) return
    expect(complete).toBe(true)
    expect(await verifyBackup({ from: to })).toMatchObject({ ok: true, waitingVectors: manifest.vectors.waiting })
  })
})

describeWithPgvector('logins', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const made: string[] = []
  const login = async (attributes: string, ...grants: string[]): Promise<string> => {
    const name = `backup_${made.length}_${database().name}`
    await database().admin(`CREATE ROLE ${name} LOGIN PASSWORD 'pw' ${attributes}`)
    made.push(name)
    for (const role of grants) await database().admin(`GRANT ${role} TO ${name}`)
    return database().urlAs(name, 'pw')
  }
  afterAll(async () => {
    for (const name of made.reverse()) await database().admin(`DROP OWNED BY ${name}; DROP ROLE ${name}`)
  })

  it('one from which policies hide rows is refused, one that sees all is not', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'hw-logins-'))
    const to = path.join(folder, 'place')
    try {
      const owner = await login('')
      await database().admin(`GRANT CREATE ON DATABASE ${database().name} TO ${made[0]}`)
      const mine = { url: owner, schema: 'mine' }
      for (const postgres of [{ url: database().url }, mine]) {
        const store = await openStore({ ...hashing, postgres, relay: 'external' })
        await store.forTenant('acme').documents.put({ id: 'a', text: 'Words.' })
        await store.close()
      }
      const created = async (postgres: { url: string; schema?: string }) => {
        const { manifest } = await createBackup({ postgres }, { to })
        return manifest.tables.find(({ name }) => name === 'documents')!.rows
      }
      expect(await created({ url: database().url })).toBe(1)
      expect(await created({ url: await login('', 'headwater_app', 'headwater_worker') })).toBe(1)
      // The owner is under the policies too, and one of them shows everything.
      expect(await created(mine)).toBe(1)
      const refused = { code: 'HW_UNAUTHORIZED' }
      await expect(created({ url: await login('', 'headwater_app') })).rejects.toMatchObject(refused)
      await database().admin('CREATE POLICY more ON mine.documents AS RESTRICTIVE USING (false)')
      await expect(created(mine)).rejects.toMatchObject(refused)
      expect(await listBackups({ from: to })).toHaveLength(3)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

describeWithS3('backups in a bucket', (s3) => {
  it('are written, shared and verified as in a folder', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'hw-bucket-'))
    const store = await open({ embedded: { path: path.join(folder, 'store') } })
    try {
      await fill(store)
      const place = { s3: s3().options, bucket: `hw-backups-${process.pid}`, prefix: 'of/tests' }
      // More than one part of an upload.
      await store
        .forTenant('acme')
        .documents.put({ id: 'big', text: 'Owns much.', blob: { data: Buffer.alloc(9e6, 7) } })
      const first = await store.createBackup({ to: place })
      expect(first).toMatchObject({ place: `s3://${place.bucket}/of/tests/`, complete: true })
      expect((await store.createBackup({ to: place })).written).toEqual({ parts: 0, blobs: 0, bytes: 0 })
      expect(await listBackups({ from: place })).toHaveLength(2)
      expect(await verifyBackup({ from: place, id: first.id })).toMatchObject({ ok: true, blobs: { read: 5, of: 5 } })
      const gone = { ...place, s3: { ...place.s3, endpoint: 'http://127.0.0.1:9' } }
      await expect(store.createBackup({ to: gone })).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
    } finally {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
