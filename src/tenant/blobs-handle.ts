import { type CallOptions, callKinds } from '../core/abort'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import type { TenantId } from '../core/ids'
import { checkOptions, group, type Kind, type OptionKinds, type Taken, whole } from '../core/option-kinds'
import { checkBlobSource, contentTypePattern } from '../repositories/blob-bytes'
import type { BlobInfo, BlobPutOptions, BlobRepository, BlobSource } from '../repositories/blobs'
import { removeBlobs } from '../writer/blobs/remove-blobs'
import type { TenantContext } from './tenant-context'

const hexKey: Kind = (value, path, code) => {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value
  throw new HeadwaterError(code, `${path}: must be 64 lower-case hex digits, got ${describeValue(value)}`, { path })
}
/** As a header carries it. */
const contentType: Kind = (value, path, code) => {
  if (typeof value === 'string' && contentTypePattern.test(value)) return value
  throw new HeadwaterError(code, `${path}: must be 1 to 255 printable characters of ASCII`, { path })
}
const range = group({ start: whole(0, Number.MAX_SAFE_INTEGER), end: whole(0, Number.MAX_SAFE_INTEGER) })
type ListOptions = CallOptions & { after?: string | undefined; limit?: number | undefined }

const putKinds = { ...callKinds, contentType, expectedKey: hexKey } satisfies OptionKinds<BlobPutOptions>
const getKinds = { ...callKinds, range }
const listKinds = { ...callKinds, after: hexKey, limit: whole(1) } satisfies OptionKinds<ListOptions>

function checkCall<O extends object>(options: O | undefined, kinds: OptionKinds<O>): Taken<O> {
  return checkOptions(options, kinds, '', 'HW_INVALID_ARGUMENT')
}

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
    return this.#with(async (blobs) => {
      const call = checkCall(options, putKinds)
      checkBlobSource(source)
      return blobs.put(this.#tenant, source, call)
    })
  }

  /** Null when there is none. */
  head(key: string, options?: CallOptions): Promise<BlobInfo | null> {
    return this.#with(async (blobs) => blobs.head(this.#tenant, key, checkCall(options, callKinds)))
  }

  /** A stream of the bytes, or null; `range` is inclusive. */
  get(
    key: string,
    options?: CallOptions & { range?: { start: number; end?: number | undefined } | undefined },
  ): Promise<AsyncIterable<Uint8Array> | null> {
    return this.#with(async (blobs) => blobs.get(this.#tenant, key, checkCall(options, getKinds)))
  }

  /** Ascending by key. */
  list(options?: CallOptions & { after?: string | undefined; limit?: number | undefined }): Promise<BlobInfo[]> {
    return this.#with(async (blobs) => {
      const { limit, ...call } = checkCall(options, listKinds)
      const { pageSize } = this.#context.limits
      if (limit !== undefined && limit > pageSize) {
        throw new HeadwaterError('HW_LIMIT_EXCEEDED', `limit: at most ${pageSize}, got ${limit}`, { path: 'limit' })
      }
      return blobs.list(this.#tenant, { ...call, limit: limit ?? Math.min(1_000, pageSize) })
    })
  }

  /** True if there was one. HW_CONFLICT while a document owns it, or is about to; HW_BACKUP_BUSY during a backup. */
  delete(key: string, given?: CallOptions): Promise<boolean> {
    return this.#with(async (blobs) => {
      const options = checkCall(given, callKinds)
      const { truth, clock } = this.#context
      // Nothing to condemn where there is nothing; and a key that is none is refused.
      if ((await blobs.head(this.#tenant, key, options)) === null) return false
      const view = { tenant: this.#tenant }
      const { condemned, deleted, held } = await removeBlobs(
        { truth, blobs, clock },
        view,
        this.#tenant,
        [key],
        undefined,
        options,
      )
      if (condemned.length > 0) return deleted > 0
      if (held) throw new HeadwaterError('HW_BACKUP_BUSY', 'key: a backup is reading the blobs; delete it afterwards')
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
