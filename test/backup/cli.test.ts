import { readdir, truncate } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { cli, useFolder } from '../cli/harness'
import { fill, open } from './filled'

describe('headwater backup', () => {
  const folder = useFolder()
  const run = (...args: string[]) => cli(['backup', ...args, '--path', './store'], { cwd: folder() })
  beforeAll(async () => {
    const store = await open({ embedded: { path: path.join(folder(), 'store') } })
    await fill(store)
    await store.close()
  })

  it('creates, lists, shows and verifies, whatever the embedder', async () => {
    const dry = await run('create', '--to', './backups', '--dry-run')
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining('would be in')])
    const created = await run('create', '--to', './backups', '--json')
    expect([created.code, created.stderr]).toEqual([0, ''])
    const { id, place, written } = created.json()
    expect(place).toBe(path.join(folder(), 'backups'))
    expect(written.blobs).toBe(4)
    const again = await run('create', '--to', './backups', '--rate', '100000')
    expect(again.stdout).toContain('0 parts and 0 blobs were new (0 B)')
    const listed = await run('list', '--from', './backups')
    expect(listed.stdout).toContain(id)
    expect((await run('list', '--from', './backups', '--json')).json().backups).toHaveLength(2)
    const shown = await run('show', id, '--from', './backups')
    expect(shown.stdout).toMatch(/documents, vector: hashing-v1-32-.*Left out: claims/s)
    expect((await run('show', '--from', './backups', '--json')).json()).toMatchObject({
      format: 1,
      schema: 'headwater',
    })
    for (const level of ['quick', 'sample', 'full']) {
      const verified = await run('verify', id, '--from', './backups', '--level', level)
      expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('Nothing is wrong')])
    }
  })

  it('restores, over what is there only when told so', async () => {
    await run('create', '--to', './whole')
    const to = (...args: string[]) => cli(['backup', 'restore', '--from', './whole', ...args], { cwd: folder() })
    const restored = await to('--path', './restored')
    expect([restored.code, restored.stdout]).toEqual([0, expect.stringMatching(/each equal.*as in Postgres.*Epoch 2/s)])
    const refused = await to('--path', './restored')
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--force')])
    const dry = await to('--path', './restored', '--force', '--dry-run')
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining('Would be lost: 38 documents')])
    const again = (await to('--path', './restored', '--force', '--json')).json()
    expect(again).toMatchObject({ epoch: 3, before: { documents: 38 }, indexes: [{ equal: true }, { equal: true }] })
    const found = await cli(['search', 'parental leave', '--tenant', 'acme', '--path', './restored', '--json'], {
      cwd: folder(),
      env: { EMBEDDING_MODEL: 'hashing' },
    })
    // Made by another embedder than the command's: refused, as it was before.
    expect(found.json().error.code).toBe('HW_FINGERPRINT_MISMATCH')
  })

  it('restores a tenant or a collection alone, into what is there', async () => {
    await run('create', '--to', './alone')
    const store = await open({ embedded: { path: path.join(folder(), 'store') } })
    await store.forTenant('acme').documents.delete('doc 0 x')
    await store.close()
    const dry = await run('restore', '--from', './alone', '--tenant', 'acme', '--dry-run')
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining('19 documents of it; nothing was changed')])
    const alone = await run('restore', '--from', './alone', '--tenant', 'acme')
    expect([alone.code, alone.stdout]).toEqual([0, expect.stringContaining('1 documents written, 18 were so already')])
    expect(alone.stdout).toContain('2 rows of entities stay in the backup: e_courses')
    const collection = await run('restore', '--from', './alone', '--collection', 'documents', '--json')
    expect(collection.json()).toMatchObject({ documents: 38, written: 0, unchanged: 38 })
    for (const [args, code, path] of [
      [['--tenant', 'nobody'], 1, undefined],
      [['--tenant', 'acme', '--force'], 2, '--force'],
    ] as const) {
      const wrong = await run('restore', '--from', './alone', ...args, '--json')
      expect([wrong.code, wrong.json().error.path]).toEqual([code, path])
    }
  })

  it('tells what is wrong by its exit code', async () => {
    const created = (await run('create', '--to', './damaged', '--json')).json()
    const [file] = (await readdir(path.join(folder(), 'damaged', 'parts'), { recursive: true })).filter((name) =>
      name.endsWith('.gz'),
    )
    await truncate(path.join(folder(), 'damaged', 'parts', file!), 20)
    const verified = await run('verify', created.id, '--from', './damaged', '--level', 'quick')
    expect([verified.code, verified.stdout]).toEqual([1, expect.stringContaining(`parts/${file}: it has 20 bytes`)])
    for (const [args, path] of [
      [['create'], undefined],
      [['create', '--to', 'ftp://there'], '--to'],
      [['create', '--to', 's3://bucket'], 'S3_ENDPOINT'],
      [['create', '--to', './x', '--rate', 'abc'], '--rate'],
      [['verify', '--from', './damaged', '--level', 'all'], 'level'],
      [['show', 'mine', '--from', './damaged'], 'id'],
    ] as const) {
      const wrong = await run(...args, '--json')
      expect([args, wrong.code, wrong.json().error.path]).toEqual([args, 2, path])
    }
    const nowhere = await cli(['backup', 'create', '--to', './x', '--path', './nowhere'], { cwd: folder() })
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('there is no store in this folder')])
    expect(await readdir(folder())).not.toContain('nowhere')
  })
})
