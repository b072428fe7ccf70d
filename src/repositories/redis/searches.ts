import type { RedisConnection } from '../../connections/redis/connection'
import type { CallOptions } from '../../core/abort'
import { sha256, type TenantId } from '../../core/ids'
import { canonicalJson, type Json } from '../../core/json'
import type { CacheSetOptions } from '../cache'
import { type RedisCacheOptions, RedisCacheRepository } from './cache'

/** A hit as it is cached: the row itself is read anew each time, so that nothing deleted or stale is ever shown. */
export interface CachedHit {
  readonly id: string
  readonly score: number
}

/** Results of searches, ids and scores only, by everything that was asked. An hour by default. */
export class RedisSearchCache {
  readonly #cache: RedisCacheRepository

  constructor(connection: RedisConnection, options: Omit<RedisCacheOptions, 'namespace'> = {}) {
    this.#cache = new RedisCacheRepository(connection, { ...options, namespace: 'searches' })
  }

  /** The hits of the same request (equal as JSON, whatever the order of its keys), or undefined. */
  async get(tenant: TenantId, request: Json, call?: CallOptions): Promise<CachedHit[] | undefined> {
    const held = await this.#cache.get(tenant, nameOf(request), call)
    if (!Array.isArray(held)) return undefined
    const [ids, scores] = held as [string[], number[]]
    return ids.map((id, i) => ({ id, score: scores[i]! }))
  }

  /** Stores the hits in their order; `tags` (say the collection) are for `deleteByTag`. */
  set(tenant: TenantId, request: Json, hits: readonly CachedHit[], options?: CacheSetOptions): Promise<void> {
    const value = [hits.map(({ id }) => id), hits.map(({ score }) => score)]
    return this.#cache.set(tenant, nameOf(request), value, options)
  }

  /** Fails when Redis cannot be asked, as every delete does. */
  deleteByTag(tenant: TenantId, tag: string, call?: CallOptions): Promise<number> {
    return this.#cache.deleteByTag(tenant, tag, call)
  }
}

function nameOf(request: Json): string {
  return sha256(canonicalJson(request))
}
