import type { CallOptions } from '../core/abort'
import type { CollectionName, TenantId } from '../core/ids'
import type { CacheRepository } from './cache'

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
  #wanted: boolean

  /** In a cache that is `shared`, other processes may keep such values too. */
  constructor(cache: CacheRepository, options: { shared: boolean }) {
    this.#cache = cache
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
   * reader has read is not stored over it. Rejects when Redis cannot be asked.
   */
  async forget(changed: readonly DocumentPlace[], call: CallOptions): Promise<void> {
    const tags = new Map<TenantId, string[]>()
    for (const { tenant, collection, document } of changed) {
      const own = tags.get(tenant) ?? []
      tags.set(tenant, own)
      own.push(documentTag(collection, document))
    }
    for (const [tenant, own] of tags) await this.#cache.deleteByTag(tenant, own, call)
  }
}
