/** `cache.get` and `getMany` on Redis against ioredis and JSON.parse over a value of the same bytes. */
import { Redis } from 'ioredis'
import { openStore } from '../index'
import { openRedis } from './redis-server'
import { add, argument, finish, inTurn, medianRun } from './report'

const url = argument(0) ?? process.env['HW_TEST_PGVECTOR_URL']
if (!url) throw new Error('usage: npm run bench -- cache POSTGRES_URL')
const redis = await openRedis()
const raw = new Redis(redis.url)
const store = await openStore({
  embedder: { hashing: {} },
  relay: 'external',
  postgres: { url },
  redis: { url: redis.url },
})
const { cache } = store.forTenant('bench')
const names = Array.from({ length: 50 }, (_, at) => `name ${at}`)
const value = { text: 'some words of an answer '.repeat(20), scores: Array.from({ length: 20 }, (_, at) => at / 7) }
for (const name of names) {
  await cache.set(name, value)
  await raw.set(`bench:${name}`, JSON.stringify(value))
}
const keys = names.map((name) => `bench:${name}`)
const measure = (calls: Record<'raw' | 'ours', () => Promise<unknown>>) => () => inTurn(6_000, calls)
const one = await medianRun(
  5,
  measure({ raw: async () => JSON.parse((await raw.get('bench:name 1'))!), ours: () => cache.get('name 1') }),
  (times) => times.ours / times.raw,
)
add('cache.get', 'us', one.raw, one.ours, { compare: 'ratio', atMost: 1.15 })
const many = await medianRun(
  5,
  measure({
    raw: async () => (await raw.mget(keys)).map((text) => JSON.parse(text!)),
    ours: () => cache.getMany(names),
  }),
  (times) => times.ours / times.raw,
)
add('cache.getMany of 50', 'us', many.raw, many.ours, { compare: 'ratio', atMost: 1.15 })
await store.close()
raw.disconnect()
await redis.stop()
finish()
