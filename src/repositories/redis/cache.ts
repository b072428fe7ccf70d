import type { RedisConnection } from '../../connections/redis/connection'
import { abortable, type CallOptions, throwIfAborted } from '../../core/abort'
import { type Clock, sleep, systemClock } from '../../core/clock'
import { type Deadline, withDeadline } from '../../core/deadline'
import { describeValue } from '../../core/describe-value'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { Json } from '../../core/json'
import {
  anything,
  checkOptions,
  group,
  having,
  method,
  number,
  type OptionKinds,
  text,
  whole,
} from '../../core/option-kinds'
import { type Random, systemRandom } from '../../core/random'
import type { BulkheadOptions } from '../../resilience/bulkhead'
import type { CacheRepository, CacheSetOptions, CacheStats } from '../cache'
import { FailOpen } from './fail-open'
import { type RedisKeyOptions, RedisKeys, suffixOf } from './keys'
import { checkJitter, checkTtl, jittered } from './life'
import { Loads } from './loads'
import { beginScript, deleteScript, deleteTagsScript, idLength, releaseScript, storeScript } from './scripts'
import { countKeys, type RedisServerStats, serverStats } from './server-stats'

/** What a cache needs of its connection. */
export type RedisCommands = Pick<RedisConnection, 'command' | 'script'> & Partial<Pick<RedisConnection, 'keyPrefix'>>

/** How a Redis cache keeps. Times in ms. */
export interface RedisCacheOptions extends RedisKeyOptions {
  /** Apart from the entries of other caches in the same Redis; `[A-Za-z0-9._-]`. `entries` by default. */
  readonly namespace?: string | undefined
  /** Time to live of an entry that says nothing else; 3,600,000 by default. */
  readonly ttlMs?: number | undefined
  /** Share by which times to live are shortened at random, from 0 to below 1; 0.1 by default. */
  readonly jitter?: number | undefined
  /** How long one process may load a key before another may begin too; 10,000 by default. */
  readonly leaseMs?: number | undefined
  /** How often a process that waits for another's load looks; 20 by default. */
  readonly pollMs?: number | undefined
  /** How long the fence of a delete is remembered; 60,000 by default. Above the longest load. */
  readonly tombstoneMs?: number | undefined
  /** Loads at once while Redis cannot be asked, and callers that wait for their turn; 16 and 1,000 by default. */
  readonly loadsWhileDown?: { readonly concurrency: number; readonly queue: number } | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

const kinds = {
  prefix: text(),
  epoch: method,
  namespace: text(),
  ttlMs: anything,
  jitter: number(0, 1),
  leaseMs: anything,
  pollMs: anything,
  tombstoneMs: anything,
  loadsWhileDown: group({ concurrency: whole(1), queue: whole(0) } satisfies OptionKinds<BulkheadOptions>),
  clock: having('now', 'monotonic', 'timer'),
  random: having('next', 'bytes'),
} satisfies OptionKinds<RedisCacheOptions>

/** How a value is stored in Redis. */
export interface RedisCacheSetOptions extends CacheSetOptions {
  /** The fence of the row that the value was made of: it is not stored over, or after the delete of, a newer one. */
  fence?: number | undefined
}

export interface RedisCacheLoadOptions extends CacheSetOptions {
  /** The fence of a loaded value; see `fence` of `set`. */
  fenceOf?: ((value: Json) => number) | undefined
  /** For so long after its time, ms, a value is still answered while one caller loads it anew. 0 by default. */
  staleMs?: number | undefined
}

export interface RedisCacheDeleteOptions extends CallOptions {
  /** The fence of the change: for `tombstoneMs`, nothing that says it is older is stored. */
  fence?: number | undefined
}

/** What the server answers to a caller without a value, and what is made of it. */
type Begun =
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'stale'; readonly text: string; readonly lease: string }
  | { readonly kind: 'lead'; readonly lease: string }
  | { readonly kind: 'held'; readonly by: string }
  | { readonly kind: 'down' }

const noFence = ''
/** Tags of one script, and members of theirs. */
const tagBatch = 500

/**
 * A cache in Redis, shared by processes. Reads and stores fail open: while Redis cannot be asked, a read is a miss, a
 * store is dropped, and loads are capped. Deletes fail with what is wrong, because a value that should go may still be
 * there. The connection is the caller's to close.
 */
