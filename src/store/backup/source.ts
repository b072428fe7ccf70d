import { existsSync } from 'node:fs'
import { PostgresConnection } from '../../connections/postgres/connection'
import { systemClock } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import { systemRandom } from '../../core/random'
import { EpochWatch } from '../../repositories/epoch-watch'
import { PostgresTruth } from '../../repositories/postgres/truth'
import type { BackupSource } from '../../transfer/backup/backup-source'
import { engines } from '../engines'
import { prepareDatabase } from '../prepare-database'
import { checkStoreOptions, type StoreOptions } from '../store-options'

/** Where a store is: options of `openStore`, of which those that say what is stored where count. */
export type BackupStoreOptions = Pick<
  StoreOptions<object>,
  'embedded' | 'postgres' | 's3' | 'blobs' | 'repositories' | 'clock' | 'random'
>

export interface OpenSource extends BackupSource {
  /** Folder of an embedded store. */
  readonly folder: string | undefined
  close(): Promise<void>
}

const defaultPath = './.headwater'

/** Postgres and the blobs of a store, and nothing beside them: no index is looked at and no embedder needed. */
export function sourceOf(given: BackupStoreOptions): OpenSource {
  const options = checkStoreOptions(given as StoreOptions<object>)
  const { clock = systemClock, random = systemRandom } = options
  const { schema = 'headwater', ...postgres } = options.postgres ?? {}
  const folder = options.postgres ? undefined : (options.embedded?.path ?? defaultPath)
  const where = folder === undefined ? postgres : { embedded: { path: folder } }
  const connection = new PostgresConnection(where, { clock, random })
  const truth = new PostgresTruth(connection, { schema })
  const epoch = new EpochWatch(truth, clock)
  const place = { postgres: connection, schema, folder, epoch, clock, random }
  const { s3, blobs, repositories } = options
  const only = { s3, blobs, repositories: { blobs: repositories?.blobs } }
  const beside = engines(only, { ...place, installation: '00000000', metadataOf: () => undefined })
  const close = async (): Promise<void> => {
    await beside.close()
    await connection.close()
  }
  return { connection, truth, schema, blobs: beside.blobs, clock, random, folder, close }
}

/** Runs `work` over a store that is there, migrated, and closes what was opened for it. */
export async function withSource<T>(given: BackupStoreOptions, work: (source: OpenSource) => Promise<T>): Promise<T> {
  const source = sourceOf(given)
  const { folder } = source
  // PGlite would make a new, empty one where a path was mistyped.
  if (folder !== undefined && folder !== ':memory:' && !existsSync(folder)) {
    throw new HeadwaterError('HW_MIGRATION_NEEDED', `${folder}: there is no store in this folder`, { path: folder })
  }
  try {
    await prepareDatabase(source.connection, source.schema, 'check')
    return await work(source)
  } finally {
    await source.close()
  }
}
