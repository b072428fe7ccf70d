import type { CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'
import type { Json } from '../core/json'
import type { CacheRepository, CacheSetOptions, CacheStats } from '../repositories/cache'
import type { TenantContext } from './tenant-context'

/** The tenant's own cache. It may forget at any time. */
export class TenantCache {
  readonly #context: TenantContext
  readonly #tenant: TenantId

  /** @internal */
  constructor(context: TenantContext, tenant: TenantId) {
    this.#context = context
    this.#tenant = tenant
  }

  /** The value, or undefined. */
  get<T extends Json = Json>(key: string, options?: CallOptions): Promise<T | undefined> {
    return this.#with((cache) => cache.get(this.#tenant, key, options)) as Promise<T | undefined>
  }

  /** In the order of the keys. */
  getMany<T extends Json = Json>(keys: readonly string[], options?: CallOptions): Promise<(T | undefined)[]> {
    return this.#with((cache) => cache.getMany(this.#tenant, keys, options)) as Promise<(T | undefined)[]>
  }

  /** Stores a copy of the value; an hour by default (`ttlMs`). */
  set(key: string, value: Json, options?: CacheSetOptions): Promise<void> {
    return this.#with((cache) => cache.set(this.#tenant, key, value, options))
  }

  /** The value, or what `load` gives, stored; one load a key at a time. */
  getOrLoad<T extends Json = Json>(key: string, load: () => Promise<T>, options?: CacheSetOptions): Promise<T> {
    return this.#with((cache) => cache.getOrLoad(this.#tenant, key, load, options)) as Promise<T>
  }

  /** True if there was a value. */
  delete(key: string, options?: CallOptions): Promise<boolean> {
    return this.#with((cache) => cache.delete(this.#tenant, key, options))
  }

  /** Deletes every entry with this tag; returns how many. */
  deleteByTag(tag: string, options?: CallOptions): Promise<number> {
    return this.#with((cache) => cache.deleteByTag(this.#tenant, tag, options))
  }

  /** Hits, misses and entries of this tenant. */
  stats(options?: CallOptions): Promise<CacheStats> {
    return this.#with((cache) => cache.stats(this.#tenant, options))
  }

  #with<T>(work: (cache: CacheRepository) => Promise<T>): Promise<T> {
    return this.#context.enter(() => work(this.#context.cache))
  }
}
