import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isHeadwaterError } from '../../src/core/errors'
import { tenantId } from '../../src/core/ids'
import { DirectoryBlobRepository } from '../../src/repositories/directory/blobs'
import { storageError } from '../../src/repositories/directory/storage-error'
import { blobRepositoryContract } from '../../src/testing/contracts/blobs'
import { FakeClock } from '../../src/testing/fake-clock'

const acme = tenantId('acme')

describe('in a folder', () => {
  blobRepositoryContract({ describe, it, expect }, async () => {
    const root = await mkdtemp(join(tmpdir(), 'headwater-blobs-'))
    return {
      blobs: new DirectoryBlobRepository({ path: join(root, 'blobs') }),
      dispose: () => rm(root, { recursive: true }),
    }
  })

  it('finds everything again after it is opened anew', async () => {
    await inFolder(async (path) => {
      const put = await new DirectoryBlobRepository({ path }).put(acme, 'kept', { contentType: 'text/plain' })
      expect(await new DirectoryBlobRepository({ path }).head(acme, put.key)).toEqual(put)
    })
  })

  it('takes the time from the clock and holds the bare bytes', async () => {
    await inFolder(async (path) => {
      const clock = new FakeClock(1_600_000_000_123)
      const info = await new DirectoryBlobRepository({ path, clock }).put(acme, 'bytes')
      expect(info.createdAt).toBe(1_600_000_000_123)
      expect(await readFile(await fileOf(path, info.key), 'utf8')).toBe('bytes')
    })
  })

  it.each([
    ['changed', 'x'.repeat(100_000)],
    ['cut short', 'y'.repeat(99_999)],
    ['grown', 'y'.repeat(100_001)],
  ])('tells a file that was %s from the blob', async (_how, bytes) => {
    await inFolder(async (path) => {
      const blobs = new DirectoryBlobRepository({ path })
      const { key } = await blobs.put(acme, 'y'.repeat(100_000))
      await writeFile(await fileOf(path, key), bytes)
      const error = await drain(blobs, key).catch((caught: unknown) => caught)
      expect(isHeadwaterError(error, 'HW_STORAGE') && error.path).toBe(await fileOf(path, key))
      await blobs.put(acme, 'y'.repeat(100_000))
      expect(await drain(blobs, key)).toBe(100_000)
    })
  })

  it('leaves nothing half-written behind, and clears what a crash left long ago', async () => {
    await inFolder(async (path) => {
      const partials = join(path, 'partial')
      await mkdir(partials, { recursive: true })
      for (const name of ['old', 'recent']) await writeFile(join(partials, name), 'half')
      const longAgo = Date.now() / 1000 - 2 * 24 * 3600
      await utimes(join(partials, 'old'), longAgo, longAgo)
      const blobs = new DirectoryBlobRepository({ path })
      await blobs.put(acme, 'whole', { contentType: 'text/plain' })
      await expect(blobs.put(acme, 'x', { expectedKey: 'other' })).rejects.toMatchObject({
        code: 'HW_INVALID_ARGUMENT',
      })
      expect(await readdir(partials)).toEqual(['recent'])
    })
  })

  it('refuses a folder that is none with HW_STORAGE and its path, and works once that is mended', async () => {
    await inFolder(async (root) => {
      const path = join(root, 'taken')
      await writeFile(path, 'a file')
      const blobs = new DirectoryBlobRepository({ path })
      const error = await blobs.put(acme, 'x').catch((caught: unknown) => caught)
      expect(isHeadwaterError(error, 'HW_STORAGE') && error.path?.startsWith(path)).toBe(true)
      expect(error).toHaveProperty('cause')
      await expect(blobs.head(acme, '0'.repeat(64))).rejects.toMatchObject({ code: 'HW_STORAGE' })
      await rm(path)
      expect((await blobs.put(acme, 'x')).size).toBe(1)
    })
  })

  it('reports a place without rights as HW_STORAGE, to a superuser too', async () => {
    // The kernel's own file system takes no folders from anybody.
    const error = await new DirectoryBlobRepository({ path: '/sys/headwater' })
      .put(acme, 'x')
      .catch((it: unknown) => it)
    expect(isHeadwaterError(error, 'HW_STORAGE') && error.path).toBe('/sys/headwater/partial')
    expect(error).toHaveProperty('details.code', expect.stringMatching(/^(EACCES|EPERM|EROFS)$/))
  })

  it.each([
    ['ENOSPC', 'no space'],
    ['EROFS', 'read-only'],
    ['EACCES', 'denied'],
    ['EWHAT', 'unheard of'],
  ])('says what %s means and where', (code, meaning) => {
    const cause = Object.assign(new Error('unheard of'), { code })
    const error = storageError(cause, '/data/blobs')
    expect(error).toMatchObject({ code: 'HW_STORAGE', path: '/data/blobs', cause, details: { code } })
    expect(error.message).toContain(meaning)
    expect(error.message).toContain('/data/blobs')
  })

  it('refuses an empty path', () => {
    expect(() => new DirectoryBlobRepository({ path: '' })).toThrow(expect.objectContaining({ path: 'blobs.path' }))
  })

  it('never writes outside its folder', async () => {
    await inFolder(async (root) => {
      const path = join(root, 'blobs')
      const blobs = new DirectoryBlobRepository({ path })
      for (const tenant of ['..', '.', '-', '...']) await blobs.put(tenantId(tenant), 'x')
      expect(await readdir(root)).toEqual(['blobs'])
      expect((await readdir(join(path, 'tenants'))).sort()).toEqual(['1--', '1-.', '2-..', '3-...'])
    })
  })
})

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'headwater-blobs-'))
  try {
    await work(path)
  } finally {
    await rm(path, { recursive: true })
  }
}

async function fileOf(path: string, key: string): Promise<string> {
  const file = join(path, 'tenants', '4-acme', key.slice(0, 2), key)
  expect((await stat(dirname(file))).isDirectory()).toBe(true)
  return file
}

async function drain(blobs: DirectoryBlobRepository, key: string): Promise<number> {
  let size = 0
  for await (const piece of (await blobs.get(acme, key))!) size += piece.byteLength
  return size
}
