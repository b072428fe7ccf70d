import type { Dirent, Stats } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { throwIfAborted } from '../../core/abort'
import { isText } from './kinds'
import { reasonOf } from './reason'

export interface FoundFile {
  /** Absolute. */
  readonly path: string
  /** The same without a link in it, as it was found. */
  readonly real: string
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
 * Every text file of a folder by its extension, in the order of names. Links are followed after everything else, only
 * within the folder, and only to files that the walk has not given: what lies outside was not asked for, whoever put
 * the link there. What cannot be listed is reported, and the rest goes on.
 */
export async function* walkFolder(folder: string, options: WalkOptions = {}): AsyncGenerator<FoundFile> {
  const root = path.resolve(folder)
  const base = options.base === undefined ? root : path.resolve(options.base)
  const links: string[] = []
  let real = root

  const found = (file: string, place = path.join(real, path.relative(root, file))): FoundFile => ({
    path: file,
    real: place,
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
  try {
    real = await realpath(root)
    top = await stat(root)
  } catch (error) {
    skip(root, reasonOf(error))
    return
  }
  if (!top.isDirectory()) {
    if (top.isFile()) yield { ...found(root, real), ...(options.base === undefined && { id: path.basename(root) }) }
    else skip(root, 'neither a folder nor a regular file')
    return
  }
  yield* walk(root)
  for (const link of links) {
    throwIfAborted(options.signal)
    try {
      const target = await realpath(link)
      const within = path.relative(real, target)
      if (within === '..' || within.startsWith(`..${path.sep}`) || path.isAbsolute(within)) {
        if (isText(link) || (await stat(target)).isDirectory()) skip(link, 'a link out of the folder')
      } else if (
        isText(link) &&
        !isText(target) &&
        !within.split(path.sep).some((name) => options.exclude?.has(name))
      ) {
        if ((await stat(target)).isFile()) yield found(link, target)
        else skip(link, 'not a regular file')
      }
    } catch (error) {
      // A dead link is worth a word only where its name says that a text was meant.
      if (isText(link)) skip(link, reasonOf(error))
    }
  }
}
