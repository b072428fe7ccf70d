import type { CallOptions } from '../../core/abort'
import { isHeadwaterError } from '../../core/errors'
import type { BackupFiles } from './files'
import { type BackupManifest, backupIds, newestId, partsOf, readManifest } from './manifest'

/** A line of a list of backups. */
export interface BackupSummary {
  readonly id: string
  /** ISO 8601; null, as all else, where the manifest cannot be read, and `problem` says why. */
  readonly createdAt: string | null
  readonly installation: string | null
  /** No blob was missing and no vector. */
  readonly complete: boolean
  readonly rows: number
  readonly blobs: number
  /** Bytes that its parts and blobs take, those that it shares with others included. */
  readonly bytes: number
  readonly package: string | null
  readonly problem?: string | undefined
}

/** All backups of a place, oldest first. */
export async function listBackups(files: BackupFiles, call: CallOptions = {}): Promise<BackupSummary[]> {
  const found: BackupSummary[] = []
  for (const id of await backupIds(files, call)) {
    try {
      found.push(summaryOf(await readManifest(files, id, call)))
    } catch (error) {
      if (!isHeadwaterError(error, 'HW_BACKUP_DAMAGED') && !isHeadwaterError(error, 'HW_BACKUP_AHEAD')) throw error
      const nothing = {
        createdAt: null,
        installation: null,
        complete: false,
        rows: 0,
        blobs: 0,
        bytes: 0,
        package: null,
      }
      found.push({ id, ...nothing, problem: `${error.code}: ${error.message}` })
    }
  }
  return found
}

/** The manifest of a backup, the newest when no id is given. HW_NOT_FOUND, HW_BACKUP_DAMAGED, HW_BACKUP_AHEAD. */
export async function showBackup(
  files: BackupFiles,
  id: string | undefined,
  call: CallOptions = {},
): Promise<BackupManifest> {
  return readManifest(files, id ?? (await newestId(files, call)), call)
}

export function summaryOf(manifest: BackupManifest): BackupSummary {
  const { id, createdAt, installation, tables, blobs, vectors } = manifest
  return {
    id,
    createdAt,
    installation,
    complete: blobs.missingCount === 0 && vectors.lacking === 0,
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
    blobs: blobs.count,
    bytes: partsOf(manifest).reduce((sum, { size }) => sum + size, 0) + blobs.bytes,
    package: manifest.package,
  }
}
