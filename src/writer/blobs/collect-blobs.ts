import { type CallOptions, throwIfAborted } from '../../core/abort'
import { type Deadline, withDeadline } from '../../core/deadline'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { type TenantId, tenantId } from '../../core/ids'
import type { BlobReference, BlobReferenceRepository } from '../../repositories/blob-references'
import { type BlobRemovalPorts, removeBlobs } from './remove-blobs'

/** What to collect. No time limit but `timeoutMs`. */
export interface CollectBlobsOptions extends CallOptions {
  /** Every tenant when left out. */
  tenant?: string | undefined
  /** True (default) only reports. */
  dryRun?: boolean | undefined
  /**
   * What was put within this time stays, ms; 86,400,000 by default. Longer than any write takes between the upload and
   * its commit; a write that is later is refused, and nothing breaks.
   */
  graceMs?: number | undefined
  /** Blobs that one run may delete; 10,000 by default. What is above is counted and left. */
  limit?: number | undefined
  /** Reads every owned blob and compares its hash too. */
  deep?: boolean | undefined
  /** Called after each page, with the blobs looked at so far. */
  onProgress?: ((progress: { tenant: string; checked: number }) => void) | undefined
}

/** A document whose blob is not what it should be. */
export interface MissingBlob {
  readonly tenant: string
  readonly collection: string
  readonly document: string
  readonly hash: string
  /** Not there; of another size; of another hash (`deep` only). */
  readonly reason: 'absent' | 'size' | 'content'
}

/** What a collection found. */
export interface CollectBlobsReport {
  /** Blobs looked at. */
  readonly checked: number
  /** Older than the grace period, and owned by no document. */
  readonly orphaned: number
  /** 0 in a dry run. */
  readonly deleted: number
  /** A backup was reading the blobs, so that orphans were left for the next run. */
  readonly held: boolean
  /** Documents whose blob is gone or damaged, the first 100 of `missingCount`. */
  readonly missing: readonly MissingBlob[]
  readonly missingCount: number
}

const pageSize = 1_000
/** Keys that are compared, condemned and deleted together. */
const batchSize = 100
const mostMissing = 100

/**
 * Walks the blobs and what documents own side by side, in the order of the keys: deletes orphans unless it is a dry run,
 * and reports documents whose blob is gone. Holds a page of each and the tenants' names in memory.
 */
