import type { EventEmitter } from 'node:events'
import { accessSync, constants, existsSync, mkdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Clock, systemClock } from '../../core/clock'
import type { HeadwaterError } from '../../core/errors'
import { settledWithin } from '../../core/lifecycle'
import { makeFolder } from '../../core/make-folder'
import { closeToOthers, privateFolder } from '../../core/private-files'
import type { Random } from '../../core/random'
import type { OpenPool } from './client'
import { loadPg, loadPglite } from './driver'
import { EmbeddedEngine } from './embedded-engine'
import { deadError, FolderLock, storageError } from './folder-lock'
import { typeParsers } from './row-types'
import { pinnedPath } from './statement'

/** Longest wait for connections of the pool to end, which nobody has any more, ms. */
const endMs = 2_000
const half =
  'its folder `postgres` is no whole database (PG_VERSION is missing): restore it, or remove it to begin anew'

/**
 * PGlite behind pg's own Pool, so that everything above sees one kind of client.
 *
 * What its adapter needs: a connection object of its own for each client (one shared, as its documentation has it,
 * breaks the next client when an evicted one ends) and a clean session at each connect, because closing a connection
 * does not end the one session there is: a transaction and prepared statements would live on.
 */
export async function openEmbedded(path: string, clock: Clock, random: Random): Promise<OpenPool> {
  const [pg, { PGlite, createPgConfig, extensions }] = await Promise.all([loadPg(), loadPglite()])
  const folder = path === ':memory:' ? undefined : openFolder(resolve(path), clock, random)
  let engine: EmbeddedEngine
  try {
    const open = (dataDir: string) => PGlite.create({ dataDir, extensions })
    await folder?.make(async (unfinished) => (await open(unfinished)).close())
    const database = await open(folder?.data ?? 'memory://')
    engine = new EmbeddedEngine(database, (cause) => deadError(path, cause))
    folder?.ready((error) => engine.die(error))
  } catch (cause) {
    folder?.abandon()
    throw storageError(path, cause)
  }
  class Client extends pg.Client {
    constructor(config?: object) {
      const own = createPgConfig(engine.watched)
      quiet(own.connection)
      super({ ...config, ...own })
    }
  }
  const pool = new pg.Pool({
    Client,
    max: 1,
    // The session cannot be renewed, so there is nothing to gain from closing its connection.
    idleTimeoutMillis: 0,
    types: await typeParsers(),
    onConnect: (client) =>
      client.query(`ROLLBACK; DEALLOCATE ALL; RESET ALL; SET wal_init_zero = off; SET search_path TO ${pinnedPath}`),
  })
  pool.on('error', () => {})
  return {
    pool,
    async close() {
      try {
        await settledWithin(systemClock, endMs, pool.end())
        await engine.close()
      } finally {
        folder?.release()
      }
    },
  }
}

/** Once it has ended, a connection of the adapter has no listeners; an error of what was still on its way is nobody's. */
function quiet(connection: EventEmitter): void {
  const emit = connection.emit.bind(connection)
  connection.emit = (event, ...args) =>
    event === 'error' && connection.listenerCount('error') === 0 ? false : emit(event, ...args)
}

interface Folder {
  readonly data: string
  /** Has a new database made beside the place where it will lie, if there is none. */
  make(database: (unfinished: string) => Promise<void>): Promise<void>
  /** `lost` is told when another process has taken the folder. */
  ready(lost: (error: HeadwaterError) => void): void
  abandon(): void
  release(): void
}

/**
 * The folder, made if missing and locked. A new database gets its name when it is whole, so that what lies under that
 * name is never cleared away, and what lies under the other one was never used.
 */
function openFolder(folder: string, clock: Clock, random: Random): Folder {
  const data = join(folder, 'postgres')
  const unfinished = join(folder, 'postgres.unfinished')
  let made: string | undefined
  try {
    made = makeFolder(folder)
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw storageError(folder, cause)
  }
  const lock = FolderLock.acquire(folder, data, clock, random)
  const clear = (): void => rmSync(unfinished, { recursive: true, force: true })
  try {
    clear()
    // PGlite would make a new database here, beside whatever is left of the old one.
    if (existsSync(data) && !existsSync(join(data, 'PG_VERSION'))) throw new Error(half)
  } catch (cause) {
    lock.release()
    throw storageError(folder, cause)
  }
  return {
    data,
    async make(database) {
      if (existsSync(data)) return
      mkdirSync(unfinished, { mode: privateFolder })
      await database(unfinished)
      renameSync(unfinished, data)
      lock.guard()
    },
    ready(lost) {
      // PGlite makes its files for everybody. What it makes from now on lies in folders that are closed.
      closeToOthers(data)
      lock.watch(lost)
    },
    abandon() {
      try {
        clear()
      } catch {
        // The next start clears up.
      }
      lock.release()
      if (made !== undefined) removeIfEmpty(folder)
    },
    release() {
      closeToOthers(data)
      lock.release()
    },
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Somebody put something there: it is theirs.
  }
}
