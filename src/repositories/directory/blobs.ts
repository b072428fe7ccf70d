import { createHash } from 'node:crypto'
import { open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { Lazy } from '../../core/lifecycle'
import { makeFolder } from '../../core/make-folder'
import { privateFile } from '../../core/private-files'
import { type Random, systemRandom } from '../../core/random'
import { bytesOf, checkBlobName, checkExpectedKey, resolveRange } from '../blob-bytes'
import type { BlobDeleteOptions, BlobInfo, BlobPutOptions, BlobRepository, BlobSource, ScannedBlob } from '../blobs'
import { syncFolder, writeAll } from './durable'
import { BlobLayout, tenantOf } from './layout'
import { storageError, unlessMissing } from './storage-error'

export interface DirectoryBlobOptions {
  /** The folder; it is made when first needed. */
  readonly path: string
  /** The system's by default. */
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

const defaultType = 'application/octet-stream'
const pieceBytes = 64 * 1024
const keyPattern = /^[0-9a-f]{64}$/
/** What a crash left half-written is removed once it is this old, ms. */
const abandonedMs = 24 * 3_600_000

/**
 * Blobs as files of a folder, one a content hash. A put writes beside, syncs and renames, so that a name never stands
 * for half of its bytes; memory stays bounded by a piece. Failures of the file system are HW_STORAGE with the path.
 */
export class DirectoryBlobRepository implements BlobRepository {
  readonly #layout: BlobLayout
  readonly #clock: Clock
  readonly #random: Random
  readonly #ready = new Lazy(() => this.#prepare())

  constructor({ path, clock = systemClock, random = systemRandom }: DirectoryBlobOptions) {
    if (typeof path !== 'string' || path === '') {
      throw new HeadwaterError('HW_INVALID_OPTIONS', `blobs.path must name a folder, got ${JSON.stringify(path)}`, {
        path: 'blobs.path',
      })
    }
    this.#layout = new BlobLayout(resolve(path))
    this.#clock = clock
    this.#random = random
  }

  async put(tenant: TenantId, source: BlobSource, options: BlobPutOptions = {}): Promise<BlobInfo> {
    const { contentType = defaultType, expectedKey, signal } = options
    throwIfAborted(signal)
    checkBlobName(tenant)
    await this.#ready.get()
    const name = Buffer.from(this.#random.bytes(16)).toString('hex')
    const partial = join(this.#layout.partials, name)
    const createdAt = this.#clock.now()
    try {
      const { key, size } = await writeFile(partial, bytesOf(source, signal), createdAt)
      checkExpectedKey(key, expectedKey)
      throwIfAborted(signal)
      const target = this.#layout.blob(tenant, key)
      await stored(makeFolderSynced(dirname(target)), dirname(target))
      await this.#writeType(tenant, key, contentType, `${partial}.type`)
      await stored(rename(partial, target), target)
      await stored(syncFolder(dirname(target)), dirname(target))
      return { key, size, contentType, createdAt }
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined)
      await rm(`${partial}.type`, { force: true }).catch(() => undefined)
      throw error
    }
  }

  async head(tenant: TenantId, key: string, call?: CallOptions): Promise<BlobInfo | null> {
    throwIfAborted(call?.signal)
    checkBlobName(tenant, key)
    return this.#info(tenant, key)
  }

  async get(
    tenant: TenantId,
    key: string,
    options: CallOptions & { range?: { start: number; end?: number | undefined } | undefined } = {},
  ): Promise<AsyncIterable<Uint8Array> | null> {
    throwIfAborted(options.signal)
    checkBlobName(tenant, key)
    const info = await this.#info(tenant, key)
    if (!info) return null
    const path = this.#layout.blob(tenant, key)
    if (!options.range) return verified(path, info, options.signal)
    const { start, end } = resolveRange(options.range, info.size)
    return readPieces(path, start, end + 1, options.signal)
  }

  async list(
    tenant: TenantId,
    options: CallOptions & { after?: string | undefined; limit?: number | undefined } = {},
  ): Promise<BlobInfo[]> {
    throwIfAborted(options.signal)
    checkBlobName(tenant)
    const { after = '', limit = 1000 } = options
    const found: BlobInfo[] = []
    for await (const keys of this.#keys(tenant, after, options.signal)) {
      for (const key of keys) {
        if (found.length >= limit) return found
        const info = await this.#info(tenant, key)
        if (info) found.push(info)
      }
    }
    return found
  }

  async *scan(tenant: TenantId, call?: CallOptions): AsyncGenerator<readonly ScannedBlob[]> {
    throwIfAborted(call?.signal)
    checkBlobName(tenant)
    for await (const keys of this.#keys(tenant, '', call?.signal)) {
      const page: ScannedBlob[] = []
      for (const key of keys) {
        const path = this.#layout.blob(tenant, key)
        const stats = await unlessMissing(stat(path), path)
        if (stats) page.push({ key, size: stats.size, modifiedAt: Math.round(stats.mtimeMs) })
      }
      if (page.length > 0) yield page
    }
  }

  async *tenants(call?: CallOptions): AsyncGenerator<TenantId> {
    const folder = this.#layout.tenants
    for (const name of (await unlessMissing(readdir(folder), folder)) ?? []) {
      throwIfAborted(call?.signal)
      const tenant = tenantOf(name)
      if (tenant !== undefined) yield tenant
    }
  }

  async delete(tenant: TenantId, key: string, options: BlobDeleteOptions = {}): Promise<boolean> {
    throwIfAborted(options.signal)
    checkBlobName(tenant, key)
    const path = this.#layout.blob(tenant, key)
    if (options.putBefore !== undefined) {
      const stats = await unlessMissing(stat(path), path)
      if (!stats || stats.mtimeMs >= options.putBefore) return false
    }
    const gone = (await unlessMissing(
      unlink(path).then(() => true),
      path,
    )) as true | null
    const type = this.#layout.contentType(tenant, key)
    await unlessMissing(unlink(type), type)
    return gone === true
  }

  /** Keys above `after`, ascending: those of one folder after another. */
  async *#keys(tenant: TenantId, after: string, signal: AbortSignal | undefined): AsyncGenerator<string[]> {
    const folder = this.#layout.tenant(tenant)
    for (const shard of ((await unlessMissing(readdir(folder), folder)) ?? []).sort()) {
      if (shard < after.slice(0, 2)) continue
      throwIfAborted(signal)
      const names = (await unlessMissing(readdir(join(folder, shard)), join(folder, shard))) ?? []
      yield names.filter((name) => keyPattern.test(name) && name > after).sort()
    }
  }

  async #info(tenant: TenantId, key: string): Promise<BlobInfo | null> {
    const path = this.#layout.blob(tenant, key)
    const stats = await unlessMissing(stat(path), path)
    if (!stats) return null
    const typePath = this.#layout.contentType(tenant, key)
    const contentType = (await unlessMissing(readFile(typePath, 'utf8'), typePath)) ?? defaultType
    return { key, size: stats.size, contentType, createdAt: Math.round(stats.mtimeMs) }
  }

  /** Before the blob itself: whoever sees the blob sees its type. */
  async #writeType(tenant: TenantId, key: string, contentType: string, partial: string): Promise<void> {
    const path = this.#layout.contentType(tenant, key)
    if (contentType === defaultType) {
      await unlessMissing(unlink(path), path)
      return
    }
    await writeFile(partial, bytesOf(contentType), this.#clock.now())
    await stored(rename(partial, path), path)
  }

  /** Makes the folders, and removes what puts of long ago left half-written. */
  async #prepare(): Promise<void> {
    const { partials } = this.#layout
    await stored(makeFolderSynced(partials), partials)
    for (const name of await stored(readdir(partials), partials)) {
      const path = join(partials, name)
      const stats = await unlessMissing(stat(path), path)
      if (stats && stats.mtimeMs < this.#clock.now() - abandonedMs) await unlessMissing(unlink(path), path)
    }
  }
}

async function stored<T>(work: Promise<T>, path: string): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw storageError(error, path)
  }
}

