import { cp, mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type BackupManifest, listBackups, showBackup, verifyBackup } from 'headwater/backup'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fill, open } from './filled'

describe('what happens to a backup where it lies', () => {
  let folder = ''
  let sound = ''
  let from = ''
  let manifest: BackupManifest
  let other: BackupManifest
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-damage-'))
    sound = path.join(folder, 'sound')
    const store = await open({ embedded: { path: path.join(folder, 'store') } })
    await fill(store)
    other = (await store.createBackup({ to: sound, partBytes: 4_096 })).manifest
    await store.forTenant('acme').documents.patch('doc 0 x', { title: 'Another title' })
    manifest = (await store.createBackup({ to: sound, partBytes: 4_096 })).manifest
    await store.close()
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  let count = 0
  beforeEach(async () => {
    from = path.join(folder, `copy ${count++}`)
    await cp(sound, from, { recursive: true })
  })

  const file = (name: string): string => path.join(from, name)
  const partOf = (table: string, of = manifest) => of.tables.find(({ name }) => name === table)!.parts.at(-1)!
  const levels = async () => {
    const found: Record<string, unknown> = {}
    for (const level of ['quick', 'full'] as const) {
      const { ok, problems } = await verifyBackup({ from, id: manifest.id, level })
      found[level] = ok || problems.map(({ what }) => what)
    }
    return found
  }
  const flip = async (name: string, at: number): Promise<void> => {
    const bytes = await readFile(file(name))
    bytes[at < 0 ? bytes.length + at : at]! ^= 1
    await writeFile(file(name), bytes)
  }

  it('nothing', async () => {
    expect(await levels()).toEqual({ quick: true, full: true })
  })

  it('a part is gone', async () => {
    const part = partOf('documents')
    await unlink(file(part.file))
    expect(await levels()).toEqual({ quick: [part.file], full: expect.arrayContaining([part.file, 'documents']) })
  })

  it('a part is truncated', async () => {
    const part = partOf('chunks')
    await truncate(file(part.file), part.size - 9)
    expect(await levels()).toEqual({ quick: [part.file], full: expect.arrayContaining([part.file]) })
  })

  it('a bit is flipped, wherever in the part', async () => {
    const part = partOf('embeddings')
    for (const at of [0, 3, 20, Math.floor(part.size / 2), -9, -1]) {
      await flip(part.file, at)
      const { ok, problems } = await verifyBackup({ from, id: manifest.id })
      // The flags and times in the head of gzip may change: then the rows are those that were written.
      if (at !== 3) expect([at, ok, problems[0]?.what]).toEqual([at, false, part.file])
      await flip(part.file, at)
    }
    expect(await levels()).toEqual({ quick: true, full: true })
  })

  it('a part has rows of its own making', async () => {
    const part = partOf('documents')
    const text = gunzipSync(await readFile(file(part.file))).toString('utf8')
    await writeFile(file(part.file), gzipSync(text.replace('Parental', 'parental')))
    expect((await levels())['full']).toContain(part.file)
  })

  it('a part is exchanged with that of another backup', async () => {
    const part = partOf('documents')
    const theirs = other.tables.find(({ name }) => name === 'documents')!.parts.find((one) => one.file !== part.file)!
    await cp(file(theirs.file), file(part.file))
    expect((await levels())['full']).toEqual(expect.arrayContaining([part.file, 'documents']))
  })

  it('a blob is another', async () => {
    const blobs = await readdir(file('blobs'), { recursive: true, withFileTypes: true })
    const one = blobs.find((entry) => entry.isFile())!
    await writeFile(path.join(one.parentPath, one.name), 'blob 9 of acme')
    const { full } = (await levels()) as { full: string[] }
    expect(full).toEqual([expect.stringMatching(new RegExp(`^blobs/../${one.name}$`))])
    await unlink(path.join(one.parentPath, one.name))
    expect((await levels())['full']).toHaveLength(1)
  })

  it('the manifest is damaged, of a later format, or of another backup', async () => {
    const name = `manifests/${manifest.id}.json`
    for (const at of [30, 400, -3]) {
      await flip(name, at)
      expect(await levels()).toEqual({ quick: [name], full: [name] })
      await expect(showBackup({ from, id: manifest.id })).rejects.toMatchObject({ code: 'HW_BACKUP_DAMAGED' })
      await flip(name, at)
    }
    await cp(file(`manifests/${other.id}.json`), file(name))
    expect((await levels())['quick']).toEqual([name])
    await writeFile(file(name), '{"format":2,"sha256":"","manifest":\n{}\n}\n')
    await expect(verifyBackup({ from, id: manifest.id })).rejects.toMatchObject({ code: 'HW_BACKUP_AHEAD' })
    expect((await listBackups({ from })).map(({ problem }) => problem?.slice(0, 15))).toEqual([
      undefined,
      'HW_BACKUP_AHEAD',
    ])
  })

  it('without its manifest it is none', async () => {
    await unlink(file(`manifests/${manifest.id}.json`))
    expect((await listBackups({ from })).map(({ id }) => id)).toEqual([other.id])
    await expect(verifyBackup({ from, id: manifest.id })).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
  })
})
