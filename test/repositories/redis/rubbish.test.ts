import { describe, expect, it } from 'vitest'
import { RedisConnection } from '../../../src/connections/redis/connection'
import { tenantId } from '../../../src/core/ids'
import { RedisCacheRepository } from '../../../src/repositories/redis/cache'
import { describeWithRedis, freshPrefix, keysUnder, type TestRedis } from '../../support/redis'

const acme = tenantId('acme')

/** What somebody else who can write to this Redis may have put under a key. */
const rubbish: Record<string, (raw: TestRedis['raw'], key: string) => Promise<unknown>> = {
  'a word': (raw, key) => raw.set(key, 'rubbish'),
  'no JSON': (raw, key) => raw.set(key, `${'x'.repeat(16)}{not json`),
  bytes: (raw, key) => raw.set(key, Buffer.from([0xff, 0xfe, 0x00])),
  nothing: (raw, key) => raw.set(key, ''),
  'a list': (raw, key) => raw.multi().del(key).lpush(key, 'x').exec(),
  'a hash': (raw, key) => raw.multi().del(key).hset(key, 'a', 'b').exec(),
  'a sorted set': (raw, key) => raw.multi().del(key).zadd(key, 1, 'b').exec(),
}

describeWithRedis('a Redis that others write to', (redis) => {
  describe.each(Object.entries(rubbish))('%s under every key of ours', (_what, poison) => {
    it.each(['get', 'getMany', 'getOrLoad', 'stale', 'set', 'delete', 'deleteByTag'])(
      '%s: a miss, and the next one finds what is stored',
      async (how) => {
        const prefix = freshPrefix()
        const connection = new RedisConnection({ url: redis().url })
        const cache = new RedisCacheRepository(connection, { prefix, pollMs: 1 })
        const options = { tags: ['t'], staleMs: 60_000, fenceOf: () => 7 }
        await cache.getOrLoad(acme, 'k', async () => 'old', options)
        await cache.delete(acme, 'other', { fence: 3 })
        const keys = await keysUnder(redis().raw, prefix)
        const lease = keys.find((key) => key.endsWith(':v=k'))?.replace(/v=k$/, 'l=k')
        for (const key of [...keys, ...(lease ? [lease] : [])]) await poison(redis().raw, key)
        const value = await {
          get: () => cache.get(acme, 'k'),
          getMany: async () => (await cache.getMany(acme, ['k', 'l']))[0],
          getOrLoad: () => cache.getOrLoad(acme, 'k', async () => 'new', { ...options, staleMs: 0 }),
          stale: () => cache.getOrLoad(acme, 'k', async () => 'new', options),
          set: () => cache.set(acme, 'k', 'new', { tags: ['t'], fence: 9 }),
          delete: () => cache.delete(acme, 'k', { fence: 9 }),
          deleteByTag: () => cache.deleteByTag(acme, ['t']),
        }[how]!()
        if (how === 'getOrLoad' || how === 'stale') expect(value).toBe('new')
        else if (how.startsWith('get')) expect(value).toBeUndefined()
        await cache.set(acme, 'k', 'newest', { tags: ['t'] })
        expect(await cache.get(acme, 'k')).toBe('newest')
        expect(await cache.deleteByTag(acme, ['t'])).toBe(1)
        expect(await cache.getOrLoad(acme, 'k', async () => 'last', options)).toBe('last')
        await connection.close()
        for (const key of await keysUnder(redis().raw, prefix)) await redis().raw.del(key)
      },
    )
  })
})
