import { LRUCache } from 'lru-cache'
import { abortable, type CallOptions, throwIfAborted } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { Json } from '../../core/json'
import type { CacheRepository, CacheSetOptions, CacheStats } from '../cache'
import { copyJson } from './copy'

export interface MemoryCacheOptions {
  /** The system's by default. */
  readonly clock?: Clock | undefined
  /** Entries of all tenants together; the least recently used goes first. 10,000 by default. */
  readonly maxEntries?: number | undefined
  /** Time to live of an entry that says nothing else, ms; 3,600,000 by default. */
  readonly ttlMs?: number | undefined
  /** The epoch of the truth, read at each call: nothing of another one is found. 0 by default. */
  readonly epoch?: (() => number) | undefined
}

interface Entry {
  readonly tenant: TenantId
  readonly value: Json
  /** Full names of its tags. */
  readonly tags: readonly string[]
}

/** A load under way. One that was overtaken by a delete or a set still answers its callers but is not stored. */
interface Flight {
  readonly loaded: Promise<Json>
  readonly tags: readonly string[]
}

/** A bounded cache in this process, by least recent use and time to live. Values are copied in and out. */
export class MemoryCacheRepository implements CacheRepository {
  readonly #entries: LRUCache<string, Entry>
  readonly #tagged = new Map<string, Set<string>>()
  readonly #flights = new Map<string, Flight>()
  readonly #tallies = new Map<TenantId, { hits: number; misses: number; entries: number }>()
  readonly #ttlMs: number
  readonly #epoch: () => number
  #closed = false

