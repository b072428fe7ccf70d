import { createHash } from 'node:crypto'
import type { S3ObjectStat } from '../../connections/s3/client'
import type { S3Connection } from '../../connections/s3/connection'
import { abortable, type CallOptions, throwIfAborted } from '../../core/abort'
import { withDeadline } from '../../core/deadline'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { type TenantId, uuidV7 } from '../../core/ids'
import { Lazy } from '../../core/lifecycle'
import { anything, checkOptions, flag, type OptionKinds, text, whole } from '../../core/option-kinds'
import { bytesOf, checkBlobName, checkExpectedKey, resolveRange } from '../blob-bytes'
import type { BlobDeleteOptions, BlobInfo, BlobPutOptions, BlobRepository, BlobSource, ScannedBlob } from '../blobs'
import { readBody, verified } from './body'
import { ensureBucket, type S3BucketOptions } from './bucket'
import { blobName, incomingName, partialPrefix, tenantOf, tenantPrefix, tenantsPrefix } from './layout'
import { objectsUnder } from './objects'
import { partsOf, Upload } from './upload'

export interface S3BlobOptions extends S3BucketOptions {
  /** Bytes of one part of a large put, of which one is held in memory; 8 MiB by default, 5 MiB at least. */
  readonly partBytes?: number | undefined
  /** Largest blob; 5 GiB by default, which is what S3 copies at once. More is HW_LIMIT_EXCEEDED. */
  readonly maxBytes?: number | undefined
  /** Longest life of a presigned URL, ms; 900,000 by default, a week at most. */
  readonly maxPresignMs?: number | undefined
}

const mebibyte = 1024 * 1024
const kinds = {
  bucket: text(63),
  createBucket: flag,
  versioning: flag,
  noncurrentDays: whole(1),
  leftoverDays: whole(1),
  policy: anything,
  partBytes: whole(5 * mebibyte, 512 * mebibyte),
  maxBytes: whole(1, 5 * 1024 * mebibyte),
  maxPresignMs: whole(1_000, 7 * 86_400_000),
} satisfies OptionKinds<S3BlobOptions>

const defaultType = 'application/octet-stream'
const createdHeader = 'x-amz-meta-hw-created'
const keyPattern = /^[0-9a-f]{64}$/
const pageSize = 1_000
const headsAtOnce = 8

/**
 * Blobs in an S3-compatible bucket under their hash. A put is seen whole or not at all: a small one is one request, a
 * large one goes in parts to a name of its own and is copied when its hash is known. The connection is the caller's.
 */
export class S3BlobRepository implements BlobRepository {
  readonly bucket: string
  readonly #connection: S3Connection
  readonly #partBytes: number
  readonly #maxBytes: number
  readonly #maxPresignMs: number
  readonly #ready: Lazy<void>

  constructor(connection: S3Connection, given: S3BlobOptions = {}) {
    const options = checkOptions(given, kinds, 's3.blobs')
    this.#connection = connection
    this.bucket = options.bucket ?? `${connection.options.bucketPrefix}-blobs`
    this.#partBytes = options.partBytes ?? 8 * mebibyte
    this.#maxBytes = options.maxBytes ?? 5 * 1024 * mebibyte
    this.#maxPresignMs = options.maxPresignMs ?? 900_000
    this.#ready = new Lazy(() => ensureBucket(connection, this.bucket, options))
  }

  put(tenant: TenantId, source: BlobSource, options: BlobPutOptions = {}): Promise<BlobInfo> {
    return this.#within(options, (call) => this.#put(tenant, source, { ...options, ...call }))
  }

