import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { RedisConnection } from '../../../src/connections/redis/connection'
import { type RedisOptions, resolveRedisOptions } from '../../../src/connections/redis/options'
import { isHeadwaterError } from '../../../src/core/errors'
import { tenantId } from '../../../src/core/ids'
import { RedisCacheRepository } from '../../../src/repositories/redis/cache'
import { RedisVectorCache } from '../../../src/repositories/redis/vectors'
import { describeWithRedis, freshPrefix } from '../../support/redis'
import { TcpProxy } from '../../support/tcp-proxy'

const acme = tenantId('acme')

describe('options of Redis', () => {
  it('reads a URL in full and never shows its password', () => {
    const { target } = resolveRedisOptions({ url: 'rediss://me:p%40ss@[::1]:7000/3', tls: { servername: 'cache' } })
    const address = { host: '::1', port: 7000, username: 'me', password: 'p@ss', db: 3, tls: { servername: 'cache' } }
    expect(target).toMatchObject({ kind: 'server', address })
    expect(target.shown).not.toContain('p%40ss')
    expect(resolveRedisOptions({ url: 'redis://cache' }).target).toMatchObject({
      address: { host: 'cache', port: 6379, db: 0, password: undefined, tls: undefined },
    })
  })

  it.each<[RedisOptions, string]>([
    [{}, 'redis'],
    [{ url: 'http://secret@x' }, 'redis.url'],
    [{ url: 'redis://x/one' }, 'redis.url'],
    [{ url: 'redis://x', tls: {} }, 'redis.tls'],
    [{ url: 'redis://x', connections: 21 }, 'redis.connections'],
    [{ url: 'redis://x', commandTimeoutMs: 0 }, 'redis.commandTimeoutMs'],
  ])('refuses %o by its path', (options, path) => {
    try {
      resolveRedisOptions(options)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS', path })
      expect(String(error)).not.toContain('secret')
    }
  })
})

