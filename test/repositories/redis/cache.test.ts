import { describe, expect, it } from 'vitest'
import { RedisConnection } from '../../../src/connections/redis/connection'
import { tenantId } from '../../../src/core/ids'
import type { Json } from '../../../src/core/json'
import { seededRandom } from '../../../src/core/random'
import type { CacheRepository, CacheSetOptions } from '../../../src/repositories/cache'
import { type RedisCacheOptions, RedisCacheRepository, type RedisCommands } from '../../../src/repositories/redis/cache'
import { cacheRepositoryContract } from '../../../src/testing/contracts/cache'
import { describeWithRedis, forgetAll, freshPrefix, keysUnder, passTime } from '../../support/redis'

const acme = tenantId('acme')
const globex = tenantId('globex')
const slower = 1_000

describeWithRedis('the cache in Redis', (redis) => {
  cacheRepositoryContract({ describe, it, expect }, async () => {
    const prefix = freshPrefix()
    const connection = new RedisConnection({ url: redis().url })
    return {
      // A thousand times slower, and time passes by hand: no test depends on how fast this machine is.
      cache: slowed(new RedisCacheRepository(connection, { prefix, jitter: 0 })),
      advance: (ms) => passTime(redis().raw, prefix, ms * slower),
      dispose: async () => {
        await connection.close()
        await forgetAll(redis().raw, prefix)
      },
    }
  })

  /** Caches of as many processes as asked for, over one Redis. */
  async function processes(
    count: number,
    options: RedisCacheOptions,
    body: (caches: RedisCacheRepository[], prefix: string) => Promise<void>,
  ): Promise<void> {
    const prefix = freshPrefix()
    const connections = Array.from({ length: count }, () => new RedisConnection({ url: redis().url }))
    try {
      await body(
        connections.map((connection) => new RedisCacheRepository(connection, { prefix, ...options })),
        prefix,
      )
    } finally {
      for (const connection of connections) await connection.close()
      await forgetAll(redis().raw, prefix)
    }
  }

  it('keeps all keys of a tenant in one slot, behind its length', async () => {
    await processes(1, {}, async ([cache], prefix) => {
      await cache!.set(acme, 'k', 1, { tags: ['t'] })
      await cache!.getOrLoad(acme, 'l', async () => 1, { staleMs: 1_000, fenceOf: () => 7 })
      const keys = await keysUnder(redis().raw, prefix)
      expect(keys.length).toBe(5)
      for (const key of keys) expect(key.startsWith(`${prefix}:{4:acme}:0:entries:`)).toBe(true)
    })
  })

  it('one load over all processes, and the others get what it gave', async () => {
    await processes(3, {}, async (caches) => {
      let loads = 0
      const gate = promise()
      const load = async (): Promise<Json> => {
        loads++
        await gate.opened
        return 'loaded'
      }
      const answers = Promise.all(caches.flatMap((cache) => [1, 2].map(() => cache.getOrLoad(acme, 'k', load))))
      await expect.poll(() => loads).toBe(1)
      gate.open()
      expect(await answers).toEqual(Array.from({ length: 6 }, () => 'loaded'))
      expect(loads).toBe(1)
    })
  })

  it.each([
    ['delete', (cache: RedisCacheRepository) => cache.delete(acme, 'k')],
    ['delete by tag', (cache: RedisCacheRepository) => cache.deleteByTag(acme, 't')],
    ['set', (cache: RedisCacheRepository) => cache.set(acme, 'k', 'newer')],
  ])('a %s by another process during a load wins over its result', async (how, change) => {
    await processes(2, {}, async ([loader, other]) => {
      const started = promise()
      const gate = promise()
      const load = async (): Promise<Json> => {
        started.open()
        await gate.opened
        return 'old'
      }
      const loading = loader!.getOrLoad(acme, 'k', load, { tags: ['t'] })
      await started.opened
      await change(other!)
      // Whoever comes now does not join the old load, not in its own process either.
      expect(await loader!.getOrLoad(acme, 'k', async () => 'fresh')).toBe(how === 'set' ? 'newer' : 'fresh')
      gate.open()
      expect(await loading).toBe('old')
      expect(await other!.get(acme, 'k')).toBe(how === 'set' ? 'newer' : 'fresh')
    })
  })

  it('a load that took longer than its lease is not stored over the next one', async () => {
    await processes(2, {}, async ([slow, other], prefix) => {
      const started = promise()
      const gate = promise()
      const loading = slow!.getOrLoad(acme, 'k', async () => {
        started.open()
        await gate.opened
        return 'late'
      })
      await started.opened
      await passTime(redis().raw, prefix, 10_000)
      expect(await other!.getOrLoad(acme, 'k', async () => 'second')).toBe('second')
      gate.open()
      expect(await loading).toBe('late')
      expect(await slow!.get(acme, 'k')).toBe('second')
    })
  })

  it('a load whose requests arrive once more, after a delete, is not stored again', async () => {
    const prefix = freshPrefix()
    const connection = new RedisConnection({ url: redis().url })
    const sent: (() => Promise<unknown>)[] = []
    const commands: RedisCommands = {
      command: (...request) => connection.command(...request),
      script: (...request) => {
        sent.push(() => connection.script(...request))
        return connection.script(...request)
      },
    }
    try {
      const cache = new RedisCacheRepository(commands, { prefix })
      await cache.getOrLoad(acme, 'k', async () => 'old', { tags: ['t'] })
      const again = sent.slice()
      expect(again.length).toBe(2)
      await cache.deleteByTag(acme, 't')
      for (const request of again) await request()
      expect(await cache.get(acme, 'k')).toBe(undefined)
    } finally {
      await connection.close()
      await forgetAll(redis().raw, prefix)
    }
  })

  it('a load that failed gives its lease up at once', async () => {
    await processes(2, {}, async ([first, second]) => {
      const broken = first!.getOrLoad(acme, 'k', async () => Promise.reject(new TypeError('broken')))
      await expect(broken).rejects.toThrow('broken')
      expect(await second!.getOrLoad(acme, 'k', async () => 'fine', { timeoutMs: 2_000 })).toBe('fine')
    })
  })

  it('a tombstone with a fence refuses what was read before it, and lets newer rows in', async () => {
    await processes(2, { tombstoneMs: 50_000 }, async ([reader, writer], prefix) => {
      const read = (fence: number) =>
        reader!.getOrLoad(acme, 'k', async () => ({ fence }), { fenceOf: (row) => (row as { fence: number }).fence })
      await writer!.delete(acme, 'k', { fence: 2 ** 41 + 5 })
      // From a replica that lags: the load began after the delete and still read the old row.
      expect(await read(2 ** 41 + 4)).toEqual({ fence: 2 ** 41 + 4 })
      expect(await reader!.get(acme, 'k')).toBe(undefined)
      await writer!.set(acme, 'k', 'old', { fence: 3 })
      expect(await reader!.get(acme, 'k')).toBe(undefined)
      await read(2 ** 41 + 5)
      expect(await reader!.get(acme, 'k')).toEqual({ fence: 2 ** 41 + 5 })
      await writer!.set(acme, 'k', 'older', { fence: 2 ** 41 })
      expect(await reader!.get(acme, 'k')).toEqual({ fence: 2 ** 41 + 5 })
      await writer!.delete(acme, 'k', { fence: 2 ** 42 })
      await passTime(redis().raw, prefix, 3_600_000)
      await writer!.set(acme, 'k', 'much later', { fence: 1 })
      expect(await reader!.get(acme, 'k')).toBe('much later')
    })
  })

  it('answers the stale value while one caller loads, and drops it by delete and by tag', async () => {
    await processes(2, { jitter: 0 }, async ([cache, other], prefix) => {
      let loads = 0
      const gate = promise()
      const load = async (): Promise<Json> => {
        if (++loads > 1) await gate.opened
        return loads
      }
      const options = { ttlMs: 100_000, staleMs: 100_000, tags: ['t'] }
      const ask = (from = cache) => from!.getOrLoad(acme, 'k', load, options)
      expect(await ask()).toBe(1)
      await passTime(redis().raw, prefix, 150_000)
      expect(await cache!.get(acme, 'k')).toBe(undefined)
      expect(await Promise.all([ask(), ask(), ask(other)])).toEqual([1, 1, 1])
      await expect.poll(() => loads).toBe(2)
      gate.open()
      await expect.poll(() => cache!.get(acme, 'k')).toBe(2)
      expect(loads).toBe(2)
      await passTime(redis().raw, prefix, 150_000)
      expect(await cache!.deleteByTag(acme, 't')).toBe(0)
      expect(await ask()).toBe(3)
      await passTime(redis().raw, prefix, 150_000)
      await cache!.delete(acme, 'k')
      expect(await ask()).toBe(4)
    })
  })

  it('shortens times to live at random, by a tenth at most', async () => {
    await processes(1, { random: seededRandom(7), ttlMs: 100_000 }, async ([cache], prefix) => {
      const names = Array.from({ length: 50 }, (_, i) => `k${i}`)
      for (const name of names) await cache!.set(acme, name, 1)
      const left = await Promise.all((await keysUnder(redis().raw, prefix)).map((key) => redis().raw.pttl(key)))
      expect(Math.max(...left)).toBeLessThanOrEqual(100_000)
      expect(Math.min(...left)).toBeGreaterThan(85_000)
      expect(Math.max(...left) - Math.min(...left)).toBeGreaterThan(5_000)
    })
  })

  it('gets many in one command', async () => {
    await processes(1, {}, async ([cache]) => {
      await cache!.set(acme, 'k0', 0)
      const calls = async (): Promise<Record<string, number>> => {
        const lines = (await redis().raw.info('commandstats')).matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)
        return Object.fromEntries([...lines].map(([, name, count]) => [name, Number(count)]))
      }
      const before = await calls()
      await cache!.getMany(
        acme,
        Array.from({ length: 300 }, (_, i) => `k${i}`),
      )
      const after = await calls()
      expect((after['mget'] ?? 0) - (before['mget'] ?? 0)).toBe(1)
      expect(after['get']).toBe(before['get'])
      await cache!.stats(acme)
      expect((await calls())['keys']).toBe(undefined)
    })
  })

  it('takes keys of any length and any characters, and keeps them apart', async () => {
    await processes(1, {}, async ([cache]) => {
      const names = ['', 'x'.repeat(300), 'x'.repeat(301), '\ud800', '\ud801', '=', '#', '{b}', '*', 'a:b', '\0']
      for (const [i, name] of names.entries()) await cache!.set(acme, name, i, { tags: [name] })
      expect(await cache!.getMany(acme, names)).toEqual(names.map((_, i) => i))
      for (const name of names) expect(await cache!.deleteByTag(acme, name)).toBe(1)
      expect((await cache!.stats(acme)).entries).toBe(0)
    })
  })

  it('finds nothing of another epoch, prefix or namespace, and counts each by itself', async () => {
    await processes(1, {}, async ([cache], prefix) => {
      const connection = new RedisConnection({ url: redis().url })
      let epoch = 1
      const moving = new RedisCacheRepository(connection, { prefix, epoch: () => epoch })
      const named = new RedisCacheRepository(connection, { prefix, namespace: 'other' })
      await moving.set(acme, 'k', 'first')
      expect([await cache!.get(acme, 'k'), await named.get(acme, 'k')]).toEqual([undefined, undefined])
      epoch = 2
      expect(await moving.get(acme, 'k')).toBe(undefined)
      expect((await moving.stats(acme)).entries).toBe(0)
      await connection.close()
    })
  })

  it('tags forget members that have expired, and expire themselves', async () => {
    await processes(1, { jitter: 0 }, async ([cache], prefix) => {
      await cache!.set(acme, 'a', 1, { tags: ['t'], ttlMs: 50_000 })
      await cache!.set(acme, 'b', 1, { tags: ['t'], ttlMs: 90_000 })
      const tag = `${prefix}:{4:acme}:0:entries:t=t`
      expect(await redis().raw.pttl(tag)).toBeGreaterThan(85_000)
      await redis().raw.zadd(tag, 1, 'expired long ago')
      await cache!.set(acme, 'c', 1, { tags: ['t'], ttlMs: 1_000 })
      expect(await redis().raw.zcard(tag)).toBe(3)
      expect(await redis().raw.pttl(tag)).toBeGreaterThan(85_000)
      await passTime(redis().raw, prefix, 90_000)
      expect(await keysUnder(redis().raw, prefix)).toEqual([])
    })
  })

  it('tells what the server counts', async () => {
    await processes(1, {}, async ([cache]) => {
      await cache!.set(acme, 'k', 1)
      const before = await cache!.serverStats()
      await cache!.getMany(acme, ['k', 'absent'])
      const after = await cache!.serverStats()
      expect([after.hits - before.hits, after.misses - before.misses]).toEqual([1, 1])
      expect(after.memory).toBeGreaterThan(100_000)
      expect(after.clients).toBeGreaterThan(0)
      expect((await cache!.stats(globex)).hits).toBe(0)
    })
  })

  it.each([
    [{ ttlMs: 0 }, 'redis.cache.ttlMs'],
    [{ jitter: 1 }, 'redis.cache.jitter'],
    [{ leaseMs: Number.NaN }, 'redis.cache.leaseMs'],
    [{ prefix: 'a{b}' }, 'redis.cache.prefix'],
    [{ namespace: 'a:b' }, 'redis.cache.namespace'],
  ])('refuses %o by the path of the option', (options, path) => {
    const connection = new RedisConnection({ url: redis().url })
    const refusal = expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path })
    expect(() => new RedisCacheRepository(connection, options)).toThrow(refusal)
  })
})

function slowed(cache: CacheRepository): CacheRepository {
  const slow = <T extends CacheSetOptions>(options?: T): T | undefined =>
    options?.ttlMs === undefined ? options : { ...options, ttlMs: options.ttlMs * slower }
  return {
    get: (...args) => cache.get(...args),
    getMany: (...args) => cache.getMany(...args),
    set: (tenant, key, value, options) => cache.set(tenant, key, value, slow(options)),
    getOrLoad: (tenant, key, load, options) => cache.getOrLoad(tenant, key, load, slow(options)),
    delete: (...args) => cache.delete(...args),
    deleteByTag: (...args) => cache.deleteByTag(...args),
    stats: (...args) => cache.stats(...args),
    close: () => cache.close(),
  }
}

function promise(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