  async #put(tenant: TenantId, source: BlobSource, options: BlobPutOptions): Promise<BlobInfo> {
    const { contentType = defaultType, expectedKey, signal } = options
    throwIfAborted(signal)
    checkBlobName(tenant)
    const call = await this.#prepared(options)
    const createdAt = Math.floor(this.#connection.clock.now())
    const headers = { 'Content-Type': contentType, [createdHeader]: String(createdAt) }
    const parts = partsOf(bytesOf(source, signal), this.#partBytes)
    const hash = createHash('sha256')
    let size = 0
    const count = (part: Buffer): void => {
      hash.update(part)
      size += part.byteLength
      if (size > this.#maxBytes) {
        throw new HeadwaterError(
          'HW_LIMIT_EXCEEDED',
          `The blob has more than s3.blobs.maxBytes (${this.#maxBytes}) bytes`,
        )
      }
    }
    const first = (await parts.next()).value ?? Buffer.alloc(0)
    count(first)
    const second = first.byteLength < this.#partBytes ? undefined : (await parts.next()).value
    if (second === undefined) {
      const key = hash.digest('hex')
      checkExpectedKey(key, expectedKey)
      throwIfAborted(signal)
      await this.#putSmall(blobName(tenant, key), first, headers, call)
      return { key, size, contentType, createdAt }
    }
    const partial = partialPrefix + uuidV7(this.#connection.clock, this.#connection.random)
    const upload = await Upload.begin(this.#connection, this.bucket, partial, headers, call)
    let key: string
    try {
      await upload.add(first)
      count(second)
      await upload.add(second)
      for await (const part of parts) {
        count(part)
        await upload.add(part)
      }
      key = hash.digest('hex')
      checkExpectedKey(key, expectedKey)
      throwIfAborted(signal)
      await upload.complete()
    } catch (error) {
      await parts.return(undefined)
      await upload.giveUp()
      throw error
    }
    try {
      await this.#copy(partial, blobName(tenant, key), call)
    } finally {
      await this.#remove(partial).catch(() => undefined)
    }
    return { key, size, contentType, createdAt }
  }

  async head(tenant: TenantId, key: string, call?: CallOptions): Promise<BlobInfo | null> {
    throwIfAborted(call?.signal)
    checkBlobName(tenant, key)
    const stat = await this.#stat(blobName(tenant, key), await this.#prepared(call))
    return stat && infoOf(key, stat)
  }

  /** The blob is looked up now and read from the first piece on; `timeoutMs` is for the former. */
  async get(
    tenant: TenantId,
    key: string,
    options: CallOptions & { range?: { start: number; end?: number | undefined } | undefined } = {},
  ): Promise<AsyncIterable<Uint8Array> | null> {
    const info = await this.head(tenant, key, callOf(options))
    if (!info) return null
    const name = blobName(tenant, key)
    const read = (start: number, end: number): AsyncIterable<Uint8Array> =>
      readBody(this.#connection, this.bucket, name, { start, end }, options.signal)
    if (!options.range) return verified(read(0, info.size), key, `${this.bucket}/${name}`)
    const { start, end } = resolveRange(options.range, info.size)
    return read(start, end + 1)
  }

  list(
    tenant: TenantId,
    options: CallOptions & { after?: string | undefined; limit?: number | undefined } = {},
  ): Promise<BlobInfo[]> {
    return this.#within(options, (call) => this.#list(tenant, options.after, options.limit ?? 1_000, call))
  }

  async #list(tenant: TenantId, after: string | undefined, limit: number, call: CallOptions): Promise<BlobInfo[]> {
    checkBlobName(tenant)
    await this.#prepared(call)
    const prefix = tenantPrefix(tenant)
    const found: BlobInfo[] = []
    const from = after === undefined ? '' : prefix + after
    const pages = objectsUnder(this.#connection, this.bucket, prefix, from, Math.min(limit, pageSize), call)
    for await (const page of pages) {
      const keys = page.map(({ name }) => name.slice(prefix.length)).filter((key) => keyPattern.test(key))
      // A listing tells no content type.
      for (let at = 0; at < keys.length && found.length < limit; at += headsAtOnce) {
        const some = keys.slice(at, at + Math.min(headsAtOnce, limit - found.length))
        const infos = await Promise.all(some.map((key) => this.head(tenant, key, call)))
        found.push(...infos.filter((info) => info !== null))
      }
      if (found.length >= limit) break
    }
    return found
  }

  async *scan(tenant: TenantId, call?: CallOptions): AsyncGenerator<readonly ScannedBlob[]> {
    checkBlobName(tenant)
    const left = await this.#prepared(call)
    const prefix = tenantPrefix(tenant)
    for await (const page of objectsUnder(this.#connection, this.bucket, prefix, '', pageSize, left)) {
      const blobs = page.map(({ name, size, modifiedAt }) => ({ key: name.slice(prefix.length), size, modifiedAt }))
      yield blobs.filter(({ key }) => keyPattern.test(key))
    }
  }

  /** One request a tenant. */
  async *tenants(call?: CallOptions): AsyncGenerator<TenantId> {
    await this.#prepared(call)
    for (let after = ''; ; ) {
      const pages = objectsUnder(this.#connection, this.bucket, tenantsPrefix, after, 1, callOf(call))
      const [first] = (await pages.next()).value ?? []
      if (!first) return
      const tenant = tenantOf(first.name)
      if (tenant !== undefined) yield tenant
      // Past every key, which are hexadecimal.
      after = tenant === undefined ? first.name : `${tenantPrefix(tenant)}g`
    }
  }

  async delete(tenant: TenantId, key: string, options: BlobDeleteOptions = {}): Promise<boolean> {
    throwIfAborted(options.signal)
    checkBlobName(tenant, key)
    const call = await this.#prepared(options)
    const name = blobName(tenant, key)
    const stat = await this.#stat(name, call)
    if (stat === null || stat.lastModified.getTime() >= (options.putBefore ?? Number.POSITIVE_INFINITY)) return false
    await this.#remove(name, call)
    return true
  }

  /** Gives another tenant a copy, on the server; null when there is none to copy. */
  async copy(from: TenantId, key: string, to: TenantId, call?: CallOptions): Promise<BlobInfo | null> {
    checkBlobName(to)
    if ((await this.head(from, key, call)) === null) return null
    await this.#copy(blobName(from, key), blobName(to, key), call)
    return this.head(to, key, call)
  }

  /** A URL that anybody may read the blob by for `expiresMs`; 900,000 by default and, by `maxPresignMs`, at most. */
  async presignGet(tenant: TenantId, key: string, options: CallOptions & { expiresMs?: number } = {}): Promise<string> {
    checkBlobName(tenant, key)
    const seconds = this.#seconds(options.expiresMs)
    const name = blobName(tenant, key)
    return this.#connection.call('presign', (it) => it.presignedGetObject(this.bucket, name, seconds), callOf(options))
  }

  /**
   * A URL that anybody may PUT the bytes of this key to, which `accept` then makes a blob. What is sent twice, or is
   * something else, never replaces a blob that is there.
   */
  async presignPut(tenant: TenantId, key: string, options: CallOptions & { expiresMs?: number } = {}): Promise<string> {
    checkBlobName(tenant, key)
    const call = await this.#prepared(options)
    const seconds = this.#seconds(options.expiresMs)
    const name = incomingName(tenant, key)
    return this.#connection.call('presign', (it) => it.presignedPutObject(this.bucket, name, seconds), call)
  }

  /**
   * Makes a blob of what was sent to the URL of `presignPut`, under the content type that it was sent with unless another
   * is given. Null when nothing was; HW_INVALID_ARGUMENT when it hashes to something else, and it is then gone.
   */
  async accept(
    tenant: TenantId,
    key: string,
    options: Omit<BlobPutOptions, 'expectedKey'> = {},
  ): Promise<BlobInfo | null> {
    checkBlobName(tenant, key)
    const call = await this.#prepared(options)
    const name = incomingName(tenant, key)
    const stat = await this.#stat(name, call)
    if (stat === null) return null
    const body = readBody(this.#connection, this.bucket, name, { start: 0, end: stat.size }, options.signal)
    const contentType = options.contentType ?? infoOf(key, stat).contentType
    try {
      const info = await this.put(tenant, body, { ...options, contentType, expectedKey: key })
      await this.#remove(name, options)
      return info
    } catch (error) {
      if (isHeadwaterError(error, 'HW_INVALID_ARGUMENT')) await this.#remove(name, options)
      throw error
    }
  }

  /** Once the bucket is there, which is seen to once for all: the call with what is left of its own time. */
  async #prepared(options: CallOptions | undefined): Promise<CallOptions> {
    const { clock } = this.#connection
    const call = callOf(options)
    const startedAt = clock.monotonic()
    await withDeadline(clock, call, Number.POSITIVE_INFINITY, ({ signal }) => abortable(this.#ready.get(), signal))
    const { timeoutMs } = call
    return { ...call, timeoutMs: timeoutMs && Math.max(1, timeoutMs - (clock.monotonic() - startedAt)) }
  }

  /** One deadline for all the requests of a call. */
  #within<T>(options: CallOptions, work: (call: CallOptions) => Promise<T>): Promise<T> {
    const { clock } = this.#connection
    return withDeadline(clock, callOf(options), Number.POSITIVE_INFINITY, ({ signal }) => {
      return work({ signal, timeoutMs: undefined })
    })
  }

  async #putSmall(name: string, bytes: Buffer, headers: Record<string, string>, call: CallOptions): Promise<void> {
    await this.#connection.call(
      'putObject',
      // A copy: minio adds to the headers it is given.
      (client) => client.putObject(this.bucket, name, bytes, bytes.byteLength, { ...headers }),
      call,
    )
  }

  async #copy(from: string, to: string, call: CallOptions | undefined): Promise<void> {
    await this.#connection.call(
      'copyObject',
      (client) => client.copyObject(this.bucket, to, `/${this.bucket}/${from}`),
      callOf(call),
    )
  }

  async #remove(name: string, call?: CallOptions): Promise<void> {
    await this.#connection.call('removeObject', (client) => client.removeObject(this.bucket, name), callOf(call))
  }

  async #stat(name: string, call: CallOptions | undefined): Promise<S3ObjectStat | null> {
    try {
      return await this.#connection.call('statObject', (it) => it.statObject(this.bucket, name), callOf(call))
    } catch (error) {
      if (isHeadwaterError(error, 'HW_NOT_FOUND')) return null
      throw error
    }
  }

  #seconds(expiresMs = Math.min(900_000, this.#maxPresignMs)): number {
    if (expiresMs >= 1_000 && expiresMs <= this.#maxPresignMs) return Math.floor(expiresMs / 1_000)
    const message = `expiresMs: ${expiresMs} is not from 1000 to blobs.maxPresignMs (${this.#maxPresignMs})`
    throw new HeadwaterError('HW_INVALID_ARGUMENT', message, { path: 'expiresMs' })
  }
}

/** When it was put stands in its metadata; of what others have stored, the server tells the second. */
function infoOf(key: string, { size, lastModified, metaData }: S3ObjectStat): BlobInfo {
  const created = Number(metaData['hw-created'])
  const contentType = metaData['content-type']
  return {
    key,
    size,
    contentType: typeof contentType === 'string' && contentType !== '' ? contentType : defaultType,
    createdAt: Number.isSafeInteger(created) ? created : lastModified.getTime(),
  }
}

function callOf(options: CallOptions | undefined): CallOptions {
  return { signal: options?.signal, timeoutMs: options?.timeoutMs }
}
