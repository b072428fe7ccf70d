import { expect, it } from 'vitest'
import { RedisConnection } from '../../../src/connections/redis/connection'
import { tenantId } from '../../../src/core/ids'
import { VectorLru } from '../../../src/embeddings/lru'
import { RedisMetrics } from '../../../src/repositories/redis/metrics'
import { RedisVectorCache } from '../../../src/repositories/redis/vectors'
import { FakeClock } from '../../../src/testing/fake-clock'
import { describeWithRedis, forgetAll, freshPrefix, keysUnder } from '../../support/redis'

const acme = tenantId('acme')
const globex = tenantId('globex')

describeWithRedis('what else is kept in Redis', (redis) => {
  async function inRedis(body: (connection: RedisConnection, prefix: string) => Promise<void>): Promise<void> {
    const prefix = freshPrefix()
    const connection = new RedisConnection({ url: redis().url })
    try {
      await body(connection, prefix)
    } finally {
      await connection.close()
      await forgetAll(redis().raw, prefix)
    }
  }

  it('vectors are float32 bytes, exact, by tenant and scope', async () => {
    await inRedis(async (connection, prefix) => {
      const make = (tenant = acme, scope = ['hashing-384', 'passage']) =>
        new RedisVectorCache(connection, { tenant, scope, prefix })
      const vector = Float32Array.from({ length: 384 }, (_, i) => Math.sin(i) / 3)
      const odd = Float32Array.from([0, -0, 1e-45, 3.4e38, -1])
      await make().setMany([
        { hash: 'a', vector },
        { hash: 'b', vector: odd },
      ])
      const found = await make().getMany(['b', 'absent', 'a'])
      expect([...found.keys()].sort()).toEqual(['a', 'b'])
      expect([found.get('a'), found.get('b')]).toEqual([vector, odd])
      const [key] = (await keysUnder(redis().raw, prefix)).filter((name) => name.endsWith('=a'))
      expect(await redis().raw.strlen(key!)).toBe(384 * 4)
      expect(await redis().raw.pttl(key!)).toBeGreaterThan(77_000_000)
      expect((await make(globex).getMany(['a'])).size).toBe(0)
      expect((await make(acme, ['hashing-384', 'query']).getMany(['a'])).size).toBe(0)
      expect((await make().getMany([])).size).toBe(0)
    })
  })

  it('1,200 vectors go and come, and stand behind the cache in process', async () => {
    await inRedis(async (connection, prefix) => {
      const behind = new RedisVectorCache(connection, { tenant: acme, scope: ['f'], prefix })
      const entries = Array.from({ length: 1_200 }, (_, i) => ({ hash: `h${i}`, vector: Float32Array.of(i, 1) }))
      const lru = (): VectorLru => new VectorLru({ clock: new FakeClock() })
      await lru().scoped(['acme', 'f'], behind).setMany(entries)
      const found = await lru()
        .scoped(['acme', 'f'], behind)
        .getMany(entries.map(({ hash }) => hash))
      expect(found.size).toBe(1_200)
      expect(found.get('h777')).toEqual(Float32Array.of(777, 1))
    })
  })

  it('metrics by minute, and the latest', async () => {
    await inRedis(async (connection, prefix) => {
      const start = Date.UTC(2026, 5, 1, 12, 0, 30)
      const clock = new FakeClock(start)
      const metrics = new RedisMetrics(connection, { prefix, clock })
      for (const value of [4, 2.5, -1]) await metrics.record(acme, 'latency', value)
      await clock.advance(120_000)
      await metrics.record(acme, 'latency', 10)
      const minute = Date.UTC(2026, 5, 1, 12, 0)
      expect(await metrics.series(acme, 'latency')).toEqual([
        { at: minute, count: 3, sum: 5.5, min: -1, max: 4 },
        { at: minute + 120_000, count: 1, sum: 10, min: 10, max: 10 },
      ])
      expect((await metrics.series(acme, 'latency', { minutes: 2 })).length).toBe(1)
      expect(await metrics.latest(acme, 'latency')).toEqual({ value: 10, at: start + 120_000 })
      expect(await metrics.latest(globex, 'latency')).toBe(undefined)
      expect(await metrics.series(acme, 'other')).toEqual([])
      await expect(metrics.record(acme, 'latency', Number.NaN)).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT' })
      await expect(metrics.series(acme, 'x', { minutes: 0 })).rejects.toMatchObject({ path: 'minutes' })
      for (const key of await keysUnder(redis().raw, prefix)) {
        const left = await redis().raw.pttl(key)
        expect(left > 0 && left <= 300_000).toBe(true)
      }
    })
  })
})
