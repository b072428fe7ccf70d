import { accessSync, constants, existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Clock } from '../../core/clock'
import { makeFolder } from '../../core/make-folder'
import type { Random } from '../../core/random'
import type { OpenPool } from './client'
import { loadPg, loadPglite } from './driver'
import { FolderLock, storageError } from './folder-lock'
import { typeParsers } from './row-types'
import { pinnedPath } from './statement'

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
  let database: InstanceType<typeof PGlite>
  try {
    database = await PGlite.create({ dataDir: folder?.data ?? 'memory://', extensions })
    folder?.ready()
  } catch (cause) {
    folder?.abandon()
    throw storageError(path, cause)
  }
  class Client extends pg.Client {
    constructor(config?: object) {
      super({ ...config, ...createPgConfig(database) })
    }
  }
  const pool = new pg.Pool({
    Client,
    max: 1,
    // The session cannot be renewed, so there is nothing to gain from closing its connection.
    idleTimeoutMillis: 0,
    types: typeParsers(pg.types),
    onConnect: (client) => client.query(`ROLLBACK; DEALLOCATE ALL; RESET ALL; SET search_path TO ${pinnedPath}`),
  })
  pool.on('error', () => {})
  return {
    pool,
    async close() {
      await pool.end()
      await database.close()
      folder?.release()
    },
  }
}

interface Folder {
  readonly data: string
  ready(): void
  abandon(): void
  release(): void
}

/**
 * The folder, made if missing and locked. `initialising` stands in it from before the database is made until it is
 * whole: what is found beside such a mark was never used and is made anew.
 */
function openFolder(folder: string, clock: Clock, random: Random): Folder {
  const data = join(folder, 'postgres')
  const mark = join(folder, 'initialising')
  let made: string | undefined
  try {
    made = makeFolder(folder)
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw storageError(folder, cause)
  }
  const lock = FolderLock.acquire(folder, clock, random)
  let fresh = false
  try {
    if (existsSync(mark)) rmSync(data, { recursive: true, force: true })
    fresh = !existsSync(data)
    if (fresh) {
      writeFileSync(mark, '')
      mkdirSync(data)
    }
  } catch (cause) {
    lock.release()
    throw storageError(folder, cause)
  }
  return {
    data,
    ready: () => rmSync(mark, { force: true }),
    abandon() {
      try {
        if (fresh) {
          rmSync(data, { recursive: true, force: true })
          rmSync(mark, { force: true })
        }
      } catch {
        // The mark stays, and the next start clears up.
      }
      lock.release()
      if (made !== undefined) removeIfEmpty(folder)
    },
    release: () => lock.release(),
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Somebody put something there: it is theirs.
  }
}
