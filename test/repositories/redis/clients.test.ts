import { Redis, type RedisOptions } from 'ioredis'
import { Redis as Redis6 } from 'ioredis-6'
import { describe, expect, it } from 'vitest'
import type { RedisClient } from '../../../src/connections/redis/client'
import { RedisConnection } from '../../../src/connections/redis/connection'
import { tenantId } from '../../../src/core/ids'
import { RedisCacheRepository } from '../../../src/repositories/redis/cache'
import { RedisMetrics } from '../../../src/repositories/redis/metrics'
import { cacheRepositoryContract } from '../../../src/testing/contracts/cache'
import { describeWithRedis, forgetAll, freshPrefix, passTime } from '../../support/redis'

const acme = tenantId('acme')

/** Clients as applications have them, with what changes names and answers. */
const clients: Readonly<Record<string, (url: string, options: RedisOptions) => RedisClient & { disconnect(): void }>> =
  {
    'ioredis 5': (url, options) => new Redis(url, options),
    'ioredis 5 with stringNumbers': (url, options) => new Redis(url, { ...options, stringNumbers: true }),
    'ioredis 5 with automatic pipelines': (url, options) => new Redis(url, { ...options, enableAutoPipelining: true }),
    'ioredis 6': (url, options) => new Redis6(url, options as object),
  }

describeWithRedis('a client of the application', (redis) => {
  describe.each(Object.keys(clients))('%s', (name) => {
    const open = (options: RedisOptions) => clients[name]!(redis().url, options)

    cacheRepositoryContract({ describe, it, expect }, async () => {
      const prefix = freshPrefix()
      const client = open({ keyPrefix: `${prefix}:app[*]:` })
      const connection = new RedisConnection({ client })
      return {
        cache: new RedisCacheRepository(connection, { prefix, jitter: 0 }),
        advance: (ms) => passTime(redis().raw, prefix, ms),
        dispose: async () => {
          await connection.close()
          client.disconnect()
          await forgetAll(redis().raw, prefix)
        },
      }
    })

    it('counts, deletes by tag and keeps series under its own prefix', async () => {
      const prefix = freshPrefix()
      const client = open({ keyPrefix: `${prefix}:` })
      const connection = new RedisConnection({ client })
      const cache = new RedisCacheRepository(connection, { prefix })
      const metrics = new RedisMetrics(connection, { prefix })
      try {
        await cache.set(acme, 'k', 1, { tags: ['t'] })
        expect(await cache.getOrLoad(acme, 'loaded', async () => 2, { tags: ['t'] })).toBe(2)
        expect((await cache.stats(acme)).entries).toBe(2)
        expect(await cache.deleteByTag(acme, 't')).toBe(2)
        expect(await cache.get(acme, 'k')).toBeUndefined()
        await metrics.record(acme, 'm', 3)
        expect(await metrics.latest(acme, 'm')).toMatchObject({ value: 3 })
        expect(await metrics.series(acme, 'm')).toMatchObject([{ count: 1, sum: 3, min: 3, max: 3 }])
      } finally {
        await connection.close()
        client.disconnect()
        await forgetAll(redis().raw, prefix)
      }
    })
  })
})
