import type { CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'

/** Bytes, text (as UTF-8), or a stream of parts. */
export type BlobSource = Uint8Array | string | AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** What is known of a blob without reading it. */
export interface BlobInfo {
  /** Content-addressed: hex SHA-256 of the bytes. */
  readonly key: string
  /** Bytes. */
  readonly size: number
  readonly contentType: string
  /** Epoch ms. */
  readonly createdAt: number
}

/** How a blob is stored. */
export interface BlobPutOptions extends CallOptions {
  /** `application/octet-stream` by default. */
  contentType?: string | undefined
  /** Refused with HW_INVALID_ARGUMENT when the bytes hash to something else. */
  expectedKey?: string | undefined
}

/** What a scan tells of a blob. */
export interface ScannedBlob {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** When it was last put, by the clock of the store that holds it; epoch ms. */
  readonly modifiedAt: number
}

/** How a blob is deleted. */
export interface BlobDeleteOptions extends CallOptions {
  /** Only if it was last put before then: epoch ms, by the clock of the store that holds it. */
  putBefore?: number | undefined
}

/** Streams of bytes by (tenant, content hash). A put is atomic: never half a blob under a key. */
export interface BlobRepository {
  /** Stores the bytes under their hash. HW_STORAGE when there is no room or no right to. */
  put(tenant: TenantId, source: BlobSource, options?: BlobPutOptions): Promise<BlobInfo>
  /** Null when there is none. */
  head(tenant: TenantId, key: string, call?: CallOptions): Promise<BlobInfo | null>
  /** The bytes, or of `range` (inclusive, as in HTTP) only; the hash is verified on a whole read. */
  get(
    tenant: TenantId,
    key: string,
    options?: CallOptions & { range?: { start: number; end?: number | undefined } | undefined },
  ): Promise<AsyncIterable<Uint8Array> | null>
  /** Ascending by key. */
  list(
    tenant: TenantId,
    options?: CallOptions & { after?: string | undefined; limit?: number | undefined },
  ): Promise<BlobInfo[]>
  /** The tenant's blobs ascending by key, page after page; cheaper than `list`, which tells content types. */
  scan(tenant: TenantId, call?: CallOptions): AsyncIterable<readonly ScannedBlob[]>
  /** Whoever has blobs, in no particular order. */
  tenants(call?: CallOptions): AsyncIterable<TenantId>
  /** True if there was one, and it was deleted. */
  delete(tenant: TenantId, key: string, options?: BlobDeleteOptions): Promise<boolean>
}
