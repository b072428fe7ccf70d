import { createHmac } from 'node:crypto'
import type { CallOptions } from '../../core/abort'
import { asHeadwaterError, isHeadwaterError } from '../../core/errors'
import { tenantId } from '../../core/ids'
import type { BlobRepository } from '../../repositories/blobs'
import type { BackupFiles } from './files'
import type { BackupManifest, BackupPart } from './manifest'
import { linesOf } from './part-reader'
import { isSealed, type Seal } from './place-keys'
import { damaged } from './refusals'

/** A line of the list of blobs. */
export interface BackupBlob {
  readonly tenant: string
  /** Hex SHA-256 of the bytes. */
  readonly key: string
  readonly size: number
  readonly type: string
  /** Where its bytes are in the place: equal bytes are stored once, whoever has them. */
  readonly file: string
}

const atOnce = 4

/** The line of a blob, which tells its file. */
export function blobLine(line: string, key: Buffer, seal: Seal): string {
  const blob = JSON.parse(line) as Omit<BackupBlob, 'file'>
  return JSON.stringify({ ...blob, file: blobFile(blob.key, key, seal) } satisfies BackupBlob)
}

/** Where the bytes of a blob are, by their SHA-256 and the key of the store. */
export function blobFile(hash: string, key: Buffer, seal: Seal): string {
  const name = createHmac('sha256', key).update(`blob:${hash}${seal.of}`).digest('hex')
  return `blobs/${name.slice(0, 2)}/${name}${seal.suffix}`
}

/** Puts a blob of the place into the store, where it is not yet. HW_BACKUP_DAMAGED. */
export async function restoreBlob(
  files: BackupFiles,
  blobs: BlobRepository,
  { tenant: name, key, size, type, file }: BackupBlob,
  call: CallOptions,
): Promise<'written' | 'there' | 'missing'> {
  const tenant = tenantId(name)
  if ((await blobs.head(tenant, key, call))?.size === size) return 'there'
  if ((await files.stat(file, call)) === null) return 'missing'
  const source = files.read(file, call)
  await blobs.put(tenant, source, { ...call, contentType: type, expectedKey: key }).catch((cause: unknown) => {
    throw isHeadwaterError(cause, 'HW_INVALID_ARGUMENT')
      ? damaged(`${file} is not the blob ${key}`, { file }, cause)
      : cause
  })
  return 'written'
}

export async function* blobsOf(
  files: BackupFiles,
  parts: readonly BackupPart[],
  call: CallOptions,
): AsyncGenerator<BackupBlob> {
  for (const part of parts) for await (const line of linesOf(files, part, call)) yield JSON.parse(line) as BackupBlob
}

/** Copies the blobs of a list that the place has not yet. What the store itself lacks is counted, not thrown. */
export async function copyBlobs(
  files: BackupFiles,
  blobs: BlobRepository,
  list: AsyncIterable<BackupBlob>,
  call: CallOptions,
  copied: (bytes: number) => void,
): Promise<Omit<BackupManifest['blobs'], 'parts' | 'files'>> {
  const missing: { tenant: string; key: string; reason: string }[] = []
  const found = { count: 0, bytes: 0, missingCount: 0 }
  const one = async ({ tenant, key, size, file }: BackupBlob): Promise<void> => {
    found.count++
    found.bytes += size
    const there = await files.stat(file, call)
    if (there && (isSealed(file) ? there.size > size : there.size === size)) return
    const reason = await copyBlob(blobs, { tenant, key }, call, (bytes) => files.put(file, bytes, call))
    if (reason === undefined) return copied(size)
    found.missingCount++
    if (missing.length < 100 && !isSealed(file)) missing.push({ tenant, key, reason })
  }
  await eachOf(list, atOnce, one)
  return { ...found, missing }
}

/** Gives the bytes of a blob to `put`. Returns why not, where the store has it not or not whole. */
export async function copyBlob(
  blobs: BlobRepository,
  { tenant, key }: { readonly tenant: string; readonly key: string },
  call: CallOptions,
  put: (bytes: AsyncIterable<Uint8Array>) => Promise<unknown>,
): Promise<string | undefined> {
  const bytes = await blobs.get(tenantId(tenant), key, call)
  if (!bytes) return 'absent'
  // The hash is compared as it is read: what fails is not there afterwards.
  let failure: unknown
  const read = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* bytes
    } catch (error) {
      failure = error
      throw error
    }
  }
  try {
    await put(read())
    return undefined
  } catch (error) {
    if (failure !== undefined && isHeadwaterError(failure, 'HW_STORAGE')) return asHeadwaterError(failure).message
    throw error
  }
}

/** Calls `work` for each item, `most` at once. After the first failure none begins. */
export async function eachOf<T>(
  items: AsyncIterable<T>,
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  for await (const item of items) {
    const done = work(item)
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => running.delete(done))
    running.add(done)
    if (running.size >= most) await Promise.race(running)
    if (failure) break
  }
  await Promise.all(running)
  if (failure) throw failure.error
}
