import type { CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'
import type { Json } from '../core/json'

/** How long a value is kept, and by which tags it goes. */
export interface CacheSetOptions extends CallOptions {
  /** Time to live, ms; 3,600,000 by default. */
  ttlMs?: number | undefined
  /** Names by which `deleteByTag` finds the entry. */
  tags?: readonly string[] | undefined
}

/** Counts of one tenant since the cache was made. */
export interface CacheStats {
  readonly hits: number
  readonly misses: number
  readonly entries: number
}

/** Values by (tenant, key). A cache may forget at any time; it never answers what was deleted or has expired. */
export interface CacheRepository {
  /** The value, or undefined. */
  get(tenant: TenantId, key: string, call?: CallOptions): Promise<Json | undefined>
  /** In the order of the keys. */
  getMany(tenant: TenantId, keys: readonly string[], call?: CallOptions): Promise<(Json | undefined)[]>
  /** Stores a copy of the value. */
  set(tenant: TenantId, key: string, value: Json, options?: CacheSetOptions): Promise<void>
  /**
   * The value, or what `load` gives, stored. One load per key at a time; a delete during the load keeps its result
   * from being stored.
   */
  getOrLoad(tenant: TenantId, key: string, load: () => Promise<Json>, options?: CacheSetOptions): Promise<Json>
  /** True if there was a value. */
  delete(tenant: TenantId, key: string, call?: CallOptions): Promise<boolean>
  /** Deletes what carries one of these tags, and keeps loads with one from being stored. Returns how many entries went. */
  deleteByTag(tenant: TenantId, tags: string | readonly string[], call?: CallOptions): Promise<number>
  /** Hits, misses, and entries held now. */
  stats(tenant: TenantId, call?: CallOptions): Promise<CacheStats>
  /** Lets go of everything. */
  close(): Promise<void>
}
