import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { openStore, type Store } from '../../index'
import type { TenantId } from '../../src/core/ids'
import { removalMs } from '../../src/repositories/blob-references'
import type { BlobRepository } from '../../src/repositories/blobs'
import { DirectoryBlobRepository } from '../../src/repositories/directory/blobs'
import { MemoryBlobRepository } from '../../src/repositories/memory/blobs'
import { S3BlobRepository } from '../../src/repositories/s3/blobs'
import { FakeClock } from '../../src/testing/fake-clock'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithS3 } from '../support/minio'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { freshPrefix } from '../support/redis'

// biome-ignore lint/suspicious/noExplicitAny: the suite is about behaviour; types have tests of their own
type AnyStore = Store<any>

interface Opened {
  readonly store: AnyStore
  dispose(): Promise<void>
}

const options = { embedder: { hashing: { dimensions: 16 } }, collections: { documents: {}, notes: {} } } as const
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const now = { graceMs: 0, dryRun: false } as const
const absent = '0'.repeat(64)
let tenants = 0

/** So that what was put before is older than no grace at all. */
async function tick(): Promise<void> {
  for (const from = Date.now(); Date.now() < from + 2; ) await new Promise((resolve) => setImmediate(resolve))
}

async function textOf(stream: AsyncIterable<Uint8Array> | null): Promise<string | null> {
  if (!stream) return null
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

/** Documents that own blobs, over one kind of store. `kind` is where calls are held up, to step through a race. */
function blobSuite(name: string, kind: { readonly prototype: BlobRepository }, open: () => Promise<Opened>): void {
  describe(`documents that own blobs, ${name}`, () => {
    let opened: Opened
    let store: AnyStore
    beforeAll(async () => {
      opened = await open()
      store = opened.store
    })
    afterAll(() => opened?.dispose())
    // A test that fails leaves nobody behind a gate.
    const gates: (() => void)[] = []
    afterEach(() => {
      for (const open of gates.splice(0)) open()
      vi.restoreAllMocks()
    })
    const tenant = () => store.forTenant(`t${++tenants}`)
    type Tenant = ReturnType<typeof tenant>
    const collect = async (acme: Tenant, more: object = {}) => {
      await tick()
      return store.collectBlobs({ ...now, tenant: acme.tenant, ...more })
    }
    const keysOf = async (acme: Tenant) => (await acme.blobs.list()).map(({ key }) => key)

    /** Holds the next call of a method up; `reached` resolves when it is made. */
    function gate(method: 'head' | 'delete' | 'put', nth = 1) {
      let open = (): void => undefined
      let reach = (): void => undefined
      const opening = new Promise<void>((resolve) => {
        open = resolve
      })
      const reached = new Promise<void>((resolve) => {
        reach = resolve
      })
      const original = kind.prototype[method] as (...args: unknown[]) => Promise<unknown>
      let calls = 0
      vi.spyOn(kind.prototype, method).mockImplementation(async function (this: unknown, ...args: unknown[]) {
        if (++calls === nth) {
          reach()
          await opening
        }
        return original.apply(this, args) as never
      })
      gates.push(open)
      return { reached, open }
    }

    it('takes bytes with the document, or a reference, and gives it back', async () => {
      const acme = tenant()
      const given = { data: 'a picture', contentType: 'image/png' }
      expect(await acme.documents.put({ id: 'a', text: 'words', blob: given })).toMatchObject({ version: 1 })
      const blob = { hash: hashOf('a picture'), size: 9, contentType: 'image/png' }
      expect((await acme.documents.get('a'))?.blob).toEqual(blob)
      expect(await textOf(await acme.blobs.get(blob.hash))).toBe('a picture')

      expect(await acme.documents.put({ id: 'a', text: 'words', blob: given })).toMatchObject({ unchanged: true })
      const info = await acme.blobs.put('another', { contentType: 'text/plain' })
      expect(await acme.documents.put({ id: 'a', text: 'words', blob: info })).toMatchObject({ version: 2 })
      expect((await acme.documents.get('a'))?.blob).toEqual({ hash: info.key, size: 7, contentType: 'text/plain' })
      await acme.documents.put({ id: 'b', text: 'words', blob: { hash: blob.hash } })
      async function* stream(): AsyncGenerator<Uint8Array> {
        for (const piece of ['in ', 'pieces']) yield Buffer.from(piece)
      }
      await acme.collection('notes').documents.put({ id: 'a', text: 'words', blob: { data: stream() } })
      expect(await acme.collection('notes').documents.get('a')).toMatchObject({ blob: { hash: hashOf('in pieces') } })
      const { items } = await acme.documents.list()
      expect(items.map((item) => item.blob?.hash)).toEqual([info.key, blob.hash])
    })

    it('a patch keeps the blob, replaces it, removes it; a put without one removes it', async () => {
      const acme = tenant()
      await acme.documents.put({ id: 'a', text: 'words', blob: { data: 'one' } })
      await acme.documents.patch('a', { title: 'New' })
      expect(await acme.documents.get('a')).toMatchObject({ version: 2, blob: { hash: hashOf('one') } })
      await acme.documents.patch('a', { blob: { data: 'two' } })
      expect(await acme.documents.get('a')).toMatchObject({ version: 3, title: 'New', blob: { hash: hashOf('two') } })
      await acme.documents.patch('a', { blob: null })
      expect(await acme.documents.get('a')).toMatchObject({ version: 4, blob: null })
      await acme.documents.patch('a', { blob: { hash: hashOf('one') } })
      await acme.documents.put({ id: 'a', text: 'words', title: 'New' })
      expect(await acme.documents.get('a')).toMatchObject({ version: 6, blob: null })
    })

    it('a change of anything else asks nothing of the blobs, and works while they are away', async () => {
      const acme = tenant()
      await acme.documents.put({ id: 'a', text: 'words', blob: { data: 'one' } })
      const head = vi.spyOn(kind.prototype, 'head').mockRejectedValue(new Error('away'))
      await acme.documents.patch('a', { title: 'New', metadata: { year: 2026 } })
      await acme.transaction((tx) => tx.documents.patch('a', { metadata: { year: 2027 } }))
      expect(head).not.toHaveBeenCalled()
      expect(await acme.documents.get('a')).toMatchObject({ version: 3, blob: { hash: hashOf('one') } })
    })

    it('refuses what is not there, what is another tenant’s, and what is no blob, and writes nothing', async () => {
      const [acme, globex] = [tenant(), tenant()]
      const theirs = await globex.blobs.put('theirs')
      const put = (blob: unknown) => acme.documents.put({ id: 'a', text: 'words', blob: blob as never })
      for (const blob of [{ hash: absent }, { key: absent }, { hash: theirs.key }, theirs]) {
        await expect(put(blob)).rejects.toMatchObject({ code: 'HW_NOT_FOUND', path: 'blob' })
        const inside = acme.transaction((tx) => tx.documents.put({ id: 'a', text: 'words', blob: blob as never }))
        await expect(inside).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
      }
      for (const [blob, path] of [
        ['text', 'blob'],
        [{}, 'blob.key'],
        [{ hash: '../x' }, 'blob.hash'],
        [{ hash: absent.toUpperCase().replace('0', 'A') }, 'blob.hash'],
        [{ data: 5 }, 'blob.data'],
        [{ data: 'x', contentType: 'y'.repeat(256) }, 'blob.contentType'],
      ] as const) {
        await expect(put(blob)).rejects.toMatchObject({ code: 'HW_INVALID_DOCUMENT', path })
      }
      const failing = (async function* () {
        yield Buffer.from('x')
        throw new TypeError('the source broke')
      })()
      await expect(put({ data: failing })).rejects.toMatchObject({ code: 'HW_INVALID_DOCUMENT', path: 'blob.data' })
      await expect(acme.documents.put({ id: 'a', text: ' ', blob: { data: 'unsent' } })).rejects.toThrow('white space')
      expect([await acme.documents.get('a'), await keysOf(acme)]).toEqual([null, []])
      const inside = acme.transaction((tx) => tx.documents.put({ id: 'a', text: 'words', blob: { data: 'x' } }))
      await expect(inside).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'blob.data' })
    })

    it('batches and transactions take blobs; a document whose blob is not there fails alone', async () => {
      const acme = tenant()
      const { key } = await acme.blobs.put('shared')
      const result = await acme.documents.putMany([
        { id: 'a', text: 'words', blob: { data: 'of a' } },
        { id: 'b', text: 'words', blob: { key } },
        { id: 'c', text: 'words', blob: { hash: absent } },
        { id: 'd', text: 'words' },
      ])
      expect(result).toMatchObject({ written: 3, failed: [{ id: 'c', error: { code: 'HW_NOT_FOUND' } }] })
      await acme.transaction(async (tx) => {
        await tx.documents.put({ id: 'e', text: 'words', blob: { hash: key } })
        await tx.documents.patch('d', { blob: { hash: key } })
      })
      const found = await acme.documents.getMany(['a', 'b', 'd', 'e'])
      expect(found.map((document) => document?.blob?.hash)).toEqual([hashOf('of a'), key, key, key])
    })

    it('collects what nobody owns once it is older than the grace period, and only when asked to', async () => {
      const [acme, globex] = [tenant(), tenant()]
      await acme.documents.put({ id: 'a', text: 'words', blob: { data: 'owned' } })
      const orphan = await acme.blobs.put('orphan')
      const theirs = await globex.blobs.put('theirs')
      await tick()
      const { tenant: name } = acme
      const nothing = { checked: 2, orphaned: 0, deleted: 0, held: false, missing: [], missingCount: 0 }
      expect(await store.collectBlobs({ tenant: name, dryRun: false })).toEqual(nothing)
      expect(await store.collectBlobs({ tenant: name, graceMs: 0 })).toEqual({ ...nothing, orphaned: 1 })
      expect(await keysOf(acme)).toContain(orphan.key)
      expect(await collect(acme, { limit: 0 })).toEqual({ ...nothing, orphaned: 1 })
      const pages: unknown[] = []
      const report = await collect(acme, { onProgress: (page: unknown) => pages.push(page), deep: true })
      expect(report).toEqual({ ...nothing, orphaned: 1, deleted: 1 })
      expect(pages.at(-1)).toEqual({ tenant: name, checked: 2 })
      expect(await keysOf(acme)).toEqual([hashOf('owned')])
      expect(await keysOf(globex)).toEqual([theirs.key])
      expect(await collect(acme)).toEqual({ ...nothing, checked: 1 })
      await store.collectBlobs(now)
      expect(await keysOf(globex)).toEqual([])
      await expect(store.collectBlobs({ graceMs: -1 })).rejects.toMatchObject({ path: 'graceMs' })
      await expect(store.collectBlobs({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'HW_ABORTED' })
    })

    it('a blob stays while one of its documents lives', async () => {
      const acme = tenant()
      for (const id of ['a', 'b']) await acme.documents.put({ id, text: `words of ${id}`, blob: { data: 'shared' } })
      await acme.documents.delete('a')
      expect(await collect(acme)).toMatchObject({ orphaned: 0 })
      await expect(acme.blobs.delete(hashOf('shared'))).rejects.toMatchObject({ code: 'HW_CONFLICT', path: 'key' })
      expect(await textOf(await acme.blobs.get(hashOf('shared')))).toBe('shared')
      await acme.documents.patch('b', { blob: null })
      expect(await collect(acme)).toMatchObject({ orphaned: 1, deleted: 1 })
      const { key } = await acme.blobs.put('nobody’s')
      expect([await acme.blobs.delete(key), await acme.blobs.delete(key)]).toEqual([true, false])
    })

    it('a crash between upload and commit leaves an orphan, and a commit that comes after its removal is refused', async () => {
      const acme = tenant()
      const document = { id: 'a', text: 'words', blob: { data: 'uploaded' } }
      const prepared = await acme.documents.prepare(document)
      expect(await keysOf(acme)).toEqual([hashOf('uploaded')])
      expect(await collect(acme)).toMatchObject({ orphaned: 1, deleted: 1 })
      await expect(acme.documents.put(prepared)).rejects.toMatchObject({ code: 'HW_NOT_FOUND', path: 'blob' })
      expect(await acme.documents.get('a')).toBeNull()
      await acme.documents.put(document)
      expect(await collect(acme, { deep: true })).toMatchObject({ checked: 1, orphaned: 0, missingCount: 0 })
    })

    it('a removal that has begun refuses whoever would own the blob, and puts nobody’s document out', async () => {
      const acme = tenant()
      const document = { id: 'a', text: 'words', blob: { data: 'contested' } }
      await acme.documents.put(document)
      await acme.documents.delete('a')
      const { reached, open } = gate('delete')
      const collecting = collect(acme)
      await reached
      // Put anew, with its bytes, while the collector is about to delete them.
      const refused = { code: 'HW_CONFLICT', path: 'blob', retryable: true }
      await expect(acme.documents.put(document)).rejects.toMatchObject(refused)
      const inBatch = acme.documents.putMany([document])
      await expect(inBatch).rejects.toMatchObject({ code: 'HW_CONFLICT' })
      open()
      expect(await collecting).toMatchObject({ orphaned: 1 })
      await acme.documents.put(document)
      expect(await textOf(await acme.blobs.get(hashOf('contested')))).toBe('contested')
      expect(await collect(acme, { deep: true })).toMatchObject({ checked: 1, orphaned: 0, missing: [] })
    })

    it('a write that has looked at its blob keeps it from the collector until it has committed', async () => {
      const acme = tenant()
      const { key } = await acme.blobs.put('wanted')
      await tick()
      // The first look is before the transaction, the second one inside.
      const { reached, open } = gate('head', 2)
      const putting = acme.documents.put({ id: 'a', text: 'words', blob: { hash: key } })
      await reached
      const collecting = collect(acme)
      // Where there is one connection, the collector waits for the write; on a server it passes the blob over.
      await Promise.race([collecting, tick()])
      open()
      expect(await putting).toMatchObject({ version: 1 })
      expect(await collecting).toMatchObject({ deleted: 0 })
      expect(await textOf(await acme.blobs.get(key))).toBe('wanted')
    })

    it('writers and collectors at once leave every document its blob', async () => {
      const acme = tenant()
      const write = async (round: number): Promise<void> => {
        const id = `d${round % 4}`
        const wrote = acme.documents.put({ id, text: `words ${round}`, blob: { data: `blob ${round % 3}` } })
        const outcome = await wrote.then(
          () => 'done',
          (error) => error.code,
        )
        expect(['done', 'HW_CONFLICT', 'HW_NOT_FOUND']).toContain(outcome)
        if (round % 3 === 0) await acme.documents.delete(id)
      }
      const collects = async (): Promise<void> => {
        for (let round = 0; round < 6; round++) await collect(acme)
      }
      const rounds = Array.from({ length: 24 }, (_, round) => round)
      await Promise.all([collects(), collects(), ...rounds.map(write)])
      const left = await acme.documents.list()
      for (const { blob } of left.items) expect(await textOf(await acme.blobs.get(blob!.hash))).toMatch(/^blob \d$/)
      await collect(acme)
      const owned = new Set(left.items.map(({ blob }) => blob!.hash))
      expect(new Set(await keysOf(acme))).toEqual(owned)
    })

    it('names the documents whose blob is gone, also those of a tenant without any blob', async () => {
      const acme = tenant()
      for (const id of ['a', 'b', 'c']) await acme.documents.put({ id, text: 'words', blob: { data: `of ${id}` } })
      const head = vi.spyOn(kind.prototype, 'head')
      await acme.blobs.head(absent)
      const raw = head.mock.contexts[0] as unknown as BlobRepository
      await raw.delete(acme.tenant as TenantId, hashOf('of b'))
      const missing = (id: string) => ({
        tenant: acme.tenant,
        collection: 'documents',
        document: id,
        hash: hashOf(`of ${id}`),
        reason: 'absent',
      })
      expect(await collect(acme)).toMatchObject({ checked: 2, missing: [missing('b')], missingCount: 1 })
      for (const id of ['a', 'c']) await raw.delete(acme.tenant as TenantId, hashOf(`of ${id}`))
      const all = (await store.collectBlobs()).missing.filter((one) => one.tenant === acme.tenant)
      expect(all.map(({ document }) => document).sort()).toEqual(['a', 'b', 'c'])
      await acme.documents.patch('a', { blob: null })
      expect((await collect(acme)).missingCount).toBe(2)
    })
  })
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-blobs-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

blobSuite('in memory', MemoryBlobRepository, async () => {
  const store = await createTestStore(options)
  return { store, dispose: () => store.close() }
})

blobSuite('in an embedded folder', DirectoryBlobRepository, async () => {
  const store = await openStore({ ...options, embedded: { path: join(folder, 'embedded') } })
  return { store, dispose: () => store.close() }
})

describeWithS3('blobs in S3', (s3) => {
  blobSuite('in S3', S3BlobRepository, async () => {
    const s3Options = { ...s3().options, bucketPrefix: freshPrefix() }
    const store = await openStore({ ...options, embedded: { path: ':memory:' }, s3: s3Options })
    return { store, dispose: () => store.close() }
  })
})

describeWithPgvector('on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  blobSuite('on a server under row level security', DirectoryBlobRepository, async () => {
    const store = await openStore({
      ...options,
      postgres: { url: database().url, rowLevelSecurity: 'require' },
      blobs: { path: join(folder, 'server') },
    })
    return { store, dispose: () => store.close() }
  })

  it('a transaction of the caller’s holds the blob until it has ended', async () => {
    const store = await openStore({
      ...options,
      postgres: { url: database().url },
      blobs: { path: join(folder, 'using') },
    })
    const client = new pg.Client({ connectionString: database().url })
    await client.connect()
    try {
      const acme = store.forTenant('using')
      const { key } = await acme.blobs.put('wanted')
      const put = () => acme.using(client).documents.put({ id: 'a', text: 'words', blob: { hash: key } })
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      await expect(put()).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT', path: 'transaction' })
      await client.query('ROLLBACK')
      await client.query('BEGIN')
      await put()
      await tick()
      expect(await store.collectBlobs({ ...now, tenant: 'using' })).toMatchObject({ orphaned: 1, deleted: 0 })
      await expect(acme.blobs.delete(key)).rejects.toMatchObject({ code: 'HW_CONFLICT' })
      await client.query('ROLLBACK')
      expect(await store.collectBlobs({ ...now, tenant: 'using' })).toMatchObject({ orphaned: 1, deleted: 1 })
    } finally {
      await client.end()
      await store.close()
    }
  })
})