export function collectBlobs(ports: BlobRemovalPorts, options: CollectBlobsOptions = {}): Promise<CollectBlobsReport> {
  const { graceMs = 24 * 3_600_000, limit = 10_000 } = options
  for (const [path, value] of Object.entries({ graceMs, limit })) {
    if (value >= 0) continue
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: must be 0 or more, got ${value}`, { path })
  }
  return withDeadline(ports.clock, options, undefined, async (deadline) => {
    // The truth's clock: a worker whose own is fast must not take for old what was put just now.
    const now = await ports.truth.session(worker).registry.now()
    const collection = new Collection(ports, options, deadline, now - graceMs, limit)
    if (options.tenant !== undefined) await collection.tenant(tenantId(options.tenant))
    else await collection.everybody()
    return collection.report()
  })
}

const worker = { worker: true } as const

class Collection {
  readonly #ports: BlobRemovalPorts
  readonly #options: CollectBlobsOptions
  readonly #deadline: Deadline
  readonly #before: number
  readonly #references: BlobReferenceRepository
  readonly #counts = { checked: 0, orphaned: 0, deleted: 0, missingCount: 0 }
  readonly #missing: MissingBlob[] = []
  #held = false
  #left: number

  constructor(
    ports: BlobRemovalPorts,
    options: CollectBlobsOptions,
    deadline: Deadline,
    before: number,
    limit: number,
  ) {
    this.#ports = ports
    this.#options = options
    this.#deadline = deadline
    this.#before = before
    this.#left = limit
    this.#references = ports.truth.session(worker).blobReferences
  }

  report(): CollectBlobsReport {
    return { ...this.#counts, held: this.#held, missing: this.#missing }
  }

  async everybody(): Promise<void> {
    const seen = new Set<TenantId>()
    for await (const tenant of this.#ports.blobs.tenants(this.#call())) {
      seen.add(tenant)
      await this.tenant(tenant)
    }
    for (let after: TenantId | undefined; ; ) {
      const page = await this.#references.tenants({ after, limit: pageSize }, this.#call())
      for (const tenant of page) if (!seen.has(tenant)) await this.tenant(tenant)
      if (page.length < pageSize) return
      after = page.at(-1)
    }
  }

  async tenant(tenant: TenantId): Promise<void> {
    const owned = this.#owned(tenant)
    let next = await owned.next()
    const suspects: BlobReference[] = []
    const suspect = async (reference: BlobReference): Promise<void> => {
      if (suspects.push(reference) >= batchSize) await this.#confirm(tenant, suspects.splice(0))
    }
    for await (const page of this.#ports.blobs.scan(tenant, this.#call())) {
      const loose: string[] = []
      for (const { key, size, modifiedAt } of page) {
        for (; !next.done && next.value.key < key; next = await owned.next()) await suspect(next.value)
        let owners = 0
        let healthy: boolean | undefined
        for (; !next.done && next.value.key === key; next = await owned.next()) {
          owners++
          if (this.#options.deep) healthy ??= await this.#isWhole(tenant, key)
          if (healthy === false) this.#note(tenant, next.value, 'content')
          else if (next.value.size !== size) await suspect(next.value)
        }
        if (owners === 0 && modifiedAt < this.#before) loose.push(key)
      }
      this.#counts.checked += page.length
      for (let at = 0; at < loose.length; at += batchSize) await this.#orphans(tenant, loose.slice(at, at + batchSize))
      this.#options.onProgress?.({ tenant, checked: this.#counts.checked })
    }
    for (; !next.done; next = await owned.next()) await suspect(next.value)
    await this.#confirm(tenant, suspects)
  }

  async #orphans(tenant: TenantId, keys: readonly string[]): Promise<void> {
    // Owned since the page of owners was read.
    const kept = new Set(await this.#references.referenced(tenant, keys, this.#call()))
    const orphans = keys.filter((key) => !kept.has(key))
    this.#counts.orphaned += orphans.length
    const allowed = orphans.slice(0, this.#left)
    if ((this.#options.dryRun ?? true) || allowed.length === 0) return
    const { deleted, held } = await removeBlobs(this.#ports, worker, tenant, allowed, this.#before, this.#call())
    this.#held ||= held
    this.#counts.deleted += deleted
    this.#left -= deleted
  }

  /** The lists were read while others wrote: what they make suspect is looked at once more. */
  async #confirm(tenant: TenantId, suspects: readonly BlobReference[]): Promise<void> {
    for (const reference of suspects) {
      const { key, collection, document, size } = reference
      const info = await this.#ports.blobs.head(tenant, key, this.#call())
      if (info?.size === size) continue
      const scope = { tenant, collection }
      const row = await this.#ports.truth.session(worker).documents.get(scope, document, this.#call())
      if (row?.blob?.hash === key) this.#note(tenant, reference, info ? 'size' : 'absent')
    }
  }

  async #isWhole(tenant: TenantId, key: string): Promise<boolean> {
    try {
      const { signal } = this.#deadline
      const stream = await this.#ports.blobs.get(tenant, key, { signal })
      for await (const _ of stream ?? []) throwIfAborted(signal)
      return true
    } catch (error) {
      if (isHeadwaterError(error, 'HW_STORAGE')) return false
      throw error
    }
  }

  #note(tenant: TenantId, { key, collection, document }: BlobReference, reason: MissingBlob['reason']): void {
    this.#counts.missingCount++
    if (this.#missing.length < mostMissing) this.#missing.push({ tenant, collection, document, hash: key, reason })
  }

  async *#owned(tenant: TenantId): AsyncGenerator<BlobReference> {
    for (let after: BlobReference | undefined; ; ) {
      const page = await this.#references.list(tenant, { after, limit: pageSize }, this.#call())
      yield* page
      if (page.length < pageSize) return
      after = page.at(-1)
    }
  }

  #call(): CallOptions {
    throwIfAborted(this.#deadline.signal)
    return this.#deadline.options()
  }
}
