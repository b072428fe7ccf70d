import { resolve } from 'node:path'
import { HeadwaterError } from '../../core/errors'
import { checkOptions } from '../../core/option-kinds'
import { type MovedRows, moveRows } from '../../transfer/move/move'
import type { StoreOptions } from '../store-options'
import { type BuiltIndexes, buildIndexes, engineAt, firstEngineAt, noIndexes } from './build-indexes'
import { type MoveStoreOptions, moveKinds } from './options'
import { type BackupStoreOptions, sourceOf, withSource } from './source'

/** What a move came to. */
export interface MoveReport extends MovedRows, BuiltIndexes {
  readonly ms: { readonly rows: number; readonly indexes: number }
}

/**
 * Moves a store from where one says to where the other says, embedded or on a server: ids, versions, vectors and blobs
 * stay, no embedder is called, and the source is only read. Rows and blobs first, beside what the target has, compared
 * there and switched in one step, then every index, built from stored vectors. A call after one that was interrupted
 * goes on where that was. What is written at the source meanwhile does not come along. HW_RESTORE_REFUSED while something
 * at the target would be lost that nobody gave up, HW_EMBEDDED_LOCKED, HW_UNAUTHORIZED, HW_MIGRATION_NEEDED, HW_BACKUP_BUSY.
 */
export async function moveStore(
  from: BackupStoreOptions,
  to: StoreOptions<object>,
  given: MoveStoreOptions = {},
): Promise<MoveReport> {
  const { rebuild = true, ...settings } = checkOptions(given, moveKinds, '')
  return withSource(from, async (source) => {
    const target = sourceOf(to)
    const { clock, folder } = target
    const startedAt = clock.monotonic()
    let moved: Awaited<ReturnType<typeof moveRows>>
    try {
      if (folder !== undefined && source.folder !== undefined && resolve(folder) === resolve(source.folder)) {
        throw new HeadwaterError('HW_INVALID_OPTIONS', `to: ${folder} is the store that is to be moved`, { path: 'to' })
      }
      const engineOf = source.connection.embedded ? firstEngineAt(to) : engineAt(to)
      moved = await moveRows(source, target, settings, engineOf)
    } finally {
      await target.close()
    }
    const { indexes, ...report } = moved
    const rowsMs = Math.round(clock.monotonic() - startedAt)
    const built = settings.dryRun ? noIndexes : await buildIndexes(to, indexes, rebuild, settings)
    const ms = { rows: rowsMs, indexes: Math.round(clock.monotonic() - startedAt) - rowsMs }
    return { ...report, ...built, ms }
  })
}
