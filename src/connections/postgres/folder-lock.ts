import {
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import { uuidV7 } from '../../core/ids'
import { privateFile } from '../../core/private-files'
import type { Random } from '../../core/random'
import { codeOf, messageOf } from '../../resilience/classify-network'
import { fateOf, type ProcessIdentity, thisProcess } from './process-identity'

interface Owner extends ProcessIdentity {
  readonly token: string
}

/** How often the owner shows that it is alive, and when silence means that it is not, ms. */
const heartbeatMs = 5_000
const silenceMs = 60_000
const fileName = 'headwater.lock'

/**
 * Keeps a folder to one process, because PGlite does not: two on one folder ruin it. The lock is a file that names its
 * owner; one left by a process that was killed is taken over. Whether an owner of another machine or container lives
 * can only be told by its heartbeat, the file's time. A copy lies among the database's own files, so that who removes
 * the lock of a running store lets nobody in.
 */
export class FolderLock {
  readonly #file: string
  readonly #copy: string
  readonly #token: string
  readonly #clock: Clock
  readonly #owner: Owner
  #cancel: (() => void) | undefined
  #lost: (error: HeadwaterError) => void = () => undefined

  private constructor(file: string, copy: string, owner: Owner, clock: Clock) {
    this.#file = file
    this.#copy = copy
    this.#owner = owner
    this.#token = owner.token
    this.#clock = clock
    this.guard()
    this.#beat()
  }

  /** Puts the copy there, once the database's own folder is. */
  guard(): void {
    attempt(() => writeFileSync(this.#copy, JSON.stringify(this.#owner), { mode: privateFile }))
  }

  /** `lost` is told, at a heartbeat, when the folder has become another's: then both would write. */
  watch(lost: (error: HeadwaterError) => void): void {
    this.#lost = lost
  }

  /**
   * For `folder`, whose database lies (or will lie) in `data`. Rejects with HW_EMBEDDED_LOCKED while another process (or
   * another store in this one) has it, else HW_STORAGE.
   */
  static acquire(folder: string, data: string, clock: Clock, random: Random): FolderLock {
    const file = join(folder, fileName)
    const copy = join(data, fileName)
    const owner: Owner = { ...thisProcess(), token: uuidV7(clock, random) }
    const draft = `${file}.${owner.token}`
    try {
      writeFileSync(draft, JSON.stringify(owner), { flag: 'wx', mode: privateFile })
      try {
        removeStale(folder, copy, clock, owner.token)
        for (let turn = 0; turn < 10; turn++) {
          if (take(draft, file)) return new FolderLock(file, copy, owner, clock)
          removeStale(folder, file, clock, owner.token)
        }
      } finally {
        unlinkSync(draft)
      }
    } catch (cause) {
      if (cause instanceof HeadwaterError) throw cause
      throw storageError(folder, cause)
    }
    throw lockedError(folder, readOwner(file))
  }

  release(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const file of [this.#copy, this.#file])
      if (readOwner(file)?.token === this.#token) attempt(() => unlinkSync(file))
  }

  #beat(): void {
    this.#cancel = this.#clock.timer(
      heartbeatMs,
      () => {
        const now = this.#clock.now() / 1_000
        // One that somebody has removed is put back, unless another store was quicker.
        if (!existsSync(this.#file))
          attempt(() => writeFileSync(this.#file, JSON.stringify(this.#owner), { flag: 'wx', mode: privateFile }))
        const found = readOwner(this.#file)
        if (found && found.token !== this.#token) return this.#lost(lockedError(dirname(this.#file), found))
        if (!existsSync(this.#copy)) this.guard()
        for (const file of [this.#file, this.#copy]) attempt(() => utimesSync(file, now, now))
        this.#beat()
      },
      { background: true },
    )
  }
}

/** `link` puts the file there with its content, or fails because one is there: nobody reads half a lock. */
function take(draft: string, file: string): boolean {
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    // Some file systems have no links; there an exclusive write is the next best.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error) ?? '')) throw error
  }
  try {
    writeFileSync(file, readFileSync(draft), { flag: 'wx', mode: privateFile })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function removeStale(folder: string, file: string, clock: Clock, token: string): void {
  const owner = readOwner(file)
  const age = ageOf(file, clock)
  if (age === undefined) return
  const fate = owner ? fateOf(owner) : 'unknown'
  if (fate === 'running' || (fate === 'unknown' && age < silenceMs)) throw lockedError(folder, owner)
  // Moved aside first: of two that find it stale only one can do that, and it sees what it moved.
  const aside = `${file}.stale.${token}`
  if (!attempt(() => renameSync(file, aside))) return
  if (readOwner(aside)?.token !== owner?.token) attempt(() => linkSync(aside, file))
  attempt(() => unlinkSync(aside))
}

function readOwner(file: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof value === 'object' && value !== null && 'token' in value ? (value as Owner) : undefined
  } catch {
    return undefined
  }
}

function ageOf(file: string, clock: Clock): number | undefined {
  try {
    return clock.now() - statSync(file).mtimeMs
  } catch {
    return undefined
  }
}

function attempt(action: () => void): boolean {
  try {
    action()
    return true
  } catch {
    return false
  }
}

function lockedError(folder: string, owner: Owner | undefined): HeadwaterError {
  const who = owner ? `process ${owner.pid} on ${owner.host}` : 'another process'
  const self = owner?.pid === process.pid ? ' (this one: the folder is open already)' : ''
  return new HeadwaterError('HW_EMBEDDED_LOCKED', `postgres.embedded.path: ${folder} is in use by ${who}${self}`, {
    path: 'postgres.embedded.path',
    details: { folder, ...(owner && { pid: owner.pid, host: owner.host }) },
  })
}

/** What a database died of that was open. */
export function deadError(path: string, cause: unknown): HeadwaterError {
  if (cause instanceof HeadwaterError) return cause
  const message = `postgres.embedded.path: the database in ${path} has ended: ${messageOf(cause)}`
  return new HeadwaterError('HW_STORAGE', message, { cause, details: { folder: path, dead: true } })
}

/** A folder that cannot be made, read or written, or has no room left. */
export function storageError(folder: string, cause: unknown): HeadwaterError {
  return new HeadwaterError('HW_STORAGE', `postgres.embedded.path: cannot use ${folder}: ${messageOf(cause)}`, {
    cause,
    path: 'postgres.embedded.path',
    details: { folder },
  })
}