describe('blobs at a fault', () => {
  it('what a collector that died was removing is free again in time, and collected by the next one', async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 1))
    const store = await createTestStore({ ...options, clock, relay: 'external' })
    const acme = store.forTenant('acme')
    const { key } = await acme.blobs.put('doomed')
    await clock.advance(25 * 3_600_000)
    const deleting = vi.spyOn(MemoryBlobRepository.prototype, 'delete').mockRejectedValueOnce(new Error('died'))
    await expect(store.collectBlobs({ dryRun: false })).rejects.toThrow('died')
    deleting.mockRestore()
    const put = () => acme.documents.put({ id: 'a', text: 'words', blob: { hash: key } })
    await expect(put()).rejects.toMatchObject({ code: 'HW_CONFLICT' })
    expect(await store.collectBlobs({ dryRun: false })).toMatchObject({ orphaned: 1, deleted: 0 })
    await clock.advance(removalMs + 1)
    expect(await put()).toMatchObject({ version: 1 })
    await acme.documents.delete('a')
    expect(await store.collectBlobs({ dryRun: false })).toMatchObject({ orphaned: 1, deleted: 1 })
    await store.close()
  })

  it('a blob that is put again in the meantime is not deleted', async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 1))
    const store = await createTestStore({ ...options, clock, relay: 'external' })
    const acme = store.forTenant('acme')
    await acme.blobs.put('again')
    await clock.advance(25 * 3_600_000)
    const original = MemoryBlobRepository.prototype.delete
    vi.spyOn(MemoryBlobRepository.prototype, 'delete').mockImplementationOnce(async function (this: never, ...args) {
      await acme.blobs.put('again')
      return original.apply(this, args)
    })
    expect(await store.collectBlobs({ dryRun: false })).toMatchObject({ orphaned: 1, deleted: 0 })
    expect(await acme.blobs.list()).toHaveLength(1)
    await store.close()
  })

  it('deep tells bytes that were changed, and a size that is another from any run', async () => {
    const path = join(folder, 'deep')
    const store = await openStore({ ...options, embedded: { path: ':memory:' }, blobs: { path } })
    const acme = store.forTenant('acme')
    for (const id of ['a', 'b']) await acme.documents.put({ id, text: 'words', blob: { data: `bytes of ${id}` } })
    const files = (await readdir(path, { recursive: true })).map(String)
    const fileOf = (id: string) => join(path, files.find((name) => name.endsWith(hashOf(`bytes of ${id}`)))!)
    await writeFile(fileOf('a'), 'bytes OF a')
    await writeFile(fileOf('b'), 'bytes')
    const found = async (deep: boolean) =>
      (await store.collectBlobs({ deep })).missing.map(({ document, reason }) => `${document} ${reason}`).sort()
    expect(await found(false)).toEqual(['b size'])
    expect(await found(true)).toEqual(['a content', 'b content'])
    await store.close()
  })
})
