import { type CallOptions, callKinds, throwIfAborted } from '../core/abort'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { collectionName, type TenantId } from '../core/ids'
import { type Json, jsonCopy } from '../core/json'
import { reading } from '../core/known-options'
import { anything, checkOptions, type Kind, type OptionKinds, type Taken } from '../core/option-kinds'
import type { CacheRepository, CacheSetOptions, CacheStats } from '../repositories/cache'
import { documentTag } from '../repositories/document-entries'
import { checkId } from '../writer/write/document-input'
import type { Receipt } from '../writer/write/receipt'
import { checkList, type ReadOptions, readAfter, readKinds, type TenantContext } from './tenant-context'

/** A document that a cached value is made of; of the default collection when only its id is given. */
export type CacheDocument = string | { readonly collection?: string | undefined; readonly id: string }

/** How a loaded value is kept. */
export interface CacheLoadOptions extends CacheSetOptions {
  /**
   * The documents that `load` makes the value of. A write to one of them deletes the value, and with a receipt it is
   * compared with them.
   */
  documents?: readonly CacheDocument[] | undefined
  /** Nothing older than what this receipt stands for: what cannot be shown to be newer is loaded anew. */
  after?: Receipt | undefined
}

/** Above 0; what is longer than a year is as good as for ever. */
const ttl: Kind = (value, path, code) => {
  if (typeof value === 'number' && value > 0 && value < 2 ** 52) return value
  const problem = `must be a number of milliseconds above 0, got ${describeValue(value)}`
  throw new HeadwaterError(code, `${path}: ${problem}`, { path })
}
const setKinds = { ...callKinds, ttlMs: ttl, tags: anything } satisfies OptionKinds<CacheSetOptions>
const loadKinds = { ...setKinds, documents: anything, after: anything } satisfies OptionKinds<CacheLoadOptions>

/** A document and its fence before the value was loaded; 0 when there was none. */
type Dependency = [collection: string, id: string, fence: number]

/** A value as it lies in the cache. */
type Held = [value: Json] | [value: Json, made: Dependency[]]

const attempts = 3

/** The tenant's own cache. It may forget at any time. */
export class TenantCache {
  readonly #context: TenantContext
  readonly #tenant: TenantId

  /** @internal */
  constructor(context: TenantContext, tenant: TenantId) {
    this.#context = context
    this.#tenant = tenant
  }

