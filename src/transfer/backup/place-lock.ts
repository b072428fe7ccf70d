import type { CallOptions } from '../../core/abort'
import type { Clock } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import { uuidV7 } from '../../core/ids'
import type { Random } from '../../core/random'
import { type Renewal, renewEvery } from '../../core/renewal'
import type { BackupFiles } from './files'

const renewMs = 60_000
/** A lock that was not renewed for so long is that of a dead process. */
const staleMs = 10 * 60_000

type Kind = 'create' | 'prune'
/** Any number of processes create at once; a prune is alone, since it removes what no manifest names yet. */
const excludes: Readonly<Record<Kind, readonly Kind[]>> = { create: ['prune'], prune: ['create', 'prune'] }

/** A lock on a place. */
export interface PlaceLock {
  /** Throws HW_BACKUP_BUSY when the lock may have been taken for a dead one's, since it could not be renewed. */
  assertHeld(): void
}

/**
 * Runs `work` under a lock that is a file of the place. Whoever takes one writes it first and then looks for others': of
 * two that exclude each other at least one sees the other, and gives way with HW_BACKUP_BUSY. Ages are told by the
 * clock of the place alone.
 */
export async function withPlaceLock<T>(
  files: BackupFiles,
  ports: { readonly clock: Clock; readonly random: Random },
  kind: Kind,
  call: CallOptions,
  work: (lock: PlaceLock) => Promise<T>,
): Promise<T> {
  const lock = new FileLock(files, ports.clock, ports.random, kind)
  await lock.take(call)
  try {
    return await work(lock)
  } finally {
    await lock.release()
  }
}

class FileLock implements PlaceLock {
  readonly #files: BackupFiles
  readonly #clock: Clock
  readonly #kind: Kind
  readonly #name: string
  #heldUntil = 0
  #renewal: Renewal | undefined

  constructor(files: BackupFiles, clock: Clock, random: Random, kind: Kind) {
    this.#files = files
    this.#clock = clock
    this.#kind = kind
    this.#name = `locks/${kind}-${uuidV7(clock, random)}`
  }

  async take(call: CallOptions): Promise<void> {
    await this.#write(call)
    try {
      const own = await this.#files.stat(this.#name, call)
      for await (const { name, modifiedAt } of this.#files.list('locks/', call)) {
        if (name === this.#name) continue
        // Left by a process that died: nobody renews it.
        if (own && modifiedAt < own.modifiedAt - staleMs) await this.#files.remove(name, call)
        else if (excludes[this.#kind].some((other) => name.startsWith(`locks/${other}-`))) throw busy(this.#files, name)
      }
    } catch (error) {
      await this.release()
      throw error
    }
    this.#renewal = renewEvery(this.#clock, renewMs, () => this.#write({}))
  }

  assertHeld(): void {
    if (this.#clock.monotonic() < this.#heldUntil) return
    throw new HeadwaterError('HW_BACKUP_BUSY', `The lock on ${this.#files.shown} could not be renewed and is lost`)
  }

  async release(): Promise<void> {
    await this.#renewal?.stop()
    // What cannot be removed now is stale soon.
    await this.#files.remove(this.#name).catch(() => undefined)
  }

  async #write(call: CallOptions): Promise<void> {
    const at = this.#clock.monotonic()
    await this.#files.put(this.#name, Buffer.from(JSON.stringify({ pid: process.pid })), call)
    this.#heldUntil = at + staleMs - renewMs
  }
}

function busy(files: BackupFiles, name: string): HeadwaterError {
  const what = name.startsWith('locks/prune-') ? 'A prune is at work' : 'A backup is being written'
  return new HeadwaterError('HW_BACKUP_BUSY', `${what} in ${files.shown}`, { details: { lock: name } })
}
