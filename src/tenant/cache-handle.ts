import { type CallOptions, throwIfAborted } from '../core/abort'
import { HeadwaterError } from '../core/errors'
import { collectionName, type TenantId } from '../core/ids'
import type { Json } from '../core/json'
import { type KnownOptions, refuseUnknown } from '../core/known-options'
import type { CacheRepository, CacheSetOptions, CacheStats } from '../repositories/cache'
import { documentTag } from '../repositories/document-entries'
import type { Receipt } from '../writer/write/receipt'
import { type ReadOptions, readAfter, type TenantContext } from './tenant-context'

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

const knownToSet = { ttlMs: true, tags: true, signal: true, timeoutMs: true } satisfies KnownOptions<CacheSetOptions>
const knownToLoad = { ...knownToSet, documents: true, after: true } satisfies KnownOptions<CacheLoadOptions>

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
  get<T extends Json = Json>(key: string, options: ReadOptions = {}): Promise<T | undefined> {
    const { after, ...call } = options
    return this.#with(after, call, async (cache) => {
      const held = (await cache.get(this.#tenant, key, call)) as Held | undefined
      if (held && after && !(await this.#isCurrent(held, call))) return undefined
      return held?.[0]
    }) as Promise<T | undefined>
  }

  /** In the order of the keys. */
  getMany<T extends Json = Json>(keys: readonly string[], options?: CallOptions): Promise<(T | undefined)[]> {
    return this.#with(undefined, options, async (cache) => {
      const held = (await cache.getMany(this.#tenant, keys, options)) as (Held | undefined)[]
      return held.map((one) => one?.[0])
    }) as Promise<(T | undefined)[]>
  }

  /**
   * Stores a copy of the value; an hour by default (`ttlMs`). A tag of `documentTag` deletes it at the next write to that
   * document; to be safe from a write while the value is made, use `getOrLoad` with `documents`.
   */
  set(key: string, value: Json, options: CacheSetOptions = {}): Promise<void> {
    return this.#with(undefined, options, (cache) => {
      refuseUnknown(options, knownToSet, '', 'HW_INVALID_ARGUMENT')
      this.#context.entries?.expect(options.tags ?? [])
      return cache.set(this.#tenant, key, [value], options)
    })
  }

  /**
   * The value, or what `load` gives, stored; one load a key at a time. With `documents`, their state is noted before the
   * load, and what was loaded while one of them changed is given to the caller and not kept. `load` may run more than
   * once. HW_OVERLOADED when too many loads wait while Redis is down.
   */
  getOrLoad<T extends Json = Json>(key: string, load: () => Promise<T>, options: CacheLoadOptions = {}): Promise<T> {
    const { after, documents = [], tags = [], ...call } = options
    return this.#with(after, call, async (cache) => {
      refuseUnknown(options, knownToLoad, '', 'HW_INVALID_ARGUMENT')
      const places = documents.map(placeOf)
      const all = [...tags, ...places.map(({ collection, id }) => documentTag(collection, id))]
      this.#context.entries?.expect(all)
      let own: Held | undefined
      const loadHeld = async (): Promise<Json> => {
        const made = await this.#fences(places, call)
        own = made.length > 0 ? [await load(), made] : [await load()]
        return own
      }
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const held = (await cache.getOrLoad(this.#tenant, key, loadHeld, { ...call, tags: all })) as Held
        // What this call has loaded itself, it has loaded after the receipt.
        if (!after || own || (await this.#isCurrent(held, call))) return held[0]
        const gone = await cache.delete(this.#tenant, key, call).then(
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
    return this.#with(undefined, options, (cache) => cache.delete(this.#tenant, key, options))
  }

  /** Deletes every entry with this tag, or one of these; returns how many. */
  deleteByTag(tag: string | readonly string[], options?: CallOptions): Promise<number> {
    return this.#with(undefined, options, (cache) => cache.deleteByTag(this.#tenant, tag, options))
  }

  /** Hits, misses and entries of this tenant. */
  stats(options?: CallOptions): Promise<CacheStats> {
    return this.#with(undefined, options, (cache) => cache.stats(this.#tenant, options))
  }

  #with<T>(
    after: Receipt | undefined,
    call: CallOptions | undefined,
    work: (cache: CacheRepository) => Promise<T>,
  ): Promise<T> {
    return this.#context.enter(async () => {
      await readAfter(this.#context, this.#tenant, after, call ?? {})
      await this.#context.epoch.refresh(after?.epoch)
      return work(this.#context.cache)
    })
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

function placeOf(document: CacheDocument, at: number): { collection: string; id: string } {
  const { collection = 'documents', id } = typeof document === 'string' ? { id: document } : document
  if (typeof id === 'string') return { collection: collectionName(collection), id }
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `documents[${at}]: give an id, or { collection, id }`, {
    path: `documents[${at}]`,
  })
}
