import { createHash, randomBytes } from 'node:crypto'
import { Client } from 'minio'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { S3Connection } from '../../../src/connections/s3/connection'
import { tenantId } from '../../../src/core/ids'
import { type S3BlobOptions, S3BlobRepository } from '../../../src/repositories/s3/blobs'
import { blobRepositoryContract } from '../../../src/testing/contracts/blobs'
import { describeWithS3 } from '../../support/minio'

const acme = tenantId('acme')
const globex = tenantId('globex')
const mebibyte = 1024 * 1024
const absent = '0'.repeat(64)
const hashOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

describeWithS3('blobs in S3', (s3) => {
  let raw: Client
  let connection: S3Connection
  beforeAll(() => {
    const { hostname, port, protocol } = new URL(s3().endpoint)
    const { accessKey, secretKey } = s3().options
    raw = new Client({
      endPoint: hostname,
      port: Number(port),
      useSSL: protocol === 'https:',
      accessKey: accessKey!,
      secretKey: secretKey!,
      region: 'us-east-1',
    })
    connection = new S3Connection(s3().options)
  })
  afterAll(() => connection.close())

  blobRepositoryContract({ describe, it, expect }, async () => {
    const blobs = fresh()
    return { blobs, dispose: () => empty(blobs.bucket) }
  })

  function fresh(options: S3BlobOptions = {}, over = connection): S3BlobRepository {
    return new S3BlobRepository(over, { bucket: `hw-test-${randomBytes(8).toString('hex')}`, ...options })
  }

  async function names(bucket: string): Promise<string[]> {
    const found: string[] = []
    for await (const { name } of raw.listObjectsV2(bucket, '', true)) found.push(name)
    return found
  }

  async function empty(bucket: string): Promise<void> {
    if (!(await raw.bucketExists(bucket))) return
    const listed = raw.listObjects(bucket, '', true, { IncludeVersion: true })
    for await (const { name, versionId } of listed) await raw.removeObject(bucket, name, { versionId })
    await raw.removeBucket(bucket)
  }

  async function within(options: S3BlobOptions, body: (blobs: S3BlobRepository) => Promise<void>): Promise<void> {
    const blobs = fresh(options)
    try {
      await body(blobs)
    } finally {
      await empty(blobs.bucket)
    }
  }

  async function* streamed(size: number, pieceBytes = 300_000): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(pieceBytes)
    for (let at = 0; at < size; at += pieceBytes) {
      buffer.fill((at / pieceBytes) & 0xff)
      yield buffer.subarray(0, Math.min(pieceBytes, size - at))
    }
  }

  it('puts 25 MiB in parts, verified, and leaves nothing but the blob', async () => {
    await within({ partBytes: 5 * mebibyte }, async (blobs) => {
      const size = 25 * mebibyte
      const hash = createHash('sha256')
      for await (const piece of streamed(size)) hash.update(piece)
      const key = hash.digest('hex')
      const info = await blobs.put(acme, streamed(size), { contentType: 'video/mp4', expectedKey: key })
      expect(info).toMatchObject({ key, size, contentType: 'video/mp4' })
      expect(await blobs.head(acme, key)).toEqual(info)
      expect(await names(blobs.bucket)).toEqual([`tenants/4-acme/${key}`])
      let read = 0
      for await (const piece of (await blobs.get(acme, key))!) read += piece.byteLength
      expect(read).toBe(size)
    })
  })

  it('a large put that fails, is refused or is too large leaves nothing, no upload either', async () => {
    await within({ partBytes: 5 * mebibyte, maxBytes: 12 * mebibyte }, async (blobs) => {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield* streamed(11 * mebibyte)
        throw new TypeError('the source broke')
      }
      await expect(blobs.put(acme, failing())).rejects.toThrow('the source broke')
      const refused = blobs.put(acme, streamed(11 * mebibyte), { expectedKey: absent })
      await expect(refused).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
      await expect(blobs.put(acme, streamed(13 * mebibyte))).rejects.toMatchObject({ code: 'HW_LIMIT_EXCEEDED' })
      const controller = new AbortController()
      async function* aborting(): AsyncGenerator<Uint8Array> {
        yield* streamed(11 * mebibyte)
        controller.abort()
        yield* streamed(mebibyte / 2)
      }
      const aborted = blobs.put(acme, aborting(), { signal: controller.signal })
      await expect(aborted).rejects.toMatchObject({ code: 'HW_ABORTED' })
      expect(await names(blobs.bucket)).toEqual([])
      const uploads: string[] = []
      for await (const { key } of raw.listIncompleteUploads(blobs.bucket, '', true)) uploads.push(key)
      expect(uploads).toEqual([])
    })
  })

  it('tells bytes that were changed behind its back from the blob', async () => {
    await within({}, async (blobs) => {
      const { key } = await blobs.put(acme, 'honest')
      await raw.putObject(blobs.bucket, `tenants/4-acme/${key}`, 'forged')
      const drain = async (): Promise<void> => {
        for await (const _ of (await blobs.get(acme, key))!);
      }
      await expect(drain()).rejects.toMatchObject({ code: 'HW_STORAGE', path: `${blobs.bucket}/tenants/4-acme/${key}` })
      await blobs.put(acme, 'honest')
      await drain()
    })
  })

  it('makes the bucket with versioning, lifecycle and policy, once', async () => {
    const read = { Effect: 'Allow', Principal: { AWS: ['*'] }, Action: ['s3:GetObject'] }
    const bucket = `hw-test-${randomBytes(8).toString('hex')}`
    const policy = { Version: '2012-10-17', Statement: [{ ...read, Resource: [`arn:aws:s3:::${bucket}/public/*`] }] }
    await within({ bucket, versioning: true, noncurrentDays: 9, policy }, async (blobs) => {
      await Promise.all([1, 2, 3].map(() => blobs.put(acme, 'x')))
      expect(await raw.getBucketVersioning(bucket)).toMatchObject({ Status: 'Enabled' })
      const rules = JSON.stringify(await raw.getBucketLifecycle(bucket))
      for (const part of ['partial/', 'incoming/', '"NoncurrentDays":9']) expect(rules).toContain(part)
      expect(JSON.parse(await raw.getBucketPolicy(bucket)).Statement[0].Action).toEqual(['s3:GetObject'])
      await raw.setBucketVersioning(bucket, { Status: 'Suspended' })
      await new S3BlobRepository(connection, { bucket, versioning: true }).put(acme, 'y')
      expect(await raw.getBucketVersioning(bucket)).toMatchObject({ Status: 'Suspended' })
    })
    const missing = fresh({ createBucket: false })
    await expect(missing.put(acme, 'x')).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
  })

  it('an older version stays behind a delete', async () => {
    await within({ versioning: true }, async (blobs) => {
      const { key } = await blobs.put(acme, 'x')
      expect(await blobs.delete(acme, key)).toBe(true)
      expect([await blobs.head(acme, key), await blobs.get(acme, key), await blobs.list(acme)]).toEqual([
        null,
        null,
        [],
      ])
      const versions: unknown[] = []
      for await (const version of raw.listObjects(blobs.bucket, '', true, { IncludeVersion: true }))
        versions.push(version)
      expect(versions.length).toBe(2)
    })
  })

  it('presigned URLs live 15 minutes at most unless allowed more', async () => {
    await within({}, async (blobs) => {
      const { key } = await blobs.put(acme, 'shared', { contentType: 'text/plain' })
      const url = await blobs.presignGet(acme, key)
      expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('900')
      const answer = await fetch(url)
      expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
        200,
        'text/plain',
        'shared',
      ])
      expect((await fetch(url.replace(/[0-9a-f]{4}$/, 'ffff'))).status).toBe(403)
      for (const expiresMs of [900_001, 0, Number.NaN]) {
        await expect(blobs.presignGet(acme, key, { expiresMs })).rejects.toMatchObject({ path: 'expiresMs' })
      }
      const longer = new S3BlobRepository(connection, { bucket: blobs.bucket, maxPresignMs: 7_200_000 })
      const hours = await longer.presignGet(acme, key, { expiresMs: 7_200_000 })
      expect(new URL(hours).searchParams.get('X-Amz-Expires')).toBe('7200')
      expect(new URL(await longer.presignGet(acme, key)).searchParams.get('X-Amz-Expires')).toBe('900')
    })
  })

  it('what is sent to a presigned URL becomes a blob only when its hash is right', async () => {
    await within({}, async (blobs) => {
      const key = hashOf('sent')
      const send = async (body: string): Promise<number> => {
        const headers = { 'content-type': 'text/csv' }
        return (await fetch(await blobs.presignPut(acme, key), { method: 'PUT', body, headers })).status
      }
      expect(await blobs.accept(acme, key)).toBe(null)
      expect(await send('forged')).toBe(200)
      expect(await blobs.head(acme, key)).toBe(null)
      await expect(blobs.accept(acme, key)).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
      expect(await names(blobs.bucket)).toEqual([])
      expect(await send('sent')).toBe(200)
      expect(await blobs.accept(globex, key)).toBe(null)
      expect(await blobs.accept(acme, key)).toMatchObject({ key, size: 4, contentType: 'text/csv' })
      expect(await names(blobs.bucket)).toEqual([`tenants/4-acme/${key}`])
      expect(await send('forged')).toBe(200)
      const pieces: Uint8Array[] = []
      for await (const piece of (await blobs.get(acme, key))!) pieces.push(piece)
      expect(Buffer.concat(pieces).toString()).toBe('sent')
    })
  })

  it('copies to another tenant', async () => {
    await within({}, async (blobs) => {
      const mine = await blobs.put(acme, 'shared', { contentType: 'text/plain' })
      expect(await blobs.copy(acme, absent, globex)).toBe(null)
      expect(await blobs.copy(acme, mine.key, globex)).toEqual(mine)
      await blobs.delete(acme, mine.key)
      expect(await blobs.head(globex, mine.key)).toEqual(mine)
    })
  })

  it.each([
    [{ partBytes: mebibyte }, 's3.blobs.partBytes'],
    [{ maxBytes: 6 * 1024 * mebibyte }, 's3.blobs.maxBytes'],
    [{ maxPresignMs: 8 * 86_400_000 }, 's3.blobs.maxPresignMs'],
  ])('refuses %o by the path of the option', (options, path) => {
    const refusal = expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path })
    expect(() => new S3BlobRepository(connection, options)).toThrow(refusal)
  })
})
