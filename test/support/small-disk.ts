import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe } from 'vitest'

/** A file system of its own, in memory. */
export interface SmallDisk {
  readonly path: string
  /** Of all that it holds. */
  resize(bytes: number): void
}

function mount(...args: string[]): void {
  execFileSync('mount', args, { stdio: 'pipe' })
}

/** A suite over a disk of `bytes` that really runs full; where none can be mounted it is skipped, and says why. */
export function describeWithSmallDisk(name: string, bytes: number, suite: (disk: SmallDisk) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'hw-disk-'))
  let reason: string | undefined
  try {
    mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder)
  } catch (error) {
    reason = String((error as { stderr?: Buffer }).stderr ?? error).trim()
    rmSync(folder, { recursive: true, force: true })
    console.warn(`SKIPPED ${name}: a tmpfs cannot be mounted here, which takes Linux and root: ${reason}`)
  }
  describe.skipIf(reason !== undefined)(name, () => {
    afterAll(() => {
      execFileSync('umount', ['-l', folder])
      rmSync(folder, { recursive: true, force: true })
    })
    suite({ path: folder, resize: (size) => mount('-o', `remount,size=${size}`, folder) })
  })
}