/** Writes and syncs a new file; gives the hash and the size of what it holds. Errors of the source pass through. */
async function writeFile(
  path: string,
  source: AsyncIterable<Uint8Array>,
  createdAt: number,
): Promise<{ key: string; size: number }> {
  const file = await stored(open(path, 'wx', privateFile), path)
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const piece of source) {
      hash.update(piece)
      size += piece.byteLength
      await stored(writeAll(file, piece), path)
    }
    await stored(file.utimes(createdAt / 1000, createdAt / 1000), path)
    await stored(file.sync(), path)
  } finally {
    await file.close()
  }
  return { key: hash.digest('hex'), size }
}

/** A new folder's entry lives in its parent, which is synced too. */
async function makeFolderSynced(path: string): Promise<void> {
  const first = makeFolder(path)
  for (let at = path; first !== undefined && at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at))
}

/** The bytes from `start` up to `end`. The file is opened when the first piece is asked for. */
async function* readPieces(
  path: string,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (start >= end) return
  const file = await stored(open(path, 'r'), path)
  try {
    for (let at = start; at < end; ) {
      throwIfAborted(signal)
      const buffer = new Uint8Array(Math.min(pieceBytes, end - at))
      const { bytesRead } = await stored(file.read(buffer, 0, buffer.length, at), path)
      if (bytesRead === 0) throw corrupt(path, `it ends at byte ${at}, not at ${end}`)
      at += bytesRead
      yield bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

/** All the bytes; at their end, the hash is compared with the key. */
async function* verified(
  path: string,
  { key, size }: BlobInfo,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const piece of readPieces(path, 0, size, signal)) {
    hash.update(piece)
    yield piece
  }
  const actual = hash.digest('hex')
  if (actual !== key) throw corrupt(path, `its bytes hash to ${actual}`)
}

function corrupt(path: string, what: string): HeadwaterError {
  return new HeadwaterError('HW_STORAGE', `${path} is corrupt: ${what}`, { path, details: { path } })
}
