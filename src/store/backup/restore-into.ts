import { checkOptions } from '../../core/option-kinds'
import type { BackupSource } from '../../transfer/backup/backup-source'
import { type DocumentsTarget, type RestoredDocuments, restoreDocuments } from '../../transfer/backup/restore-documents'
import { inPlace } from './backups'
import { documentsKinds, type RestoreDocumentsOptions } from './options'

/** Writes documents of a backup into what is open already. */
export function restoreInto(
  source: BackupSource,
  target: DocumentsTarget,
  given: RestoreDocumentsOptions,
): Promise<RestoredDocuments> {
  const { from, ...settings } = checkOptions(given, documentsKinds, '')
  return inPlace(from, 'from', (files) => restoreDocuments(source, files, target, settings))
}
