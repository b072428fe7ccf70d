import { stat } from 'node:fs/promises'
import path from 'node:path'
import { unreadable } from '../../unreadable'

/** What a part is called that is a file. */
export function nameOfFile(file: string): string {
  return path.parse(file).name
}

/** Another one when the file was written since. */
export async function fileStamp(file: string): Promise<string> {
  try {
    const { size, mtimeMs, ino } = await stat(file)
    return `${size}-${mtimeMs}-${ino}`
  } catch (cause) {
    throw unreadable(file, cause)
  }
}
