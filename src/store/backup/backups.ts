import type { CallOptions } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import { checkOptions } from '../../core/option-kinds'
import { systemRandom } from '../../core/random'
import type { BackupSource } from '../../transfer/backup/backup-source'
import { type BackupReport, createBackup as create } from '../../transfer/backup/create'
import type { BackupFiles } from '../../transfer/backup/files'
import { type BackupSummary, listBackups as list, showBackup as show } from '../../transfer/backup/list'
import type { BackupManifest } from '../../transfer/backup/manifest'
import { type BackupPlace, openPlace } from '../../transfer/backup/place'
import { type PruneReport, pruneBackups as prune } from '../../transfer/backup/prune'
import { type VerifyReport, verifyBackup as verify } from '../../transfer/backup/verify'
import {
  type CreateBackupOptions,
  createKinds,
  type PruneBackupsOptions,
  placeKinds,
  pruneKinds,
  showKinds,
  type VerifyBackupOptions,
  verifyKinds,
} from './options'
import { type BackupStoreOptions, withSource } from './source'

/**
 * Backs up the store that is where these options say, without opening it: no index, no embedder and no worker is needed.
 * An embedded store that is open in this or another process is HW_EMBEDDED_LOCKED; there it is `store.createBackup`.
 * HW_UNAUTHORIZED where policies hide rows from the login, HW_BACKUP_BUSY during a prune, HW_MIGRATION_NEEDED, HW_STORAGE.
 */
export async function createBackup(store: BackupStoreOptions, options: CreateBackupOptions): Promise<BackupReport> {
  return withSource(store, (source) => createFrom(source, options))
}

/** As `createBackup`, of what is open already. */
export function createFrom(source: BackupSource, given: CreateBackupOptions): Promise<BackupReport> {
  const { to, ...settings } = checkOptions(given, createKinds, '')
  return inPlace(to, 'to', (files) => create(source, files, settings))
}

/**
 * Compares a backup with what its manifest says, without restoring it. Look at `ok`: what is wrong is reported, not
 * thrown. HW_NOT_FOUND, HW_BACKUP_AHEAD.
 */
export async function verifyBackup(given: VerifyBackupOptions): Promise<VerifyReport> {
  const { from, ...settings } = checkOptions(given, verifyKinds, '')
  return inPlace(from, 'from', (files, clock) => verify(files, clock, settings))
}

/** The backups of a place, oldest first. */
export async function listBackups(given: CallOptions & { from: BackupPlace }): Promise<BackupSummary[]> {
  const { from, ...call } = checkOptions(given, placeKinds, '')
  return inPlace(from, 'from', (files) => list(files, call))
}

/** The manifest of a backup, the newest without `id`. HW_NOT_FOUND, HW_BACKUP_DAMAGED, HW_BACKUP_AHEAD. */
export async function showBackup(
  given: CallOptions & { from: BackupPlace; id?: string | undefined },
): Promise<BackupManifest> {
  const { from, id, ...call } = checkOptions(given, showKinds, '')
  return inPlace(from, 'from', (files) => show(files, id, call))
}

/**
 * Removes backups that no rule keeps, and then what none of the others names; the last complete one of each store stays.
 * With `dryRun` it tells what would go. HW_BACKUP_BUSY while a backup is written; HW_BACKUP_DAMAGED or HW_BACKUP_AHEAD,
 * and nothing is removed, while a manifest cannot be read.
 */
export async function pruneBackups(given: PruneBackupsOptions): Promise<PruneReport> {
  const { from, ...settings } = checkOptions(given, pruneKinds, '')
  return inPlace(from, 'from', (files, clock) => prune(files, { clock, random: systemRandom }, settings))
}

/** Opens a place for `work`, and closes it. */
export async function inPlace<T>(
  place: BackupPlace | undefined,
  path: string,
  work: (files: BackupFiles, clock: Clock) => Promise<T>,
): Promise<T> {
  const files = openPlace(place as BackupPlace, path)
  try {
    return await work(files, systemClock)
  } finally {
    await files.close()
  }
}
