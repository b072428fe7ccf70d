import type { CallOptions } from '../core/abort'
import { HeadwaterError } from '../core/errors'
import type { CollectionName, TenantId } from '../core/ids'
import type { CacheRepository } from './cache'
import type { EpochWatch } from './epoch-watch'

/** A document by its place. */
export interface DocumentPlace {
  readonly tenant: TenantId
  readonly collection: CollectionName
  readonly document: string
}

/** The tag of what was made of a document: `doc:<collection>/<id>`. A write to the document deletes what carries it. */
export function documentTag(collection: string, id: string): string {
  return `${prefix}${collection}/${id}`
}

const prefix = 'doc:'

/** Cached values that were made of documents: whether there can be any, and how they go when a document changes. */
export class DocumentEntries {
  readonly #cache: CacheRepository
  readonly #epoch: EpochWatch | undefined
  #wanted: boolean

  /** In a cache that is `shared`, other processes may keep such values too. `epoch` is what its keys are made with. */
  constructor(cache: CacheRepository, options: { shared: boolean; epoch?: EpochWatch | undefined }) {
    this.#cache = cache
    this.#epoch = options.epoch
    this.#wanted = options.shared
  }

  /** False while nothing in this process was ever made of a document: then a write need not tell the cache. */
  get wanted(): boolean {
    return this.#wanted
  }

  /** Before a value with these tags is made. */
  expect(tags: readonly string[]): void {
    this.#wanted ||= tags.some((tag) => tag.startsWith(prefix))
  }

  /**
   * Deletes what was made of these documents, and takes the lease from whoever makes such a value right now: what a slow
   * reader has read is not stored over it. `epoch` is that of the change: a process that only works has not heard of a
   * restore, and would look under the keys of before. Rejects when Redis cannot be asked, or the truth for its epoch.
   */
  async forget(changed: readonly (DocumentPlace & { readonly epoch?: number })[], call: CallOptions): Promise<void> {
    const epoch = Math.max(0, ...changed.map((change) => change.epoch ?? 0))
    await this.#epoch?.refresh(epoch)
    if (this.#epoch && this.#epoch.current() < epoch) {
      throw new HeadwaterError('HW_UNAVAILABLE', 'The epoch of the database could not be read; cached values wait')
    }
    const tags = new Map<TenantId, string[]>()
    for (const { tenant, collection, document } of changed) {
      const own = tags.get(tenant) ?? []
      tags.set(tenant, own)
      own.push(documentTag(collection, document))
    }
    for (const [tenant, own] of tags) await this.#cache.deleteByTag(tenant, own, call)
  }
}
