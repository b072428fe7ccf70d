import type { CallOptions } from '../core/abort'
import { HeadwaterError } from '../core/errors'
import type { TenantId } from '../core/ids'
import type { BlobInfo, BlobPutOptions, BlobRepository, BlobSource } from '../repositories/blobs'
import { removeBlobs } from '../writer/blobs/remove-blobs'
import type { TenantContext } from './tenant-context'

/** The tenant's own blobs, addressed by the hash of their bytes. */
export class TenantBlobs {
  readonly #context: TenantContext
  readonly #tenant: TenantId

  /** @internal */
  constructor(context: TenantContext, tenant: TenantId) {
    this.#context = context
    this.#tenant = tenant
  }

  /** Stores bytes, whole or not at all; the key is the hex SHA-256 of them. HW_STORAGE. */
  put(source: BlobSource, options?: BlobPutOptions): Promise<BlobInfo> {
    return this.#with((blobs) => blobs.put(this.#tenant, source, options))
  }

  /** Null when there is none. */
  head(key: string, options?: CallOptions): Promise<BlobInfo | null> {
    return this.#with((blobs) => blobs.head(this.#tenant, key, options))
  }

  /** A stream of the bytes, or null; `range` is inclusive. */
  get(
    key: string,
    options?: CallOptions & { range?: { start: number; end?: number | undefined } | undefined },
  ): Promise<AsyncIterable<Uint8Array> | null> {
    return this.#with((blobs) => blobs.get(this.#tenant, key, options))
  }

  /** Ascending by key. */
  list(options?: CallOptions & { after?: string | undefined; limit?: number | undefined }): Promise<BlobInfo[]> {
    return this.#with((blobs) => blobs.list(this.#tenant, options))
  }

  /** True if there was one. HW_CONFLICT while a document owns it, or is about to. */
  delete(key: string, options: CallOptions = {}): Promise<boolean> {
    return this.#with(async (blobs) => {
      const { truth, clock } = this.#context
      // Nothing to condemn where there is nothing; and a key that is none is refused.
      if ((await blobs.head(this.#tenant, key, options)) === null) return false
      const view = { tenant: this.#tenant }
      const { condemned, deleted } = await removeBlobs(
        { truth, blobs, clock },
        view,
        this.#tenant,
        [key],
        undefined,
        options,
      )
      if (condemned.length > 0) return deleted > 0
      const message = `key: a document owns the blob ${key}, or is about to; delete or change the document first`
      throw new HeadwaterError('HW_CONFLICT', message, { path: 'key', retryable: false })
    })
  }

  #with<T>(work: (blobs: BlobRepository) => Promise<T>): Promise<T> {
    return this.#context.enter(async () => {
      const { blobs } = this.#context
      if (blobs) return work(blobs)
      throw new HeadwaterError('HW_INVALID_OPTIONS', 'blobs: no place is configured; give blobs.path to openStore', {
        path: 'blobs.path',
      })
    })
  }
}
