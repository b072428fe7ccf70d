import { createHash } from 'node:crypto'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { BlobRepository, ScannedBlob } from '../../repositories/blobs'
import { installation } from '../../repositories/entity-table'
import { codeOf, type Fixture, fixtureTest, type TestRunner } from '../runner'
import { acme, globex, hostileStrings } from './rows'

export interface BlobFixture extends Fixture {
  readonly blobs: BlobRepository
}

const absent = '0'.repeat(64)
const megabyte = 1024 * 1024

/** What every `BlobRepository` promises. */
export function blobRepositoryContract(runner: TestRunner, make: () => Promise<BlobFixture>): void {
  const { expect } = runner
  const test = fixtureTest(runner, make)
  const read = async (blobs: BlobRepository, key: string, range?: { start: number; end?: number }, tenant = acme) => {
    const stream = await blobs.get(tenant, key, { range })
    return stream ? collect(stream) : null
  }

  runner.describe('BlobRepository', () => {
    test('keeps bytes by their hash', async ({ blobs }) => {
      const bytes = pattern(1000)
      const info = await blobs.put(acme, bytes, { contentType: 'image/png' })
      const { createdAt, ...rest } = info
      expect(rest).toEqual({ key: hashOf(bytes), size: 1000, contentType: 'image/png' })
      expect(createdAt).toBeGreaterThan(0)
      expect(await blobs.head(acme, info.key)).toEqual(info)
      expect(Buffer.compare((await read(blobs, info.key))!, bytes)).toBe(0)
    })

    test("keeps the installation's apart, and tells it among no tenants", async ({ blobs }) => {
      const { key } = await blobs.put(installation, 'of nobody', { contentType: 'application/json' })
      expect((await read(blobs, key, undefined, installation))?.toString()).toBe('of nobody')
      expect(await blobs.head(acme, key)).toBe(null)
      await blobs.put(acme, 'of somebody')
      const scanned: ScannedBlob[] = []
      for await (const page of blobs.scan(installation)) scanned.push(...page)
      expect(scanned.some((one) => one.key === key)).toBe(true)
      const tenants: TenantId[] = []
      for await (const tenant of blobs.tenants()) tenants.push(tenant)
      expect([tenants.includes(acme), tenants.includes(installation)]).toEqual([true, false])
    })

    test('takes text as UTF-8, lists and streams of pieces, and nothing', async ({ blobs }) => {
      const text = hostileStrings.join('\u0000')
      const whole = await blobs.put(acme, text)
      expect([whole.key, whole.contentType]).toEqual([hashOf(Buffer.from(text)), 'application/octet-stream'])
      expect((await read(blobs, whole.key))?.toString()).toBe(text)
      const pieces = [pattern(10), new Uint8Array(0), pattern(70_000)]
      const listed = await blobs.put(acme, pieces)
      expect(listed.key).toBe(hashOf(Buffer.concat(pieces)))
      expect((await read(blobs, listed.key))?.length).toBe(70_010)
      const empty = await blobs.put(acme, '')
      expect([empty.size, (await read(blobs, empty.key))?.length]).toEqual([0, 0])
      expect((await blobs.put(acme, [])).key).toBe(empty.key)
    })

    test('streams 5 MiB in and out, also from one buffer used again and again', async ({ blobs }) => {
      async function* source(): AsyncGenerator<Uint8Array> {
        const buffer = new Uint8Array(megabyte)
        for (let i = 0; i < 5; i++) {
          buffer.set(pattern(megabyte, i))
          yield buffer
        }
      }
      const expected = Buffer.concat(Array.from({ length: 5 }, (_, i) => pattern(megabyte, i)))
      const info = await blobs.put(acme, source())
      expect([info.key, info.size]).toEqual([hashOf(expected), 5 * megabyte])
      const stream = await blobs.get(acme, info.key)
      const hash = createHash('sha256')
      let largest = 0
      for await (const piece of stream!) {
        hash.update(piece)
        largest = Math.max(largest, piece.byteLength)
      }
      expect(hash.digest('hex')).toBe(info.key)
      expect(largest).toBeLessThan(megabyte + 1)
    })

    test('reads ranges, both ends included', async ({ blobs }) => {
      const bytes = pattern(200_000)
      const { key } = await blobs.put(acme, bytes)
      const cases = [
        [{ start: 0, end: 0 }, bytes.subarray(0, 1)],
        [{ start: 5, end: 9 }, bytes.subarray(5, 10)],
        [{ start: 65_530, end: 140_000 }, bytes.subarray(65_530, 140_001)],
        [{ start: 199_990 }, bytes.subarray(199_990)],
        [{ start: 199_999, end: 900_000 }, bytes.subarray(199_999)],
      ] as const
      for (const [range, expected] of cases) {
        expect(Buffer.compare((await read(blobs, key, range))!, expected)).toBe(0)
      }
      for (const range of [{ start: 200_000 }, { start: -1 }, { start: 9, end: 8 }, { start: 0.5 }]) {
        expect(await codeOf(blobs.get(acme, key, { range }))).toBe('HW_INVALID_ARGUMENT')
      }
      expect(await blobs.get(acme, absent, { range: { start: 0 } })).toBe(null)
    })

    test('the same bytes twice are one blob', async ({ blobs }) => {
      const first = await blobs.put(acme, 'same')
      const second = await blobs.put(acme, 'same')
      expect(second.key).toBe(first.key)
      expect((await blobs.list(acme)).length).toBe(1)
      const many = await Promise.all(Array.from({ length: 5 }, () => blobs.put(acme, pattern(100_000))))
      expect(new Set(many.map(({ key }) => key)).size).toBe(1)
      expect((await read(blobs, many[0]!.key))?.length).toBe(100_000)
    })

    test('what is absent is null, or false', async ({ blobs }) => {
      expect(await blobs.head(acme, absent)).toBe(null)
      expect(await blobs.get(acme, absent)).toBe(null)
      expect(await blobs.delete(acme, absent)).toBe(false)
      expect(await blobs.list(acme)).toEqual([])
    })

    test('deletes', async ({ blobs }) => {
      const { key } = await blobs.put(acme, 'gone', { contentType: 'text/plain' })
      const kept = await blobs.put(acme, 'kept')
      expect(await blobs.delete(acme, key)).toBe(true)
      expect(await blobs.delete(acme, key)).toBe(false)
      expect(await blobs.head(acme, key)).toBe(null)
      expect((await blobs.list(acme)).map((info) => info.key)).toEqual([kept.key])
      expect((await blobs.put(acme, 'gone')).contentType).toBe('application/octet-stream')
    })

    test('lists by key, page after page', async ({ blobs }) => {
      const keys: string[] = []
      for (let i = 0; i < 20; i++) keys.push((await blobs.put(acme, `blob ${i}`, { contentType: 'text/plain' })).key)
      keys.sort()
      const all = await blobs.list(acme)
      expect(all.map(({ key }) => key)).toEqual(keys)
      expect(all[0]).toEqual(await blobs.head(acme, keys[0]!))
      const seen: string[] = []
      for (;;) {
        const page = await blobs.list(acme, { after: seen.at(-1), limit: 7 })
        if (page.length === 0) break
        seen.push(...page.map(({ key }) => key))
      }
      expect(seen).toEqual(keys)
    })

    test('scans a tenant by key, and tells who has blobs', async ({ blobs }) => {
      expect([await scanned(blobs, acme), await tenantsOf(blobs)]).toEqual([[], []])
      const before = Date.now()
      for (let i = 0; i < 20; i++) await blobs.put(acme, `blob ${i}`, { contentType: 'text/plain' })
      const theirs = await blobs.put('Acme' as TenantId, 'theirs')
      await blobs.put('acme.b' as TenantId, 'theirs too')
      const found = await scanned(blobs, acme)
      const listed = await blobs.list(acme)
      expect(found.map(({ key, size }) => [key, size])).toEqual(listed.map(({ key, size }) => [key, size]))
      // The clock of another machine, at most some minutes off.
      for (const { modifiedAt } of found) expect(Math.abs(modifiedAt - before)).toBeLessThan(600_000)
      expect((await scanned(blobs, 'Acme' as TenantId)).map(({ key }) => key)).toEqual([theirs.key])
      expect((await tenantsOf(blobs)).sort()).toEqual(['Acme', 'acme', 'acme.b'])
      await blobs.delete(acme, listed[0]!.key)
      expect((await scanned(blobs, acme)).length).toBe(19)
    })

    test('deletes only what was put before a given time, if one is given', async ({ blobs }) => {
      const { key } = await blobs.put(acme, 'x')
      const [{ modifiedAt }] = (await scanned(blobs, acme)) as [ScannedBlob]
      expect(await blobs.delete(acme, key, { putBefore: modifiedAt - 1_000 })).toBe(false)
      expect((await read(blobs, key))?.toString()).toBe('x')
      expect(await blobs.delete(acme, key, { putBefore: modifiedAt + 1_000 })).toBe(true)
      expect(await blobs.delete(acme, key, { putBefore: modifiedAt + 1_000 })).toBe(false)
    })

    test('tenants are apart, also those of like names', async ({ blobs }) => {
      const names = ['acme', 'Acme', 'ACME', '.', '..', 'a', 'a.', '-', 'a-b', '1-a', 'x'.repeat(128), 'X'.repeat(128)]
      const tenants = names as TenantId[]
      const { key } = await blobs.put(globex, 'theirs')
      for (const tenant of tenants) {
        expect([tenant, await blobs.head(tenant, key)]).toEqual([tenant, null])
        expect(await blobs.get(tenant, key)).toBe(null)
        expect(await blobs.delete(tenant, key)).toBe(false)
        expect(await blobs.list(tenant)).toEqual([])
      }
      for (const tenant of tenants) await blobs.put(tenant, `only ${tenant}`)
      for (const tenant of tenants) {
        expect((await blobs.list(tenant)).map((info) => info.key)).toEqual([hashOf(Buffer.from(`only ${tenant}`))])
      }
      expect((await read(blobs, key, undefined, globex))?.toString()).toBe('theirs')
    })

    test('refuses names that are no names', async ({ blobs }) => {
      const keys = ['', '..', '../'.repeat(21), 'A'.repeat(64), absent.slice(1), `${absent}0`, `${absent.slice(1)}/`]
      for (const key of keys) {
        expect(await codeOf(blobs.head(acme, key))).toBe('HW_INVALID_ARGUMENT')
        expect(await codeOf(blobs.get(acme, key))).toBe('HW_INVALID_ARGUMENT')
        expect(await codeOf(blobs.delete(acme, key))).toBe('HW_INVALID_ARGUMENT')
      }
      for (const tenant of ['', '../up', 'a/b', 'a\\b', 'a\u0000b', 'é'] as TenantId[]) {
        expect(await codeOf(blobs.put(tenant, 'x'))).toBe('HW_INVALID_ARGUMENT')
        expect(await codeOf(blobs.head(tenant, absent))).toBe('HW_INVALID_ARGUMENT')
        expect(await codeOf(blobs.list(tenant))).toBe('HW_INVALID_ARGUMENT')
      }
    })

    test('refuses bytes of another hash than expected', async ({ blobs }) => {
      const expectedKey = hashOf(Buffer.from('x'))
      expect(await codeOf(blobs.put(acme, 'y', { expectedKey }))).toBe('HW_INVALID_ARGUMENT')
      expect(await blobs.list(acme)).toEqual([])
      expect((await blobs.put(acme, 'x', { expectedKey })).key).toBe(expectedKey)
    })

    test('a source that fails, aborts or gives no bytes leaves nothing', async ({ blobs }) => {
      const controller = new AbortController()
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield pattern(100_000)
        throw new HeadwaterError('HW_NOT_FOUND', 'The source broke')
      }
      async function* aborting(): AsyncGenerator<Uint8Array> {
        yield pattern(100_000)
        controller.abort()
        yield pattern(100_000)
      }
      expect(await codeOf(blobs.put(acme, failing()))).toBe('HW_NOT_FOUND')
      expect(await codeOf(blobs.put(acme, aborting(), { signal: controller.signal }))).toBe('HW_ABORTED')
      expect(await codeOf(blobs.put(acme, ['text'] as unknown as Uint8Array[]))).toBe('HW_INVALID_ARGUMENT')
      expect(await blobs.list(acme)).toEqual([])
      expect(await blobs.head(acme, hashOf(pattern(100_000)))).toBe(null)
    })

    test('an aborted signal ends a read', async ({ blobs }) => {
      const { key } = await blobs.put(acme, pattern(300_000))
      const controller = new AbortController()
      const stream = await blobs.get(acme, key, { signal: controller.signal })
      const reading = async (): Promise<void> => {
        for await (const _ of stream!) controller.abort()
      }
      expect(await codeOf(reading())).toBe('HW_ABORTED')
      expect(await codeOf(blobs.head(acme, key, { signal: controller.signal }))).toBe('HW_ABORTED')
    })

    test('does not share memory with the caller', async ({ blobs }) => {
      const mine = pattern(100)
      const { key } = await blobs.put(acme, mine)
      mine.fill(0)
      for await (const piece of (await blobs.get(acme, key))!) piece.fill(0)
      expect(Buffer.compare((await read(blobs, key))!, pattern(100))).toBe(0)
    })
  })
}

function pattern(size: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + seed) & 0xff
  return bytes
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function scanned(blobs: BlobRepository, tenant: TenantId): Promise<ScannedBlob[]> {
  const found: ScannedBlob[] = []
  for await (const page of blobs.scan(tenant)) found.push(...page)
  return found
}

async function tenantsOf(blobs: BlobRepository): Promise<string[]> {
  const found: string[] = []
  for await (const tenant of blobs.tenants()) found.push(tenant)
  return found
}