export class RedisCacheRepository implements CacheRepository {
  readonly #connection: RedisCommands
  readonly #keys: RedisKeys
  readonly #clock: Clock
  readonly #random: Random
  readonly #ttlMs: number
  readonly #jitter: number
  readonly #leaseMs: number
  readonly #pollMs: number
  readonly #tombstoneMs: number
  readonly #loads: Loads
  readonly #open = new FailOpen()
  readonly #tallies = new Map<TenantId, { hits: number; misses: number }>()
  #closed = false

  constructor(connection: RedisCommands, given: RedisCacheOptions = {}) {
    const options = checkOptions(given, kinds, 'redis.cache')
    const { namespace = 'entries', clock = systemClock, random = systemRandom } = options
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(namespace)) {
      const message = `redis.cache.namespace must be 1 to 64 characters of [A-Za-z0-9._-], got ${describeValue(namespace)}`
      throw new HeadwaterError('HW_INVALID_OPTIONS', message, { path: 'redis.cache.namespace' })
    }
    this.#connection = connection
    this.#keys = new RedisKeys(namespace, options)
    this.#clock = clock
    this.#random = random
    this.#ttlMs = checkTtl(options.ttlMs ?? 3_600_000, 'redis.cache.ttlMs', 'HW_INVALID_OPTIONS')
    this.#jitter = checkJitter(options.jitter ?? 0.1, 'redis.cache.jitter')
    this.#leaseMs = checkTtl(options.leaseMs ?? 10_000, 'redis.cache.leaseMs', 'HW_INVALID_OPTIONS')
    this.#pollMs = checkTtl(options.pollMs ?? 20, 'redis.cache.pollMs', 'HW_INVALID_OPTIONS')
    this.#tombstoneMs = checkTtl(options.tombstoneMs ?? 60_000, 'redis.cache.tombstoneMs', 'HW_INVALID_OPTIONS')
    this.#loads = new Loads({ concurrency: 16, queue: 1_000, ...options.loadsWhileDown })
  }

  /** Calls that were answered without Redis because it could not be asked. */
  get lapses(): number {
    return this.#open.lapses
  }

  async get(tenant: TenantId, key: string, call?: CallOptions): Promise<Json | undefined> {
    this.#check(call)
    const name = `${this.#keys.base(tenant)}v${suffixOf(key)}`
    const asked = this.#connection.command('GET', [name], call).catch(otherType)
    return this.#answer(tenant, name, await this.#open.try(asked, null, call?.signal))
  }

  async getMany(tenant: TenantId, keys: readonly string[], call?: CallOptions): Promise<(Json | undefined)[]> {
    this.#check(call)
    if (keys.length === 0) return []
    const base = this.#keys.base(tenant)
    const names = keys.map((key) => `${base}v${suffixOf(key)}`)
    const held = await this.#open.try(this.#connection.command('MGET', names, call), [], call?.signal)
    const found = held as readonly unknown[]
    return keys.map((_, i) => this.#answer(tenant, names[i]!, found[i]))
  }

  async set(tenant: TenantId, key: string, value: Json, options: RedisCacheSetOptions = {}): Promise<void> {
    this.#check(options)
    const ttlMs = this.#ttlOf(options)
    const base = this.#keys.base(tenant)
    this.#loads.forget(base + suffixOf(key))
    const text = textOf(value)
    await this.#open.try(
      this.#store(base, suffixOf(key), this.#newId(), text, ttlMs, 0, fenceText(options.fence), '', options),
      0,
      options.signal,
    )
  }

  /**
   * The value, or what `load` gives, stored. One load of a key at a time over all processes, by a lease that a delete or
   * a `set` takes away. Only the caller's own `timeoutMs` bounds the wait for a load.
   */
  getOrLoad(
    tenant: TenantId,
    key: string,
    load: () => Promise<Json>,
    options: RedisCacheLoadOptions = {},
  ): Promise<Json> {
    return withDeadline(this.#clock, options, Number.POSITIVE_INFINITY, async (deadline) => {
      this.#check(options)
      this.#ttlOf(options)
      return this.#obtain(tenant, key, load, options, deadline)
    })
  }

  async delete(tenant: TenantId, key: string, options: RedisCacheDeleteOptions = {}): Promise<boolean> {
    this.#check(options)
    const base = this.#keys.base(tenant)
    const name = suffixOf(key)
    this.#loads.forget(base + name)
    const args = [fenceText(options.fence), this.#tombstoneMs]
    const call = { ...options, idempotent: options.fence !== undefined }
    return Number(await this.#connection.script(deleteScript, keysOf(base, name, 'vslf'), args, call)) === 1
  }

  async deleteByTag(tenant: TenantId, tags: string | readonly string[], call: CallOptions = {}): Promise<number> {
    this.#check(call)
    const base = this.#keys.base(tenant)
    const names = typeof tags === 'string' ? [tags] : tags
    for (const tag of names) this.#loads.forgetTag(base + tag)
    return withDeadline(this.#clock, call, Number.POSITIVE_INFINITY, async ({ signal }) => {
      let gone = 0
      for (let at = 0; at < names.length; at += tagBatch) {
        const keys = names.slice(at, at + tagBatch).map((tag) => `${base}t${suffixOf(tag)}`)
        for (let done = tagBatch; done === tagBatch; ) {
          const answer = await this.#connection.script(deleteTagsScript, keys, [this.#named(base), tagBatch], {
            signal,
          })
          // Text, where the client is one with `stringNumbers`.
          const [deleted = 0, members = 0] = (answer as unknown[]).map(Number)
          gone += deleted
          done = members
        }
      }
      return gone
    })
  }

  async stats(tenant: TenantId, call?: CallOptions): Promise<CacheStats> {
    this.#check(call)
    const pattern = `${this.#named(this.#keys.base(tenant)).replace(/[*?[\]\\]/g, '\\$&')}v*`
    const entries = await this.#open.try(countKeys(this.#connection, pattern, call), 0, call?.signal)
    const { hits, misses } = this.#tally(tenant)
    return { hits, misses, entries }
  }

  /** What the server itself counts, over everybody who uses it. Fails when it cannot be asked. */
  async serverStats(call?: CallOptions): Promise<RedisServerStats> {
    this.#check(call)
    return serverStats(this.#connection, call)
  }

  /** Stores nothing from now on; the connection stays open. */
  async close(): Promise<void> {
    this.#closed = true
    this.#loads.clear()
  }

  async #obtain(
    tenant: TenantId,
    key: string,
    load: () => Promise<Json>,
    options: RedisCacheLoadOptions,
    deadline: Deadline,
  ): Promise<Json> {
    const base = this.#keys.base(tenant)
    const name = suffixOf(key)
    const tally = this.#tally(tenant)
    const id = this.#newId()
    const tags = (options.tags ?? []).map((tag) => base + tag)
    const { signal } = deadline
    for (let first = true; ; first = false) {
      const begun = await this.#begin(base, name, id, options, deadline)
      const held = begun.kind === 'value' || begun.kind === 'stale' ? parsed(begun.text) : undefined
      if (held !== undefined) tally.hits++
      else if (first) tally.misses++
      if (begun.kind === 'value') {
        if (held !== undefined) return held
        await this.#remove(keysOf(base, name, 'vs'))
        continue
      }
      const start = (lease: string): Promise<string> =>
        this.#loads.start(base + name, id, tags, () => this.#fill(base, name, id, lease, load, options))
      if (begun.kind === 'stale') {
        // Whoever asked has an answer; a load that fails leaves the lease to the next.
        const renewed = begun.lease === '' ? undefined : start(begun.lease)
        renewed?.catch(() => undefined)
        if (held !== undefined) return held
        await this.#remove(keysOf(base, name, 's'))
        if (renewed) return parse(await abortable(renewed, signal))
        continue
      }
      if (begun.kind === 'lead') return parse(await abortable(start(begun.lease), signal))
      const own = this.#loads.get(base + name)
      if (begun.kind === 'down') {
        const loaded = own?.loaded ?? this.#loads.startCapped(base + name, id, tags, async () => textOf(await load()))
        return parse(await abortable(loaded, signal))
      }
      if (own?.id === begun.by) return parse(await abortable(own.loaded, signal))
      await sleep(this.#clock, this.#pollMs, signal)
    }
  }

  async #begin(
    base: string,
    name: string,
    id: string,
    options: RedisCacheLoadOptions,
    deadline: Deadline,
  ): Promise<Begun> {
    const stale = options.staleMs !== undefined && options.staleMs > 0 ? '1' : '0'
    const args = [id, this.#leaseMs, stale, this.#named(base), name, ...(options.tags ?? []).map(suffixOf)]
    const asked = this.#connection.script(beginScript, keysOf(base, name, 'vsl'), args, { signal: deadline.signal })
    const answer = (await this.#open.try(asked, null, deadline.signal)) as readonly [number, string, string] | null
    if (answer === null) return { kind: 'down' }
    const [, text, lease] = answer
    const what = Number(answer[0])
    if (what === 1) return { kind: 'value', text: text.slice(idLength) }
    if (what === 2) return { kind: 'stale', text: text.slice(idLength), lease }
    return what === 3 ? { kind: 'lead', lease: text } : { kind: 'held', by: text.slice(0, idLength) }
  }

  /** Loads, and stores what was loaded if the lease is still ours. */
  async #fill(
    base: string,
    name: string,
    id: string,
    lease: string,
    load: () => Promise<Json>,
    options: RedisCacheLoadOptions,
  ): Promise<string> {
    let value: Json
    let text: string
    let fence: string
    try {
      value = await load()
      text = textOf(value)
      fence = fenceText(options.fenceOf?.(value))
    } catch (error) {
      const release = this.#connection.script(releaseScript, [`${base}l${name}`], [lease])
      await release.catch(() => undefined)
      throw error
    }
    if (this.#closed) return text
    const { tags } = options
    const stored = this.#store(base, name, id, text, this.#ttlOf(options), options.staleMs ?? 0, fence, lease, { tags })
    await this.#open.try(stored, 0, undefined)
    return text
  }

  #store(
    base: string,
    name: string,
    id: string,
    text: string,
    ttlMs: number,
    staleMs: number,
    fence: string,
    lease: string,
    options: CacheSetOptions,
  ): Promise<unknown> {
    const life = jittered(ttlMs, this.#jitter, this.#random)
    const tags = (options.tags ?? []).map(suffixOf)
    const args = [id + text, life, Math.ceil(staleMs), fence, lease, this.#named(base), name, ...tags]
    return this.#connection.script(storeScript, keysOf(base, name, 'vslf'), args, options)
  }

  /** Rubbish is a miss, and goes: whoever put it there, nobody is to stumble over it twice. */
  #answer(tenant: TenantId, name: string, held: unknown): Json | undefined {
    const value = typeof held === 'string' ? parsed(held.slice(idLength)) : undefined
    if (value === undefined) this.#tally(tenant).misses++
    else this.#tally(tenant).hits++
    if (value === undefined && held !== null && held !== undefined) void this.#remove([name])
    return value
  }

  async #remove(names: string[]): Promise<void> {
    await this.#connection.command('DEL', names).catch(() => undefined)
  }

  /** A name as the server has it: a client's `keyPrefix` goes before the keys of a command, and no other names. */
  #named(base: string): string {
    return `${this.#connection.keyPrefix ?? ''}${base}`
  }

  /** 96 random bits: the mark of one value, by which a tag or a lease means it and no later one. */
  #newId(): string {
    return Buffer.from(this.#random.bytes((idLength * 3) / 4)).toString('base64url')
  }

  #tally(tenant: TenantId): { hits: number; misses: number } {
    let tally = this.#tallies.get(tenant)
    if (!tally) {
      tally = { hits: 0, misses: 0 }
      this.#tallies.set(tenant, tally)
    }
    return tally
  }

  #ttlOf(options: CacheSetOptions): number {
    return options.ttlMs === undefined ? this.#ttlMs : checkTtl(options.ttlMs, 'ttlMs', 'HW_INVALID_ARGUMENT')
  }

  #check(call: CallOptions | undefined): void {
    throwIfAborted(call?.signal)
    if (this.#closed) throw new HeadwaterError('HW_CLOSED', 'The cache is closed')
  }
}

function keysOf(base: string, name: string, kinds: string): string[] {
  return [...kinds].map((kind) => `${base}${kind}${name}`)
}

function textOf(value: Json): string {
  const text: string | undefined = JSON.stringify(value)
  if (text !== undefined) return text
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `value: ${typeof value} is no JSON`, { path: 'value' })
}

/** What is there is no text: not null, which would be nothing at all. */
function otherType(error: unknown): false {
  if (isHeadwaterError(error, 'HW_DATABASE') && /WRONGTYPE/.test(error.message)) return false
  throw error
}

/** Undefined for what none of us has stored. */
function parsed(text: string): Json | undefined {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}

function parse(text: string): Json {
  return JSON.parse(text) as Json
}

function fenceText(fence: number | undefined): string {
  if (fence === undefined) return noFence
  if (Number.isSafeInteger(fence) && fence >= 0) return String(fence)
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `fence: ${fence} is not a whole number of 0 or more`, {
    path: 'fence',
  })
}
