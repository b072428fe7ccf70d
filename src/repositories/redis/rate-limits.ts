import type { RedisConnection } from '../../connections/redis/connection'
import { redisScript } from '../../connections/redis/script'
import type { CallOptions } from '../../core/abort'
import type { RateLimitRepository, Take, Taken } from '../rate-limits'
import { type RedisKeyOptions, RedisKeys, suffixOf } from './keys'

/**
 * KEYS the caller's; ARGV cost, requests, window ms. What is used is the value of the key, and its window is the key's own
 * life, by the server's clock. What lies there and is no such number with a life is nobody's that we know, and goes.
 */
const takeScript = redisScript(`
local cost, requests, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local held = redis.pcall('GET', KEYS[1])
local used = type(held) == 'string' and tonumber(held) or 0
local life = redis.call('PTTL', KEYS[1])
if life < 0 or type(held) == 'table' then
  used, life = 0, window
  redis.call('DEL', KEYS[1])
end
life = math.min(life, window)
local allowed = used + cost <= requests
if allowed then used = used + cost end
if allowed and cost > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', used), 'PX', string.format('%.0f', math.max(life, 1)))
end
return { allowed and 1 or 0, used, life }
`)

/** Counts in Redis, one key a caller. */
export class RedisRateLimits implements RateLimitRepository {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys

  constructor(connection: RedisConnection, options: Pick<RedisKeyOptions, 'prefix'> = {}) {
    this.#connection = connection
    this.#keys = new RedisKeys('limits', options)
  }

  async take({ tenant, key, cost, requests, windowMs }: Take, call: CallOptions = {}): Promise<Taken> {
    const name = `${this.#keys.base(tenant)}${suffixOf(key)}`
    // Sent twice, it would count twice.
    const options = { ...call, idempotent: false }
    const answer = await this.#connection.script(takeScript, [name], [cost, requests, Math.ceil(windowMs)], options)
    const [allowed, used, life] = (answer as unknown[]).map(Number) as [number, number, number]
    return { allowed: allowed === 1, left: Math.max(0, requests - used), endsInMs: life }
  }
}
