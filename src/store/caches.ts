import type { RedisConnection } from '../connections/redis/connection'
import type { Clock } from '../core/clock'
import type { TenantId } from '../core/ids'
import { anything, checkOptions, type OptionKinds } from '../core/option-kinds'
import type { Random } from '../core/random'
import type { VectorCache } from '../embeddings/vector-cache'
import type { CacheRepository } from '../repositories/cache'
import type { EpochWatch } from '../repositories/epoch-watch'
import { MemoryCacheRepository } from '../repositories/memory/cache'
import type { RateLimitRepository } from '../repositories/rate-limits'
import { type RedisCacheOptions, RedisCacheRepository } from '../repositories/redis/cache'
import { RedisRateLimits } from '../repositories/redis/rate-limits'
import { RedisVectorCache, type RedisVectorCacheOptions } from '../repositories/redis/vectors'
import { cacheTimeoutMs, SearchCache } from '../search/search-cache'
import type { StoreOptions } from './store-options'

/** What is kept for speed alone. */
export interface Caches {
  readonly cache: CacheRepository
  /** Undefined unless `search.cache` asks for it. */
  readonly searches: SearchCache | undefined
  /** Query vectors that processes share. */
  readonly sharedQueries?: ((tenant: TenantId, fingerprint: string) => VectorCache) | undefined
  /** What callers take, counted for all processes. */
  readonly rateLimits?: RateLimitRepository | undefined
}

/** What caches are put together from. */
export interface CachePlace {
  readonly epoch: EpochWatch
  readonly clock: Clock
  readonly random: Random
}

/** In this process. */
export function ownCaches(options: StoreOptions<object>, { clock, random, epoch }: CachePlace): Caches {
  const make = (settings: object | undefined): CacheRepository =>
    new MemoryCacheRepository({ clock, epoch: epoch.current, ...settings })
  const life = searchLife(options)
  return {
    cache: make(options.cache),
    searches: life && new SearchCache({ cache: make(life), epoch, clock, random }, life),
  }
}

const vectorKinds = { ttlMs: anything, jitter: anything } satisfies OptionKinds<
  Pick<RedisVectorCacheOptions, 'ttlMs' | 'jitter'>
>

/** In Redis, apart from what other databases keep there. */
export function sharedCaches(
  options: StoreOptions<object>,
  connection: RedisConnection,
  installation: string,
  { epoch, clock, random }: CachePlace,
): Caches {
  const { cache: settings, vectors } = options.redis || {}
  const ofVectors = checkOptions(vectors, vectorKinds, 'redis.vectors')
  const prefix = `${settings?.prefix ?? 'headwater'}_${installation}`
  const make = (own: RedisCacheOptions): CacheRepository =>
    new RedisCacheRepository(connection, { ...settings, ...own, prefix, epoch: epoch.current, clock, random })
  const life = searchLife(options)
  const timeoutMs = options.search?.cacheTimeoutMs ?? cacheTimeoutMs
  const ttlMs = options.cache?.ttlMs
  return {
    cache: make(ttlMs === undefined ? {} : { ttlMs }),
    searches:
      life && new SearchCache({ cache: make({ namespace: 'searches' }), epoch, clock, random }, { ...life, timeoutMs }),
    rateLimits: new RedisRateLimits(connection, { prefix }),
    // Vectors of the same words are the same in every epoch.
    sharedQueries: (tenant, fingerprint) =>
      new RedisVectorCache(connection, {
        ...ofVectors,
        tenant,
        scope: [fingerprint, 'query'],
        prefix,
        random,
        timeoutMs,
      }),
  }
}

function searchLife({ search }: StoreOptions<object>): { ttlMs: number; maxEntries?: number } | undefined {
  if (!search?.cache) return undefined
  const { ttlMs = 3_600_000, maxEntries } = search.cache === true ? {} : search.cache
  return { ttlMs, ...(maxEntries !== undefined && { maxEntries }) }
}
