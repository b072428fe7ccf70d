import { open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { makeFolder } from '../../core/make-folder'
import { privateFile } from '../../core/private-files'
import type { Random } from '../../core/random'
import { syncFolder, writeAll } from '../../repositories/directory/durable'
import { storageError, unlessMissing } from '../../repositories/directory/storage-error'
import type { BackupFile, BackupFiles } from './files'
import { missingFile } from './refusals'

const pieceBytes = 256 * 1024
/** Where files are while they are written; what a crash left there is removed by a prune. */
const partials = 'partial'

/** A folder of the file system, for its owner alone. A file is written beside, synced and renamed. */
export class FolderFiles implements BackupFiles {
  readonly shown: string
  readonly #root: string
  readonly #random: Random

  constructor(path: string, random: Random) {
    this.#root = resolve(path)
    this.#random = random
    this.shown = this.#root
  }

  async put(name: string, source: Uint8Array | AsyncIterable<Uint8Array>, call: CallOptions = {}): Promise<number> {
    throwIfAborted(call.signal)
    const target = this.#path(name)
    const partial = this.#path(`${partials}/${Buffer.from(this.#random.bytes(16)).toString('hex')}`)
    try {
      for (const path of [partial, target]) makeFolder(dirname(path))
      const size = await write(partial, source, call.signal)
      throwIfAborted(call.signal)
      await rename(partial, target)
      await syncFolder(dirname(target))
      return size
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined)
      throw ofFiles(error, target)
    }
  }

  async stat(name: string, call: CallOptions = {}): Promise<BackupFile | null> {
    throwIfAborted(call.signal)
    const path = this.#path(name)
    const found = await unlessMissing(stat(path), path)
    return found && { name, size: found.size, modifiedAt: Math.round(found.mtimeMs) }
  }

  async *read(name: string, call: CallOptions = {}): AsyncGenerator<Uint8Array> {
    const path = this.#path(name)
    const file = await unlessMissing(open(path, 'r'), path)
    if (!file) throw missingFile(this.shown, name)
    try {
      for (;;) {
        throwIfAborted(call.signal)
        const buffer = new Uint8Array(pieceBytes)
        const { bytesRead } = await file.read(buffer, 0, buffer.length).catch((error: unknown) => {
          throw storageError(error, path)
        })
        if (bytesRead === 0) return
        yield bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  }

  async *list(prefix: string, call: CallOptions = {}): AsyncGenerator<BackupFile> {
    const folder = this.#path(prefix)
    for (const entry of (await unlessMissing(readdir(folder, { withFileTypes: true }), folder)) ?? []) {
      const name = `${prefix}${entry.name}`
      if (entry.isDirectory()) yield* this.list(`${name}/`, call)
      // Gone meanwhile is as never listed.
      else if (entry.isFile()) {
        const found = await this.stat(name, call)
        if (found) yield found
      }
    }
  }

  async remove(name: string, call: CallOptions = {}): Promise<void> {
    throwIfAborted(call.signal)
    const path = this.#path(name)
    await unlessMissing(unlink(path), path)
  }

  async close(): Promise<void> {}

  #path(name: string): string {
    return join(this.#root, name)
  }
}

async function write(
  path: string,
  source: Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const file = await open(path, 'wx', privateFile)
  let size = 0
  try {
    for await (const piece of source instanceof Uint8Array ? [source] : source) {
      throwIfAborted(signal)
      await writeAll(file, piece)
      size += piece.byteLength
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return size
}

/** Errors of the source pass through; those of the file system say what they mean. */
function ofFiles(error: unknown, path: string): unknown {
  const ofSystem = error instanceof Error && 'syscall' in error && !(error instanceof HeadwaterError)
  return ofSystem ? storageError(error, path) : error
}
