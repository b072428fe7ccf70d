import { checkOptions } from '../../core/option-kinds'
import { openPlace } from '../../transfer/backup/place'
import { type RestoredRows, restoreRows } from '../../transfer/backup/restore'
import type { StoreOptions } from '../store-options'
import { type BuiltIndexes, buildIndexes, engineAt, noIndexes } from './build-indexes'
import { type RestoreBackupOptions, restoreKinds } from './options'
import { sourceOf } from './source'

/** What a restore came to. */
export interface RestoreReport extends Omit<RestoredRows, 'manifest'>, BuiltIndexes {
  readonly ms: { readonly rows: number; readonly indexes: number }
}

/**
 * Restores a backup where these options say: rows and blobs first, beside what is there, then in one step instead of it,
 * then every index, built from stored vectors. Meanwhile documents are read, and searches answered by Postgres. No
 * embedder is called. HW_RESTORE_REFUSED while something would be lost that nobody gave up, HW_BACKUP_DAMAGED,
 * HW_BACKUP_AHEAD, HW_NOT_FOUND, HW_BACKUP_BUSY, HW_STORAGE, HW_UNAUTHORIZED for a login that may not make tables.
 */
export async function restoreBackup(store: StoreOptions<object>, given: RestoreBackupOptions): Promise<RestoreReport> {
  const { from, rebuild = true, ...settings } = checkOptions(given, restoreKinds, '')
  const files = openPlace(from!, 'from')
  const source = sourceOf(store)
  const { clock } = source
  const startedAt = clock.monotonic()
  let restored: RestoredRows
  try {
    restored = await restoreRows(source, files, settings, engineAt(store))
  } finally {
    await source.close()
    await files.close()
  }
  const { manifest, ...report } = restored
  const rowsMs = Math.round(clock.monotonic() - startedAt)
  const built = settings.dryRun ? noIndexes : await buildIndexes(store, manifest, rebuild, settings)
  const ms = { rows: rowsMs, indexes: Math.round(clock.monotonic() - startedAt) - rowsMs }
  return { ...report, ...built, ms }
}
