import { chmodSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Modes of what only its owner may read, given where it is made: no umask takes them for a suggestion. */
export const privateFolder = 0o700
export const privateFile = 0o600

const others = 0o077
/** Windows has no modes: its folders inherit who may read them. */
const hasModes = process.platform !== 'win32'

/** True when somebody beside its owner may do something with it; false where there is nothing. */
export function isOpenToOthers(path: string): boolean {
  if (!hasModes) return false
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats !== undefined && !stats.isSymbolicLink() && (stats.mode & others) !== 0
}

/** Closes a folder, and all that is in it, to everybody but its owner; what belongs to another owner stays as it is. */
export function closeToOthers(folder: string): void {
  if (!hasModes) return
  try {
    if (isOpenToOthers(folder)) chmodSync(folder, privateFolder)
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) closeToOthers(path)
      else if (entry.isFile() && isOpenToOthers(path)) chmodSync(path, privateFile)
    }
  } catch {
    // Gone meanwhile, or another's: doctor names what is open.
  }
}
