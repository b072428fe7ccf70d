import { createHash } from 'node:crypto'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import type { TenantId } from '../../core/ids'
import { bytesOf, checkBlobName, checkExpectedKey, resolveRange } from '../blob-bytes'
import type { BlobDeleteOptions, BlobInfo, BlobPutOptions, BlobRepository, BlobSource, ScannedBlob } from '../blobs'
import { installation } from '../entity-table'

interface Blob {
  readonly info: BlobInfo
  readonly bytes: Buffer
}

const pieceBytes = 64 * 1024
const pageSize = 1_000

/** Blobs in memory. */
export class MemoryBlobRepository implements BlobRepository {
  readonly #clock: Clock
  readonly #tenants = new Map<TenantId, Map<string, Blob>>()

  constructor({ clock = systemClock }: { readonly clock?: Clock | undefined } = {}) {
    this.#clock = clock
  }

  async put(tenant: TenantId, source: BlobSource, options: BlobPutOptions = {}): Promise<BlobInfo> {
    const { contentType = 'application/octet-stream', expectedKey, signal } = options
    throwIfAborted(signal)
    checkBlobName(tenant)
    const pieces: Uint8Array[] = []
    // Copied one by one: the source may use one buffer for all of them.
    for await (const piece of bytesOf(source, signal)) pieces.push(Uint8Array.from(piece))
    const bytes = Buffer.concat(pieces)
    const key = createHash('sha256').update(bytes).digest('hex')
    checkExpectedKey(key, expectedKey)
    throwIfAborted(signal)
    const info = { key, size: bytes.length, contentType, createdAt: this.#clock.now() }
    let blobs = this.#tenants.get(tenant)
    if (!blobs) {
      blobs = new Map()
      this.#tenants.set(tenant, blobs)
    }
    blobs.set(key, { info, bytes })
    return { ...info }
  }

  async head(tenant: TenantId, key: string, call?: CallOptions): Promise<BlobInfo | null> {
    const blob = this.#blob(tenant, key, call)
    return blob ? { ...blob.info } : null
  }

  async get(
    tenant: TenantId,
    key: string,
    options: CallOptions & { range?: { start: number; end?: number | undefined } | undefined } = {},
  ): Promise<AsyncIterable<Uint8Array> | null> {
    const blob = this.#blob(tenant, key, options)
    if (!blob) return null
    if (!options.range) return pieces(blob.bytes, options.signal)
    const { start, end } = resolveRange(options.range, blob.info.size)
    return pieces(blob.bytes.subarray(start, end + 1), options.signal)
  }

  async list(
    tenant: TenantId,
    options: CallOptions & { after?: string | undefined; limit?: number | undefined } = {},
  ): Promise<BlobInfo[]> {
    throwIfAborted(options.signal)
    checkBlobName(tenant)
    const { after = '', limit = 1000 } = options
    const blobs = this.#tenants.get(tenant) ?? new Map<string, Blob>()
    const keys = [...blobs.keys()].filter((key) => key > after).sort()
    return keys.slice(0, limit).map((key) => ({ ...blobs.get(key)!.info }))
  }

  async *scan(tenant: TenantId, call?: CallOptions): AsyncGenerator<readonly ScannedBlob[]> {
    for (let after: string | undefined; ; ) {
      const page = await this.list(tenant, { ...call, after, limit: pageSize })
      if (page.length > 0) yield page.map(({ key, size, createdAt }) => ({ key, size, modifiedAt: createdAt }))
      if (page.length < pageSize) return
      after = page.at(-1)!.key
    }
  }

  async *tenants(call?: CallOptions): AsyncGenerator<TenantId> {
    for (const [tenant, blobs] of [...this.#tenants]) {
      throwIfAborted(call?.signal)
      if (blobs.size > 0 && tenant !== installation) yield tenant
    }
  }

  async delete(tenant: TenantId, key: string, options: BlobDeleteOptions = {}): Promise<boolean> {
    const blob = this.#blob(tenant, key, options)
    if (blob === undefined || blob.info.createdAt >= (options.putBefore ?? Number.POSITIVE_INFINITY)) return false
    return this.#tenants.get(tenant)!.delete(key)
  }

  #blob(tenant: TenantId, key: string, call: CallOptions | undefined): Blob | undefined {
    throwIfAborted(call?.signal)
    checkBlobName(tenant, key)
    return this.#tenants.get(tenant)?.get(key)
  }
}

async function* pieces(bytes: Buffer, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    throwIfAborted(signal)
    yield Uint8Array.from(bytes.subarray(at, at + pieceBytes))
  }
}