  /**
   * The value, or undefined. With `after`, only a value whose documents are still as they were when it was loaded (see
   * `documents` of `getOrLoad`); any other counts as absent.
   */
  get<T extends Json = Json>(key: string, options?: ReadOptions): Promise<T | undefined> {
    return this.#with(options, readKinds, async (cache, { after, ...call }) => {
      const held = (await cache.get(this.#tenant, this.#key(key), call)) as Held | undefined
      if (held && after && !(await this.#isCurrent(held, call))) return undefined
      return held?.[0]
    }) as Promise<T | undefined>
  }

  /** In the order of the keys. */
  getMany<T extends Json = Json>(keys: readonly string[], options?: CallOptions): Promise<(T | undefined)[]> {
    return this.#with(options, callKinds, async (cache, call) => {
      const { limits } = this.#context
      const names = checkList(keys, 'keys', limits, (key, path) => this.#key(key, path))
      const held = (await cache.getMany(this.#tenant, names, call)) as (Held | undefined)[]
      return held.map((one) => one?.[0])
    }) as Promise<(T | undefined)[]>
  }

  /**
   * Stores a copy of the value; an hour by default (`ttlMs`). A tag of `documentTag` deletes it at the next write to that
   * document; to be safe from a write while the value is made, use `getOrLoad` with `documents`.
   */
  set(key: string, value: Json, given?: CacheSetOptions): Promise<void> {
    return this.#with(given, setKinds, async (cache, { tags = [], ...options }) => {
      const names = this.#tags(tags)
      const name = this.#key(key)
      const held: Held = [this.#value(value)]
      this.#context.entries?.expect(names)
      return cache.set(this.#tenant, name, held, { ...options, tags: names })
    })
  }

  /**
   * The value, or what `load` gives, stored; one load a key at a time. With `documents`, their state is noted before the
   * load, and what was loaded while one of them changed is given to the caller and not kept. `load` may run more than
   * once. HW_OVERLOADED when too many loads wait while Redis is down.
   */
  getOrLoad<T extends Json = Json>(key: string, load: () => Promise<T>, given?: CacheLoadOptions): Promise<T> {
    return this.#with(given, loadKinds, async (cache, { after, documents = [], tags = [], ...call }) => {
      const name = this.#key(key)
      if (typeof load !== 'function') {
        const problem = `load: must be a function, got ${describeValue(load)}`
        throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'load' })
      }
      const places = checkList(documents, 'documents', this.#context.limits, placeOf)
      const all = [...this.#tags(tags), ...places.map(({ collection, id }) => documentTag(collection, id))]
      this.#context.entries?.expect(all)
      let own: Held | undefined
      const loadHeld = async (): Promise<Json> => {
        const made = await this.#fences(places, call)
        const value = this.#value(await load())
        own = made.length > 0 ? [value, made] : [value]
        return own
      }
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const held = (await cache.getOrLoad(this.#tenant, name, loadHeld, { ...call, tags: all })) as Held
        // What this call has loaded itself, it has loaded after the receipt.
        if (!after || own || (await this.#isCurrent(held, call))) return held[0]
        const gone = await cache.delete(this.#tenant, name, call).then(
          () => true,
          () => false,
        )
        throwIfAborted(call.signal)
        if (!gone) break
      }
      return load()
    }) as Promise<T>
  }

  /** True if there was a value. */
  delete(key: string, options?: CallOptions): Promise<boolean> {
    return this.#with(options, callKinds, async (cache, call) => cache.delete(this.#tenant, this.#key(key), call))
  }

  /** Deletes every entry with this tag, or one of these; returns how many. */
  deleteByTag(tag: string | readonly string[], options?: CallOptions): Promise<number> {
    return this.#with(options, callKinds, async (cache, call) => {
      return cache.deleteByTag(this.#tenant, this.#tags(typeof tag === 'string' ? [tag] : tag), call)
    })
  }

  /** Hits, misses and entries of this tenant. */
  stats(options?: CallOptions): Promise<CacheStats> {
    return this.#with(options, callKinds, (cache, call) => cache.stats(this.#tenant, call))
  }

  #with<O extends CallOptions & { after?: Receipt | undefined }, T>(
    given: O | undefined,
    kinds: OptionKinds<O>,
    work: (cache: CacheRepository, options: Taken<O>) => Promise<T>,
  ): Promise<T> {
    return this.#context.enter(async () => {
      const options = checkOptions(given, kinds, '', 'HW_INVALID_ARGUMENT')
      const { after, signal, timeoutMs } = options as ReadOptions
      const receipt = await readAfter(this.#context, this.#tenant, after, { signal, timeoutMs })
      await this.#context.epoch.refresh(receipt?.epoch)
      return work(this.#context.cache, options)
    })
  }

  /** Any characters, since some make keys of queries; where a store does not take them, it is kept by its hash. */
  #key(value: unknown, path = 'key'): string {
    const { keyBytes } = this.#context.limits
    if (typeof value !== 'string') {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: must be a string, got ${describeValue(value)}`, {
        path,
      })
    }
    if (value.length <= keyBytes && Buffer.byteLength(value) <= keyBytes) return value
    throw new HeadwaterError('HW_LIMIT_EXCEEDED', `${path}: at most ${keyBytes} bytes (limits.keyBytes)`, { path })
  }

  #tags(tags: unknown): string[] {
    return checkList(tags, 'tags', this.#context.limits, (tag, path) => this.#key(tag, path))
  }

  #value<V>(value: V): Json {
    return value === undefined ? (value as never) : jsonCopy(value, 'value', this.#context.limits.valueBytes)
  }

  /** True if each document of the value has the fence that it had before the value was loaded. */
  async #isCurrent([, made]: Held, call: CallOptions): Promise<boolean> {
    if (!made || made.length === 0) return false
    const now = await this.#fences(
      made.map(([collection, id]) => ({ collection, id })),
      call,
    )
    return now.every(([, , fence], at) => fence === made[at]![2])
  }

  async #fences(
    places: readonly { readonly collection: string; readonly id: string }[],
    call: CallOptions,
  ): Promise<Dependency[]> {
    const { documents } = this.#context.truth.session({ tenant: this.#tenant })
    const fences = new Map<string, number>()
    for (const collection of new Set(places.map((place) => place.collection))) {
      const scope = { tenant: this.#tenant, collection: collectionName(collection) }
      const ids = places.filter((place) => place.collection === collection).map(({ id }) => id)
      for (const { id, fence } of await documents.heads(scope, ids, call))
        fences.set(documentTag(collection, id), fence)
    }
    return places.map(({ collection, id }) => [collection, id, fences.get(documentTag(collection, id)) ?? 0])
  }
}

function placeOf(document: unknown, path: string): { collection: string; id: string } {
  return reading(path, 'HW_INVALID_ARGUMENT', () => {
    const place: { collection?: unknown; id?: unknown } =
      typeof document === 'object' && document !== null ? document : { id: document }
    const { collection = 'documents', id } = place
    if (typeof id === 'string') return { collection: collectionName(collection as string), id: checkId(id, path) }
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: give an id, or { collection, id }`, { path })
  })
}
