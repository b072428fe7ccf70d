import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../index'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { RedisConnection } from '../../src/connections/redis/connection'
import { entityDefinitions } from '../../src/entities/entity-map'
import { rate_limits } from '../../src/entities/included'
import { MemoryRateLimits } from '../../src/repositories/memory/rate-limits'
import { PostgresRateLimits } from '../../src/repositories/postgres/rate-limits'
import type { RateLimitRepository, Take } from '../../src/repositories/rate-limits'
import { RedisRateLimits } from '../../src/repositories/redis/rate-limits'
import { acme, globex } from '../../src/testing/contracts/rows'
import { FakeClock } from '../../src/testing/fake-clock'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { describeWithRedis, freshPrefix, keysUnder, passTime } from '../support/redis'

interface Subject {
  readonly limits: RateLimitRepository
  /** As if so much time had gone by. */
  pass(ms: number): Promise<void>
}

let callers = 0

/** What limits promise, whoever counts. */
function contract(subject: () => Subject): void {
  const take = (more: Partial<Take> = {}) =>
    subject().limits.take({ tenant: acme, key: `c${callers}`, cost: 1, requests: 3, windowMs: 60_000, ...more })

  it('lets a caller have what a window has, and begins another when it is over', async () => {
    callers++
    for (const left of [2, 1, 0]) expect(await take()).toMatchObject({ allowed: true, left })
    const refused = await take()
    expect(refused).toMatchObject({ allowed: false, left: 0 })
    expect(refused.endsInMs).toBeGreaterThan(55_000)
    expect(refused.endsInMs).toBeLessThanOrEqual(60_000)
    await subject().pass(50_000)
    const later = await take()
    expect(later.allowed).toBe(false)
    expect(later.endsInMs).toBeLessThanOrEqual(10_000)
    await subject().pass(10_000)
    expect(await take()).toMatchObject({ allowed: true, left: 2 })
  })

  it('takes all of a cost or nothing, and only asks for 0', async () => {
    callers++
    expect(await take({ cost: 0 })).toMatchObject({ allowed: true, left: 3 })
    expect(await take({ cost: 2 })).toMatchObject({ allowed: true, left: 1 })
    expect(await take({ cost: 2 })).toMatchObject({ allowed: false, left: 1 })
    expect(await take({ cost: 1 })).toMatchObject({ allowed: true, left: 0 })
    expect(await take({ cost: 0 })).toMatchObject({ allowed: true, left: 0 })
  })

  it('counts each once, of many at once', async () => {
    callers++
    const taken = await Promise.all(Array.from({ length: 30 }, () => take({ requests: 20 })))
    expect(taken.filter(({ allowed }) => allowed)).toHaveLength(20)
    expect(await take({ cost: 0, requests: 20 })).toMatchObject({ left: 0 })
  })

  it('keeps callers and tenants apart, whatever their names', async () => {
    callers++
    const names = ['a', 'a:b', '=a', '', ' ', '{x}', "'; --", 'ä\u{1F600}', 'x'.repeat(300), `${'x'.repeat(300)}y`]
    for (const name of names) {
      const key = `${callers}${name}`
      expect(await take({ key, cost: 3 })).toMatchObject({ allowed: true, left: 0 })
      expect(await take({ key })).toMatchObject({ allowed: false })
      expect(await take({ key, tenant: globex })).toMatchObject({ allowed: true, left: 2 })
    }
  })

  it('heeds a limit that has become smaller', async () => {
    callers++
    await take({ cost: 3 })
    expect(await take({ requests: 1 })).toMatchObject({ allowed: false, left: 0 })
    expect((await take({ windowMs: 1_000 })).endsInMs).toBeLessThanOrEqual(1_000)
    expect(await take({ requests: 5 })).toMatchObject({ allowed: true, left: 1 })
  })
}

describe('limits in memory', () => {
  const clock = new FakeClock()
  const limits = new MemoryRateLimits(clock)
  contract(() => ({ limits, pass: (ms) => clock.advance(ms) }))
})

describeWithRedis('limits in Redis', (redis) => {
  const prefix = freshPrefix()
  let connection: RedisConnection
  let subject: Subject
  beforeAll(() => {
    connection = new RedisConnection({ url: redis().url })
    subject = { limits: new RedisRateLimits(connection, { prefix }), pass: (ms) => passTime(redis().raw, prefix, ms) }
  })
  afterAll(() => connection?.close())
  contract(() => subject)

  it('is one key a caller, which goes with its window, and begins anew over rubbish', async () => {
    const take = { tenant: acme, key: 'rubbish', cost: 1, requests: 3, windowMs: 60_000 }
    const before = await keysUnder(redis().raw, prefix)
    await subject.limits.take({ ...take, cost: 0 })
    expect(await keysUnder(redis().raw, prefix)).toHaveLength(before.length)
    await subject.limits.take(take)
    const [key] = (await keysUnder(redis().raw, prefix)).filter((one) => !before.includes(one))
    expect(await redis().raw.pttl(key!)).toBeGreaterThan(50_000)
    for (const spoil of [
      () => redis().raw.set(key!, 'nonsense', 'PX', 60_000),
      () => redis().raw.set(key!, '3'),
      () =>
        redis()
          .raw.del(key!)
          .then(() => redis().raw.rpush(key!, 'x')),
    ]) {
      await spoil()
      expect(await subject.limits.take(take)).toMatchObject({ allowed: true, left: 2 })
      expect(await redis().raw.pttl(key!)).toBeGreaterThan(50_000)
    }
  })
})

describeWithPgvector('limits in Postgres', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  let connection: PostgresConnection
  let subject: Subject
  const { table } = entityDefinitions({ rate_limits }).get('rate_limits')!
  beforeAll(async () => {
    const postgres = { url: database().url, rowLevelSecurity: 'require' } as const
    await openStore({ postgres, embedder: { hashing: { dimensions: 16 } }, entities: { rate_limits } }).then((store) =>
      store.close(),
    )
    connection = new PostgresConnection(postgres)
    subject = {
      limits: new PostgresRateLimits(connection, table),
      pass: async (ms) => {
        const back = `UPDATE headwater.e_rate_limits SET "endsAt" = "endsAt" - $1::float8 * interval '1 ms'`
        await database().admin(back, [ms])
      },
    }
  })
  afterAll(() => connection?.close())
  contract(() => subject)

  it('writes nothing where it refuses, and deletes what is over by and by', async () => {
    const rows = async () => (await database().admin('SELECT key, version FROM headwater.e_rate_limits')).rows
    await database().admin('DELETE FROM headwater.e_rate_limits')
    const limits = new PostgresRateLimits(connection, table)
    const take = { tenant: acme, key: 'one', cost: 1, requests: 1, windowMs: 60_000 }
    for (let at = 0; at < 4; at++) await limits.take(take)
    expect(await rows()).toEqual([{ key: '=one', version: '1' }])
    await subject.pass(120_000)
    for (let at = 0; at < 996; at++) await limits.take({ ...take, key: 'two', requests: 1_000 })
    expect(await rows()).toMatchObject([{ key: '=two' }])
  })
})
