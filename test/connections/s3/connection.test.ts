import { randomBytes } from 'node:crypto'
import { Client } from 'minio'
import { describe, expect, it } from 'vitest'
import { S3Connection } from '../../../src/connections/s3/connection'
import { resolveS3Options, type S3Options } from '../../../src/connections/s3/options'
import { tenantId } from '../../../src/core/ids'
import { S3BlobRepository } from '../../../src/repositories/s3/blobs'
import { describeWithS3 } from '../../support/minio'
import { TcpProxy } from '../../support/tcp-proxy'

const acme = tenantId('acme')
const keys = { accessKey: 'me', secretKey: 'hidden-secret' }

describe('options of S3', () => {
  it.each<[S3Options, string]>([
    [{}, 's3'],
    [{ endpoint: 'ftp://x', ...keys }, 's3.endpoint'],
    [{ endpoint: 'https://me:hidden-secret@x', ...keys }, 's3.endpoint'],
    [{ endpoint: 'https://x', accessKey: 'me' }, 's3.secretKey'],
    [{ endpoint: 'http://x', ...keys, tls: {} }, 's3.tls'],
    [{ endpoint: 'https://x', ...keys, bucketPrefix: 'No' }, 's3.bucketPrefix'],
    [{ endpoint: 'https://x', ...keys, requestTimeoutMs: 0 }, 's3.requestTimeoutMs'],
  ])('refuses %o by its path, without the secret', (options, path) => {
    try {
      resolveS3Options(options)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS', path })
      expect(String(error)).not.toContain('hidden-secret')
    }
  })

  it('shows no secret', () => {
    expect(JSON.stringify(resolveS3Options({ endpoint: 'https://x', ...keys }))).not.toContain('hidden-secret')
  })
})

describeWithS3('a connection to S3', (s3) => {
  const bucket = `hw-test-${randomBytes(8).toString('hex')}`

  it('tells latency and who answers; opens nothing before it is used', async () => {
    const connection = new S3Connection(s3().options)
    expect(await connection.health()).toMatchObject({ status: 'up', breaker: 'closed', target: s3().endpoint })
    expect((await connection.health()).serverVersion).toMatch(/\w/)
    await connection.close()
    expect(await connection.health()).toMatchObject({ status: 'down', error: { code: 'HW_CLOSED' } })
  })

  it('works over a client of the caller, and aborts its waits', async () => {
    const { hostname, port } = new URL(s3().endpoint)
    const { accessKey, secretKey } = s3().options
    const client = new Client({
      endPoint: hostname,
      port: Number(port),
      useSSL: false,
      accessKey: accessKey!,
      secretKey: secretKey!,
    })
    const connection = new S3Connection({ client })
    const blobs = new S3BlobRepository(connection, { bucket })
    const { key } = await blobs.put(acme, 'x')
    const waiting = blobs.head(acme, key, { signal: AbortSignal.abort() })
    await expect(waiting).rejects.toMatchObject({ code: 'HW_ABORTED' })
    await connection.close()
    expect(await client.bucketExists(bucket)).toBe(true)
  })

  async function throughProxy(
    options: S3Options,
    body: (blobs: S3BlobRepository, proxy: TcpProxy, connection: S3Connection) => Promise<void>,
  ): Promise<void> {
    const proxy = await TcpProxy.to(s3().endpoint)
    const connection = new S3Connection({ ...s3().options, ...options, endpoint: proxy.url })
    try {
      await body(new S3BlobRepository(connection, { bucket }), proxy, connection)
    } finally {
      await connection.destroy()
      await proxy.close()
    }
  }

  it('a server that never answered yet is waited for no longer than the call may take', async () => {
    await throughProxy({}, async (blobs, proxy) => {
      proxy.stall()
      const key = 'a'.repeat(64)
      const calls = [
        () => blobs.put(acme, 'x', { timeoutMs: 100 }),
        () => blobs.head(acme, key, { timeoutMs: 100 }),
        () => blobs.get(acme, key, { timeoutMs: 100 }),
        () => blobs.delete(acme, key, { timeoutMs: 100 }),
        () => blobs.list(acme, { timeoutMs: 100 }),
      ]
      for (const call of calls) {
        const before = performance.now()
        await expect(call()).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
        expect(performance.now() - before).toBeLessThan(1_000)
      }
      const signal = AbortSignal.timeout(100)
      await expect(blobs.put(acme, 'x', { signal })).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
      proxy.cut()
      proxy.resume()
      await expect(blobs.put(acme, 'x')).resolves.toMatchObject({ size: 1 })
    })
  })

  it.each<[string, (proxy: TcpProxy) => void]>([
    ['refuses', (proxy) => proxy.refuse()],
    [
      'resets',
      (proxy) => {
        proxy.onResponse = () => 'cut-before'
      },
    ],
    ['stalls', (proxy) => proxy.stall()],
  ])('while the server %s, calls fail by their deadline, the breaker opens, and it comes back', async (how, fault) => {
    const options: S3Options = {
      requestTimeoutMs: 1_050,
      retry: { maxAttempts: 2, baseMs: 1, maxMs: 5 },
      breaker: { openMs: 50, maxOpenMs: 50, minimumCalls: 3 },
    }
    await throughProxy(options, async (blobs, proxy, connection) => {
      const { key } = await blobs.put(acme, 'x'.repeat(1_000))
      fault(proxy)
      const before = performance.now()
      const failure = await blobs.head(acme, key, { timeoutMs: 200 }).catch((error: unknown) => error)
      expect(performance.now() - before).toBeLessThan(300)
      expect(failure).toMatchObject({ code: how === 'stalls' ? 'HW_TIMEOUT' : 'HW_UNAVAILABLE', retryable: true })
      const all = await Promise.allSettled(Array.from({ length: 6 }, () => blobs.put(acme, 'y')))
      expect(all.every(({ status }) => status === 'rejected')).toBe(true)
      expect((await connection.health({ timeoutMs: 200 })).status).toBe('down')
      expect((await connection.health({ timeoutMs: 200 })).breaker).not.toBe('closed')
      proxy.cut()
      proxy.resume()
      await expect.poll(async () => blobs.head(acme, key).catch(() => null)).toMatchObject({ key })
    })
  })

  it('a body that breaks off or falls silent is an error, and never a short blob', async () => {
    const large = randomBytes(3_000_000)
    await throughProxy({ requestTimeoutMs: 1_000 }, async (blobs, proxy) => {
      const { key } = await blobs.put(acme, large)
      const drain = async (during: () => void): Promise<void> => {
        let first = true
        for await (const _ of (await blobs.get(acme, key))!) {
          if (first) during()
          first = false
        }
      }
      await expect(drain(() => proxy.cut())).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
      await expect(drain(() => proxy.stall())).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
      proxy.cut()
      proxy.resume()
      await drain(() => undefined)
    })
  })

  it('destroy cuts off what is being sent and read', async () => {
    await throughProxy({}, async (blobs, proxy, connection) => {
      const { key } = await blobs.put(acme, randomBytes(3_000_000))
      const reading = (async () => {
        for await (const _ of (await blobs.get(acme, key))!) await connection.destroy()
      })()
      await expect(reading).rejects.toMatchObject({ code: 'HW_CLOSED' })
      await expect(blobs.put(acme, 'x')).rejects.toMatchObject({ code: 'HW_CLOSED' })
      expect(proxy.accepted).toBeGreaterThan(0)
    })
  })
})
