import type { Dirent, Stats } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { throwIfAborted } from '../../core/abort'
import { isText } from './kinds'
import { reasonOf } from './reason'

export interface FoundFile {
  /** Absolute. */
  readonly path: string
  /** Relative to the folder, with forward slashes. */
  readonly id: string
}

export interface SkippedFile {
  readonly path: string
  readonly reason: string
}

export interface WalkOptions {
  /** What the ids are relative to; the folder itself when left out. */
  readonly base?: string | undefined
  /** Names of folders and files that are passed over. */
  readonly exclude?: ReadonlySet<string> | undefined
  readonly onSkip?: ((skipped: SkippedFile) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Every text file of a folder by its extension, in the order of names. Links are followed after everything else, and
 * only to places that no walk has covered, so that loops end and no file comes twice. What cannot be listed is
 * reported, and the rest goes on.
 */
export async function* walkFolder(folder: string, options: WalkOptions = {}): AsyncGenerator<FoundFile> {
  const root = path.resolve(folder)
  const base = options.base === undefined ? root : path.resolve(options.base)
  const links: string[] = []
  const covered: string[] = []

  const found = (file: string): FoundFile => ({
    path: file,
    id: path.relative(base, file).split(path.sep).join('/') || path.basename(file),
  })
  const skip = (place: string, reason: string): void => options.onSkip?.({ path: place, reason })

  async function* walk(place: string): AsyncGenerator<FoundFile> {
    throwIfAborted(options.signal)
    let entries: Dirent[]
    try {
      entries = await readdir(place, { withFileTypes: true })
    } catch (error) {
      skip(place, reasonOf(error))
      return
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      if (options.exclude?.has(entry.name)) continue
      const full = path.join(place, entry.name)
      if (entry.isDirectory()) yield* walk(full)
      else if (entry.isSymbolicLink()) links.push(full)
      else if (isText(entry.name)) {
        if (entry.isFile()) yield found(full)
        else skip(full, 'not a regular file')
      }
    }
  }

  let top: Stats
  let real: string
  try {
    real = await realpath(root)
    top = await stat(root)
  } catch (error) {
    skip(root, reasonOf(error))
    return
  }
  if (!top.isDirectory()) {
    if (top.isFile()) yield { path: root, id: options.base ? found(root).id : path.basename(root) }
    else skip(root, 'neither a folder nor a regular file')
    return
  }
  covered.push(real)
  yield* walk(root)
  for (let link = links.shift(); link !== undefined; link = links.shift()) {
    throwIfAborted(options.signal)
    try {
      const target = await realpath(link)
      const kind = await stat(target)
      const known = covered.some((place) => target === place || target.startsWith(place + path.sep))
      if (known && (kind.isDirectory() || isText(target))) continue
      if (kind.isDirectory()) {
        covered.push(target)
        yield* walk(link)
      } else if (isText(link)) {
        if (kind.isFile()) yield found(link)
        else skip(link, 'not a regular file')
      }
    } catch (error) {
      // A dead link is worth a word only where its name says that a text was meant.
      if (isText(link)) skip(link, reasonOf(error))
    }
  }
}
