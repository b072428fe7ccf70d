import { chmod, lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../index'
import { checkFolders } from '../../src/cli/doctor/surroundings'

describe.skipIf(process.platform === 'win32')('what a store keeps in folders is its owner’s alone', () => {
  let above: string
  beforeAll(async () => {
    above = await mkdtemp(path.join(tmpdir(), 'hw-modes-'))
    await chmod(above, 0o755)
  })
  afterAll(() => rm(above, { recursive: true, force: true }))

  /** What in it somebody else may do something with. */
  const open = async (folder: string): Promise<string[]> => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const found: string[] = []
    for (const entry of entries) {
      const one = path.join(entry.parentPath, entry.name)
      const { mode } = await lstat(one)
      if ((mode & 0o077) !== 0) found.push(`${one} ${(mode & 0o777).toString(8)}`)
    }
    return found
  }

  it('whatever the umask: 0700 and 0600, and what an earlier version left open is closed', {
    timeout: 120_000,
  }, async () => {
    const folder = path.join(above, 'deep', 'store')
    const options = { embedded: { path: folder }, embedder: { hashing: { dimensions: 16 } } }
    const before = process.umask(0)
    try {
      const store = await openStore(options)
      const acme = store.forTenant('acme')
      await acme.blobs.put('bytes', { contentType: 'text/x-own' })
      await acme.documents.put({ id: 'a', text: 'My private diary.' })
      // Nobody comes by the folders to what PGlite makes meanwhile.
      expect((await lstat(path.join(folder, 'postgres'))).mode & 0o777).toBe(0o700)
      expect((await lstat(path.join(folder, 'headwater.lock'))).mode & 0o777).toBe(0o600)
      await store.close()
    } finally {
      process.umask(before)
    }
    expect((await lstat(path.join(above, 'deep'))).mode & 0o777).toBe(0o700)
    expect(await open(folder)).toEqual([])
    expect(checkFolders(options)).toMatchObject([{ state: 'ok' }])

    await chmod(path.join(folder, 'postgres'), 0o755)
    await chmod(path.join(folder, 'blobs'), 0o755)
    await chmod(path.join(folder, 'postgres', 'PG_VERSION'), 0o666)
    const [check] = checkFolders(options)
    expect(check).toMatchObject({ state: 'warning', remedy: expect.stringContaining('chmod -R go=') })
    expect(check!.detail).toContain(path.join(folder, 'blobs'))
    const again = await openStore(options)
    expect(await open(path.join(folder, 'postgres', 'global'))).toEqual([])
    await again.close()
    expect((await open(folder)).map((line) => line.slice(folder.length))).toEqual(['/blobs 755'])
  })
})
