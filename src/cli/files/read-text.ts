import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { codeOf } from '../../resilience/classify-network'
import { reasonOf } from './reason'

export type TextFile =
  | { readonly text: string; readonly bytes: number }
  /** Why it is none. */
  | { readonly skipped: string }

export interface ReadTextOptions {
  readonly maxBytes: number
  /** Called after the bytes were read and before it is checked that the file stayed the same. */
  readonly beforeCheck?: (() => void | Promise<void>) | undefined
}

const exchanged = 'a link took its place'
/** A file that changes while it is read is read once more, in case that was its last change. */
const attempts = 2

/**
 * The text of a file as it was at one moment, or why there is none. Never throws for a file. `path` is without a link, and
 * what took the place of a part of it meanwhile is not followed: it may lead anywhere.
 */
export async function readTextFile(path: string, options: ReadTextOptions): Promise<TextFile> {
  let handle: FileHandle | undefined
  try {
    // Not blocking, so that a pipe which took the file's name does not hold us.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0))
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const before = await handle.stat()
      if (!before.isFile()) return { skipped: 'not a regular file' }
      if (!(await liesAt(path, before))) return { skipped: exchanged }
      if (before.size > options.maxBytes) {
        return { skipped: `too large: ${before.size} bytes, at most ${options.maxBytes}` }
      }
      const bytes = await readAll(handle, before.size)
      await options.beforeCheck?.()
      if (bytes.length === before.size && isSame(before, await handle.stat())) return decode(bytes)
    }
    return { skipped: 'it changed while it was read' }
  } catch (error) {
    return { skipped: codeOf(error) === 'ELOOP' ? exchanged : reasonOf(error) }
  } finally {
    await handle?.close().catch(() => {})
  }
}

/** Whether what was opened is what lies there, without a link on the way to it. */
async function liesAt(path: string, { dev, ino }: Stats): Promise<boolean> {
  const there = await stat(path)
  return there.dev === dev && there.ino === ino && (await realpath(path)) === path
}

async function readAll(handle: FileHandle, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size)
  let length = 0
  while (length < size) {
    const { bytesRead } = await handle.read(buffer, length, size - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

function isSame(a: Stats, b: Stats): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs
}

function decode(bytes: Buffer): TextFile {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return { skipped: 'UTF-16, not UTF-8' }
  }
  if (bytes.includes(0)) return { skipped: 'binary' }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { skipped: 'not UTF-8' }
  }
  return text.trim() === '' ? { skipped: 'empty' } : { text, bytes: bytes.length }
}
