import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity, openStore, type StoreOptions, settingsFromEnv } from '../../index'
import { rate_limits } from '../../src/entities/included'
import { storeOptionsFrom } from '../../src/store/store-settings'
import { FakeClock } from '../../src/testing/fake-clock'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { describeWithRedis, freshPrefix } from '../support/redis'
import { TcpProxy } from '../support/tcp-proxy'

const embedder = { hashing: { dimensions: 16 } } as const

it('answers what is left, and when to come again', async () => {
  const clock = new FakeClock()
  const store = await createTestStore({ clock, rateLimit: { requests: 2 }, relay: 'external' })
  const { limits } = store.forTenant('acme')
  expect((await store.health()).limits).toEqual({ by: null, unavailable: 'open', errorCode: null })
  expect(await limits.take('u')).toEqual({ allowed: true, left: 1, retryAfter: 0, by: 'process' })
  await limits.take('u')
  expect(await limits.take('u')).toEqual({ allowed: false, left: 0, retryAfter: 3_600, by: 'process' })
  expect(await limits.take('batch', { cost: 400, requests: 1_000, windowMs: 500 })).toMatchObject({ left: 600 })
  await clock.advance(3_599_500)
  expect(await limits.take('u')).toMatchObject({ allowed: false, retryAfter: 1 })
  await clock.advance(500)
  expect(await limits.take('u')).toMatchObject({ allowed: true, left: 1 })
  for (const [args, path] of [
    [['u', { cost: 3 }], 'cost'],
    [['u', { cost: -1 }], 'cost'],
    [['u', { cost: 0.5 }], 'cost'],
    [['u', { windowMs: 0 }], 'windowMs'],
    [['u', { tokens: 1 }], 'tokens'],
    [[''], 'key'],
    [[7], 'key'],
    [['nul\0'], 'key'],
    [['x'.repeat(8_193)], 'key'],
  ] as const) {
    await expect(limits.take(...(args as [string]))).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT', path })
  }
  await expect(limits.take('u', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'HW_ABORTED' })
  await store.close()
})

it('is a thousand an hour, or what the environment says', async () => {
  const of = async (env: Record<string, string>) =>
    storeOptionsFrom(await settingsFromEnv({ HEADWATER_PROFILE: 'embedded', ...env })).rateLimit
  expect(await of({})).toEqual({ requests: 1_000, windowMs: 3_600_000 })
  expect(await of({ RATE_LIMIT_REQUESTS: '5', RATE_LIMIT_WINDOW: '60' })).toEqual({ requests: 5, windowMs: 60_000 })
  const store = await createTestStore()
  expect(await store.forTenant('acme').limits.take('u')).toMatchObject({ left: 999 })
  await store.close()
  await expect(createTestStore({ rateLimit: { requests: 0 } })).rejects.toMatchObject({ path: 'rateLimit.requests' })
})

it('counts in an embedded store, and says where nothing counts', async () => {
  const open = { embedder, embedded: { path: ':memory:' } } as const
  const store = await openStore({ ...open, entities: { rate_limits }, rateLimit: { requests: 2 } })
  const { limits, entities } = store.forTenant('acme')
  const taken = await Promise.all([1, 2, 3].map(() => limits.take('u')))
  expect(taken.map(({ allowed, by }) => `${allowed} ${by}`).sort()).toEqual([
    'false postgres',
    'true postgres',
    'true postgres',
  ])
  expect((await entities.rate_limits.list()).items).toMatchObject([{ key: '=u', used: 2 }])
  expect(await store.forTenant('other').limits.take('u')).toMatchObject({ left: 1 })
  expect((await store.health()).limits).toMatchObject({ by: 'postgres', errorCode: null })
  await store.forTenant('acme').transaction(async () => {
    await expect(limits.take('u')).rejects.toMatchObject({ code: 'HW_TRANSACTION_NESTED' })
  })
  await store.close()
  await expect(limits.take('u')).rejects.toMatchObject({ code: 'HW_CLOSED' })
  // One of the user's own that has this name is not for counting.
  const own = defineEntity('rate_limits', z.object({ requests: z.int() }))
  const without = await openStore({ ...open, entities: { rate_limits: own } })
  expect((await without.health()).limits).toBe(null)
  await expect(without.forTenant('acme').limits.take('u')).rejects.toMatchObject({
    code: 'HW_INVALID_OPTIONS',
    path: 'entities.rate_limits',
  })
  await without.close()
})

describeWithPgvector('limits of many processes', () => {
  describeWithRedis('in Redis, then in Postgres, then in each process', (redis) => {
    const database = useDatabase(() => pgvectorUrl()!)

    const opened = async (unavailable: 'open' | 'closed') => {
      const proxies = { redis: await TcpProxy.to(redis().url), postgres: await TcpProxy.to(database().url) }
      const options: StoreOptions<{ documents: object }, { rate_limits: typeof rate_limits }> = {
        embedder,
        relay: 'external',
        postgres: { url: proxies.postgres.url },
        redis: { url: proxies.redis.url, cache: { prefix: freshPrefix() } },
        entities: { rate_limits },
        rateLimit: { requests: 20, unavailable },
      }
      const [one, two] = [await openStore(options), await openStore(options)]
      return { proxies, stores: [one, two] as const, close: () => Promise.all([one.close(), two.close()]) }
    }

    it('counts all processes together, wherever it can', async () => {
      const { proxies, stores, close } = await opened('open')
      const [one, two] = stores.map((store) => store.forTenant('acme').limits) as [
        ReturnType<(typeof stores)[0]['forTenant']>['limits'],
        ReturnType<(typeof stores)[0]['forTenant']>['limits'],
      ]
      const many = await Promise.all(Array.from({ length: 40 }, (_, at) => (at % 2 ? one : two).take('u')))
      expect(many.filter(({ allowed }) => allowed)).toHaveLength(20)
      expect(new Set(many.map(({ by }) => by))).toEqual(new Set(['redis']))
      proxies.redis.refuse()
      await one.take('u')
      const rest = await Promise.all(Array.from({ length: 40 }, (_, at) => (at % 2 ? one : two).take('u')))
      expect(rest.filter(({ by }) => by === 'postgres')).toHaveLength(40)
      expect(rest.filter(({ allowed }) => allowed)).toHaveLength(19)
      expect((await stores[0].health()).degraded.map(({ what }) => what)).not.toContain('limits')
      proxies.postgres.refuse()
      expect(await one.take('u')).toMatchObject({ allowed: true, by: 'process' })
      expect((await stores[0].health()).degraded.map(({ what }) => what)).toContain('limits')
      proxies.redis.resume()
      proxies.postgres.resume()
      await expect.poll(async () => (await one.take('other')).by, { timeout: 20_000 }).toBe('redis')
      await close()
    })

    it('refuses where nobody counts, if it is said so', async () => {
      const { proxies, stores, close } = await opened('closed')
      const { limits } = stores[0].forTenant('acme')
      expect(await limits.take('u')).toMatchObject({ allowed: true, by: 'redis' })
      proxies.redis.refuse()
      proxies.postgres.refuse()
      expect(await limits.take('u')).toEqual({ allowed: false, left: 0, retryAfter: 1, by: 'nobody' })
      const { limits: told } = await stores[0].health()
      expect(told).toMatchObject({ by: 'nobody', unavailable: 'closed', errorCode: expect.stringMatching(/^HW_/) })
      proxies.redis.resume()
      proxies.postgres.resume()
      await expect.poll(async () => (await limits.take('u')).by, { timeout: 20_000 }).toBe('redis')
      await close()
    })
  })
})
