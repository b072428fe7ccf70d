import type { CallOptions } from '../../core/abort'
import { compareBytes, type TenantId } from '../../core/ids'
import { type BlobReference, type BlobReferenceRepository, removalMs } from '../blob-references'
import { type Access, checkSight } from './access'
import type { Changes } from './tables'

/** Owners of blobs in memory. The mutex of a transaction is what holds a key. */
export class MemoryBlobReferences implements BlobReferenceRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  hold(tenant: TenantId, keys: readonly string[]): Promise<string[]> {
    return this.#write('blobReferences.hold', tenant, (changes) =>
      keys.filter((key) => this.#condemned(changes, tenant, key)),
    )
  }

  referenced(tenant: TenantId, keys: readonly string[], call?: CallOptions): Promise<string[]> {
    return this.#access.read('blobReferences.referenced', call, (changes) => {
      checkSight(this.#access.view, tenant)
      const owned = new Set(references(changes, tenant).map(({ key }) => key))
      return keys.filter((key) => owned.has(key))
    })
  }

  condemn(tenant: TenantId, keys: readonly string[]): Promise<string[]> {
    return this.#write('blobReferences.condemn', tenant, (changes) => {
      const owned = new Set(references(changes, tenant).map(({ key }) => key))
      const free = keys.filter((key) => !owned.has(key) && !this.#condemned(changes, tenant, key))
      const begunAt = this.#access.engine.clock.now()
      for (const key of free) changes.removals.put(nameOf(tenant, key), { tenant, key, begunAt })
      return free
    })
  }

  release(tenant: TenantId, keys: readonly string[]): Promise<void> {
    return this.#write('blobReferences.release', tenant, (changes) => {
      const ended = new Set(keys)
      for (const [name, removal] of [...changes.removals.entries()]) {
        if (removal.tenant !== tenant) continue
        if (ended.has(removal.key) || !this.#condemned(changes, tenant, removal.key)) changes.removals.delete(name)
      }
    })
  }

  list(
    tenant: TenantId,
    { after, limit }: { readonly after?: BlobReference | undefined; readonly limit: number },
    call?: CallOptions,
  ): Promise<BlobReference[]> {
    return this.#access.read('blobReferences.list', call, (changes) => {
      checkSight(this.#access.view, tenant)
      const all = references(changes, tenant).sort(byKey)
      return all.filter((one) => after === undefined || byKey(one, after) > 0).slice(0, limit)
    })
  }

  tenants(
    { after, limit }: { readonly after?: TenantId | undefined; readonly limit: number },
    call?: CallOptions,
  ): Promise<TenantId[]> {
    return this.#access.read('blobReferences.tenants', call, (changes) => {
      const found = new Set<TenantId>()
      for (const [, { tenant, blob }] of changes.documents.entries()) if (blob) found.add(tenant)
      const sorted = [...found].sort(compareBytes)
      return sorted.filter((tenant) => after === undefined || compareBytes(tenant, after) > 0).slice(0, limit)
    })
  }

  #condemned(changes: Changes, tenant: TenantId, key: string): boolean {
    const removal = changes.removals.get(nameOf(tenant, key))
    return removal !== undefined && removal.begunAt > this.#access.engine.clock.now() - removalMs
  }

  #write<T>(op: string, tenant: TenantId, work: (changes: Changes) => T): Promise<T> {
    return this.#access.write(op, undefined, (changes) => {
      checkSight(this.#access.view, tenant)
      return work(changes)
    })
  }
}

function nameOf(tenant: TenantId, key: string): string {
  return `${tenant}/${key}`
}

function references(changes: Changes, of: TenantId): BlobReference[] {
  return [...changes.documents.entries()].flatMap(([, { tenant, collection, id, blob }]) =>
    tenant === of && blob ? [{ key: blob.hash, collection, document: id, size: blob.size }] : [],
  )
}

function byKey(a: BlobReference, b: BlobReference): number {
  return compareBytes(a.key, b.key) || compareBytes(a.collection, b.collection) || compareBytes(a.document, b.document)
}
