import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { privateFolder } from './private-files'

/**
 * Makes a folder and those above it, for their owner alone unless `mode` says otherwise; returns the topmost that was made. Not `mkdir` with `recursive`: Node 20 never
 * comes back from that in a file system that takes no folders, such as /proc.
 */
export function makeFolder(path: string, mode = privateFolder): string | undefined {
  const folder = resolve(path)
  if (isFolder(folder)) return undefined
  const above = dirname(folder)
  const first = above === folder ? undefined : makeFolder(above, mode)
  try {
    mkdirSync(folder, { mode })
  } catch (error) {
    // Another process was quicker.
    if (!isFolder(folder)) throw error
    return first
  }
  return first ?? folder
}

/** False when there is nothing; what is there and no folder fails at `mkdir`, with its reason. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
