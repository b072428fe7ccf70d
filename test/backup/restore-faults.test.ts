import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type BackupManifest, restoreBackup, showBackup } from 'headwater/backup'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { migrate } from '../../src/migrations/migrate'
import { startChild } from '../support/child'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { type Filled, fill, open } from './filled'

describeWithPgvector('a restore over a store that is in use', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  let folder = ''
  let store: Filled
  let manifest: BackupManifest
  const where = () => ({ postgres: { url: database().url }, blobs: { path: path.join(folder, 'blobs') } })
  const at = (name: string): string => path.join(folder, name)
  const schemas = async (): Promise<string[]> => {
    const { rows } = await database().admin(`SELECT nspname FROM pg_namespace WHERE nspname ~ '^headwater' ORDER BY 1`)
    return rows.map(({ nspname }) => nspname)
  }
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-restore-faults-'))
    store = await open(where())
    await fill(store)
    manifest = (await store.createBackup({ to: at('place'), partBytes: 4_096 })).manifest
    await store.forTenant('acme').documents.put({ id: 'since', text: 'Written since.' })
  })
  afterAll(async () => {
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it.each(['rows', 'comparing', 'blobs', 'switch'])('killed at: %s, all is as it was', async (step) => {
    const child = startChild(
      'backup/children/restore.ts',
      ...[JSON.stringify(where()), at('place'), database().name, step],
    )
    await child.line(() => true)
    child.process.kill('SIGKILL')
    await child.ended
    expect(await store.forTenant('acme').documents.get('since')).toMatchObject({ version: 1 })
    expect(await store.forTenant('acme').documents.put({ id: `after ${step}`, text: 'Goes on.' })).toMatchObject({
      version: 1,
    })
  })

  it('whose part is damaged leaves all as it was, and nothing behind', async () => {
    const from = at('damaged')
    await cp(at('place'), from, { recursive: true })
    const { file } = manifest.tables.find(({ name }) => name === 'embeddings')!.parts.at(-1)!
    const bytes = await readFile(path.join(from, file))
    bytes[30]! ^= 1
    await writeFile(path.join(from, file), bytes)
    const work = restoreBackup(where(), { from, confirm: database().name })
    await expect(work).rejects.toMatchObject({ code: 'HW_BACKUP_DAMAGED', details: { file } })
    expect(await schemas()).toEqual(['headwater'])
    expect(await store.forTenant('acme').documents.get('since')).toMatchObject({ version: 1 })
  })

  it('whose blob is gone or another leaves all as it was', async () => {
    const from = at('blobless')
    await cp(at('place'), from, { recursive: true })
    await rm(at('blobs'), { recursive: true })
    await rm(path.join(from, 'blobs'), { recursive: true })
    const work = restoreBackup(where(), { from, confirm: database().name })
    await expect(work).rejects.toMatchObject({ code: 'HW_BACKUP_DAMAGED' })
    expect(await store.forTenant('acme').documents.get('since')).toMatchObject({ version: 1 })
  })

  it('of a later schema is refused, of an earlier one migrated', async () => {
    const later = at('later')
    await cp(at('place'), later, { recursive: true })
    const name = path.join(later, 'manifests', `${manifest.id}.json`)
    const { createHash } = await import('node:crypto')
    const body = JSON.stringify({ ...manifest, migrations: [...manifest.migrations, '9999_later'] })
    const sha256 = createHash('sha256').update(body).digest('hex')
    await writeFile(name, `{"format":1,"sha256":"${sha256}","manifest":\n${body}\n}\n`)
    await expect(restoreBackup(where(), { from: later, confirm: database().name })).rejects.toMatchObject({
      code: 'HW_BACKUP_AHEAD',
    })
    // A store of before claims and engines, whose rows a newer package backs up... by hand: its own would have done it.
    const postgres = { url: database().url, schema: 'earlier' }
    await migrate({ url: database().url }, { schema: 'earlier', to: '0010_generation_engines' })
    const embedding = `INSERT INTO earlier.registry (name, value) VALUES ('installation', '"0badcafe"'), ('mine', '[1, null]')`
    await database().admin(embedding)
    const { createBackup: create } = await import('../../src/transfer/backup/create')
    const { sourceOf } = await import('../../src/store/backup/source')
    const { FolderFiles } = await import('../../src/transfer/backup/folder-files')
    const { systemRandom } = await import('../../src/core/random')
    const source = sourceOf({ postgres })
    await create(source, new FolderFiles(at('earlier'), systemRandom))
    await source.close()
    expect((await showBackup({ from: at('earlier') })).migrations.at(-1)).toBe('0010_generation_engines')
    const to = { postgres: { url: database().url, schema: 'migrated' } }
    const { migrated } = await restoreBackup(to, { from: at('earlier') })
    expect(migrated[0]).toBe('0011_errands')
    const { rows } = await database().admin(`SELECT value FROM migrated.registry WHERE name = 'mine'`)
    expect(rows).toEqual([{ value: [1, null] }])
  })

  it('two at once: the second is refused, and the first one comes to its end', async () => {
    const settings = { from: at('place'), confirm: database().name }
    const outcomes = await Promise.allSettled([restoreBackup(where(), settings), restoreBackup(where(), settings)])
    const codes = outcomes.map((one) => (one.status === 'fulfilled' ? 'done' : one.reason.code)).sort()
    expect(codes).toEqual(['HW_BACKUP_BUSY', 'done'])
    expect(await schemas()).toEqual(['headwater'])
    expect(await store.forTenant('acme').documents.get('since')).toBe(null)
  })

  it('tables of others in the schema stay, and one that refers to ours keeps it from being restored', async () => {
    await database().admin('CREATE TABLE headwater.mine (id int); INSERT INTO headwater.mine VALUES (1)')
    await restoreBackup(where(), { from: at('place'), confirm: database().name })
    expect((await database().admin('SELECT * FROM headwater.mine')).rows).toEqual([{ id: 1 }])
    await database().admin('CREATE VIEW headwater.titles AS SELECT title FROM headwater.documents')
    const work = restoreBackup(where(), { from: at('place'), confirm: database().name })
    await expect(work).rejects.toMatchObject({ code: 'HW_RESTORE_REFUSED', details: { names: ['headwater.titles'] } })
    expect(await store.forTenant('acme').documents.get('doc 0 x')).not.toBe(null)
  })
})