describeWithRedis('a connection to Redis', (redis) => {
  it('opens nothing before it is used, and tells version and latency', async () => {
    const connection = new RedisConnection({ url: redis().url })
    const health = await connection.health()
    expect(health).toMatchObject({ status: 'up', breaker: 'closed', error: undefined })
    expect(health.serverVersion).toMatch(/^\d+\.\d+/)
    expect(health.latencyMs).toBeLessThan(1_000)
    await connection.close()
    await expect(connection.command('PING', [])).rejects.toMatchObject({ code: 'HW_CLOSED' })
    expect(await connection.health()).toMatchObject({ status: 'down', error: { code: 'HW_CLOSED' } })
  })

  it('never closes a client of the caller', async () => {
    const client = new Redis(redis().url)
    const connection = new RedisConnection({ client })
    expect(await connection.command('PING', [])).toBe('PONG')
    await connection.close()
    expect(await client.ping()).toBe('PONG')
    client.disconnect()
  })

  it('a wrong database is told as such', async () => {
    const outside = new RedisConnection({ url: redis().url.replace(/\/\d*$/, '/9999') })
    await expect(outside.command('SET', ['hw-nowhere', '1'])).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS' })
    expect(await redis().raw.exists('hw-nowhere')).toBe(0)
    await outside.destroy()
  })

  it('a server that is not there is HW_UNAVAILABLE and says where', async () => {
    const connection = new RedisConnection({ url: 'redis://127.0.0.1:1' })
    await expect(connection.command('PING', [])).rejects.toMatchObject({
      code: 'HW_UNAVAILABLE',
      message: expect.stringContaining('127.0.0.1:1'),
      details: { network: 'ECONNREFUSED', phase: 'connect' },
    })
    await connection.close()
  })

  /** Sockets that the server has open. */
  async function clients(): Promise<number> {
    return String(await redis().raw.client('LIST'))
      .trim()
      .split('\n').length
  }

  async function throughProxy(
    options: RedisOptions,
    body: (connection: RedisConnection, proxy: TcpProxy) => Promise<void>,
  ): Promise<void> {
    const proxy = await TcpProxy.to(redis().url)
    const connection = new RedisConnection({ ...options, url: proxy.url })
    try {
      await body(connection, proxy)
    } finally {
      await connection.destroy()
      await proxy.close()
    }
  }

  it('a command whose answer was lost is sent again only if it may be, and never later', async () => {
    const key = freshPrefix()
    await throughProxy({ commandTimeoutMs: 300, breaker: { minimumCalls: 20 } }, async (connection, proxy) => {
      await connection.command('PING', [])
      let cuts = 0
      proxy.onResponse = () => (cuts++ === 0 ? 'cut-before' : 'pass')
      const lost = connection.command('INCR', [key], { idempotent: false })
      await expect(lost).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
      expect(await redis().raw.get(key)).toBe('1')
      cuts = 0
      expect(await connection.command('GET', [key])).toBe('1')
      proxy.stall()
      const late = connection.command('INCR', [key], { idempotent: false })
      await expect(late).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
      proxy.resume()
      expect(await connection.command('GET', [key])).toBe('1')
    })
    await redis().raw.del(key)
  })

  it.each([
    ['refuses', (proxy: TcpProxy) => proxy.refuse()],
    [
      'resets',
      (proxy: TcpProxy) => {
        proxy.onResponse = () => 'cut-before'
      },
    ],
    ['stalls', (proxy: TcpProxy) => proxy.stall()],
  ])('while the server %s, reads miss, stores are dropped, deletes fail, and it comes back', async (how, fault) => {
    const prefix = freshPrefix()
    const options = { commandTimeoutMs: 200, connectTimeoutMs: 200, breaker: { openMs: 50, maxOpenMs: 50 } }
    const before = await clients()
    await throughProxy(options, async (connection, proxy) => {
      const cache = new RedisCacheRepository(connection, { prefix })
      const vectors = new RedisVectorCache(connection, { tenant: acme, scope: ['f'], prefix })
      await cache.set(acme, 'k', 1)
      expect(await cache.get(acme, 'k')).toBe(1)
      fault(proxy)
      const took: number[] = []
      const timed = async <T>(work: Promise<T>): Promise<T> => {
        const before = performance.now()
        try {
          return await work
        } finally {
          took.push(performance.now() - before)
        }
      }
      for (let i = 0; i < 8; i++) {
        expect(await timed(cache.get(acme, 'k'))).toBe(undefined)
        if (how === 'stalls') expect(await timed(cache.get(acme, 'k', { timeoutMs: 50 }))).toBe(undefined)
      }
      expect(Math.max(...took)).toBeLessThan(300)
      expect(await cache.getMany(acme, ['k', 'l'])).toEqual([undefined, undefined])
      await cache.set(acme, 'k', 2)
      expect(await cache.getOrLoad(acme, 'k', async () => 'loaded')).toBe('loaded')
      expect((await vectors.getMany(['h'])).size).toBe(0)
      await vectors.setMany([{ hash: 'h', vector: Float32Array.of(1) }])
      const failure = await cache.delete(acme, 'k').catch((error: unknown) => error)
      expect(isHeadwaterError(failure) && failure.retryable).toBe(true)
      expect(cache.lapses).toBeGreaterThan(8)
      expect((await connection.health({ timeoutMs: 400 })).status).toBe('down')
      proxy.resume()
      await expect.poll(() => cache.get(acme, 'k')).toBe(1)
      expect((await connection.health()).status).toBe('up')
      await cache.delete(acme, 'k')
      await connection.close()
      await expect.poll(clients).toBeLessThanOrEqual(before)
    })
  })

  it('an answer that breaks off in the middle is a miss, and the next one is whole', async () => {
    const prefix = freshPrefix()
    await throughProxy({ retry: { maxAttempts: 1 } }, async (connection, proxy) => {
      const cache = new RedisCacheRepository(connection, { prefix })
      const large = 'x'.repeat(4_000_000)
      await cache.set(acme, 'k', large)
      proxy.truncateAfter(1_000_000)
      expect(await cache.get(acme, 'k')).toBe(undefined)
      proxy.resume()
      expect(await cache.get(acme, 'k')).toBe(large)
      await cache.delete(acme, 'k')
    })
  })

  it('the breaker opens: calls fail without waiting, and the loads of all callers are capped', async () => {
    const options = { commandTimeoutMs: 100, connectTimeoutMs: 100, breaker: { openMs: 60_000, maxOpenMs: 60_000 } }
    await throughProxy(options, async (connection, proxy) => {
      const cache = new RedisCacheRepository(connection, { loadsWhileDown: { concurrency: 3, queue: 4 } })
      proxy.stall()
      for (let i = 0; i < 10; i++) await cache.get(acme, 'k')
      expect((await connection.health({ timeoutMs: 50 })).breaker).toBe('open')
      const before = performance.now()
      for (let i = 0; i < 50; i++) await cache.get(acme, 'k')
      expect(performance.now() - before).toBeLessThan(100)
      let running = 0
      let most = 0
      const opened = gate()
      const load = async (): Promise<number> => {
        most = Math.max(most, ++running)
        await opened.opened
        running--
        return 1
      }
      const keys = Array.from({ length: 8 }, (_, i) => `k${i}`)
      const loading = Promise.allSettled([...keys, ...keys].map((key) => cache.getOrLoad(acme, key, load)))
      await expect.poll(() => running).toBe(3)
      opened.open()
      const results = await loading
      expect(most).toBe(3)
      const refused = results.filter((result) => result.status === 'rejected')
      expect(refused.length).toBe(2)
      for (const { reason } of refused) expect(isHeadwaterError(reason, 'HW_OVERLOADED')).toBe(true)
    })
  })

  it('abort ends a wait at once, and a deadline holds to 100 ms', async () => {
    await throughProxy({ commandTimeoutMs: 5_000, connectTimeoutMs: 5_000 }, async (connection, proxy) => {
      const cache = new RedisCacheRepository(connection)
      await cache.get(acme, 'k')
      proxy.stall()
      const controller = new AbortController()
      const waiting = cache.get(acme, 'k', { signal: controller.signal })
      const before = performance.now()
      controller.abort()
      await expect(waiting).rejects.toMatchObject({ code: 'HW_ABORTED' })
      const late = cache.getOrLoad(acme, 'k', async () => 1, { timeoutMs: 50 })
      await expect(late).rejects.toMatchObject({ code: 'HW_TIMEOUT' })
      expect(performance.now() - before).toBeLessThan(150)
    })
  })
})

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