  constructor(options: MemoryCacheOptions = {}) {
    const { clock = systemClock, maxEntries = 10_000, ttlMs = 3_600_000, epoch = () => 0 } = options
    if (!Number.isInteger(maxEntries) || maxEntries < 1) {
      const problem = `cache.maxEntries: must be a whole number above 0, got ${describeValue(maxEntries)}`
      throw new HeadwaterError('HW_INVALID_OPTIONS', problem, { path: 'cache.maxEntries' })
    }
    this.#epoch = epoch
    this.#ttlMs = checkTtl(ttlMs, 'cache.ttlMs', 'HW_INVALID_OPTIONS')
    this.#entries = new LRUCache({
      max: maxEntries,
      ttl: this.#ttlMs,
      // With a resolution, the library would set timers of its own.
      ttlResolution: 0,
      // An entry that started at 0 would never expire.
      perf: { now: () => clock.monotonic() + 1 },
      dispose: (entry, key) => this.#forget(key, entry),
    })
  }

  async get(tenant: TenantId, key: string, call?: CallOptions): Promise<Json | undefined> {
    this.#check(call)
    return this.#read(tenant, key)
  }

  async getMany(tenant: TenantId, keys: readonly string[], call?: CallOptions): Promise<(Json | undefined)[]> {
    this.#check(call)
    return keys.map((key) => this.#read(tenant, key))
  }

  async set(tenant: TenantId, key: string, value: Json, options?: CacheSetOptions): Promise<void> {
    this.#check(options)
    const ttlMs = this.#ttlOf(options)
    const name = this.#name(tenant, key)
    this.#flights.delete(name)
    this.#store(tenant, name, value, ttlMs, this.#tagNames(tenant, options))
  }

  async getOrLoad(tenant: TenantId, key: string, load: () => Promise<Json>, options?: CacheSetOptions): Promise<Json> {
    this.#check(options)
    const ttlMs = this.#ttlOf(options)
    const held = this.#read(tenant, key)
    if (held !== undefined) return held
    const name = this.#name(tenant, key)
    const flight = this.#flights.get(name) ?? this.#load(tenant, name, load, ttlMs, this.#tagNames(tenant, options))
    return copyJson(await abortable(flight.loaded, options?.signal))
  }

  async delete(tenant: TenantId, key: string, call?: CallOptions): Promise<boolean> {
    this.#check(call)
    const name = this.#name(tenant, key)
    this.#flights.delete(name)
    const there = this.#entries.has(name)
    this.#entries.delete(name)
    return there
  }

  async deleteByTag(tenant: TenantId, tags: string | readonly string[], call?: CallOptions): Promise<number> {
    this.#check(call)
    const asked = new Set((typeof tags === 'string' ? [tags] : tags).map((tag) => this.#name(tenant, tag)))
    for (const [name, flight] of this.#flights) {
      if (flight.tags.some((tag) => asked.has(tag))) this.#flights.delete(name)
    }
    let gone = 0
    for (const name of [...asked].flatMap((tag) => [...(this.#tagged.get(tag) ?? [])])) {
      if (this.#entries.has(name)) gone++
      this.#entries.delete(name)
    }
    return gone
  }

  async stats(tenant: TenantId, call?: CallOptions): Promise<CacheStats> {
    this.#check(call)
    this.#entries.purgeStale()
    return { ...this.#tally(tenant) }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#flights.clear()
    this.#entries.clear()
  }

  #read(tenant: TenantId, key: string): Json | undefined {
    const entry = this.#entries.get(this.#name(tenant, key))
    const tally = this.#tally(tenant)
    if (!entry) {
      tally.misses++
      return undefined
    }
    tally.hits++
    return copyJson(entry.value)
  }

  #store(tenant: TenantId, name: string, value: Json, ttl: number, tags: readonly string[]): void {
    const entry: Entry = { tenant, value: copyJson(value), tags }
    this.#entries.set(name, entry, { ttl })
    this.#tally(tenant).entries++
    for (const tag of entry.tags) {
      const names = this.#tagged.get(tag)
      if (names) names.add(name)
      else this.#tagged.set(tag, new Set([name]))
    }
  }

  #load(tenant: TenantId, name: string, load: () => Promise<Json>, ttlMs: number, tags: readonly string[]): Flight {
    const run = async (): Promise<Json> => {
      try {
        const value = copyJson(await load())
        if (this.#flights.get(name) === flight && !this.#closed) this.#store(tenant, name, value, ttlMs, tags)
        return value
      } finally {
        if (this.#flights.get(name) === flight) this.#flights.delete(name)
      }
    }
    // Started a microtask later, so that `flight` is there whatever the load does.
    const loaded = Promise.resolve().then(run)
    const flight: Flight = { loaded, tags }
    this.#flights.set(name, flight)
    // Its callers may all have gone by then.
    loaded.catch(() => undefined)
    return flight
  }

  /** Called by the library for whatever leaves: replaced, deleted, evicted or expired. */
  #forget(name: string, entry: Entry): void {
    this.#tally(entry.tenant).entries--
    for (const tag of entry.tags) {
      const names = this.#tagged.get(tag)
      names?.delete(name)
      if (names?.size === 0) this.#tagged.delete(tag)
    }
  }

  #tally(tenant: TenantId): { hits: number; misses: number; entries: number } {
    let tally = this.#tallies.get(tenant)
    if (!tally) {
      tally = { hits: 0, misses: 0, entries: 0 }
      this.#tallies.set(tenant, tally)
    }
    return tally
  }

  /** A tenant's name holds no colon, so that no two tenants' names run together. */
  #name(tenant: TenantId, key: string): string {
    return `${tenant}:${this.#epoch()}:${key}`
  }

  #tagNames(tenant: TenantId, options: CacheSetOptions | undefined): string[] {
    return (options?.tags ?? []).map((tag) => this.#name(tenant, tag))
  }

  #ttlOf(options: CacheSetOptions | undefined): number {
    return options?.ttlMs === undefined ? this.#ttlMs : checkTtl(options.ttlMs, 'ttlMs', 'HW_INVALID_ARGUMENT')
  }

  #check(call: CallOptions | undefined): void {
    throwIfAborted(call?.signal)
    if (this.#closed) throw new HeadwaterError('HW_CLOSED', 'The cache is closed')
  }
}

function checkTtl(ttlMs: number, path: string, code: 'HW_INVALID_OPTIONS' | 'HW_INVALID_ARGUMENT'): number {
  if (Number.isFinite(ttlMs) && ttlMs > 0) return Math.ceil(ttlMs)
  throw new HeadwaterError(code, `${path}: must be a number of milliseconds above 0, got ${describeValue(ttlMs)}`, {
    path,
  })
}
