import { checkOptions } from '../../core/option-kinds'
import type { RestoredDocuments } from '../../transfer/backup/restore-documents'
import type { StoreOptions } from '../store-options'
import { showBackup } from './backups'
import { openStored } from './open-stored'
import { documentsKinds, type RestoreDocumentsOptions } from './options'
import { withSource } from './source'

/**
 * As `store.restoreDocuments`, of a store that is not open here: its collections are taken as they are stored, so that
 * neither their embedders nor their splitters are needed. HW_EMBEDDED_LOCKED, HW_MIGRATION_NEEDED.
 */
export async function restoreDocuments(
  store: StoreOptions<object>,
  options: RestoreDocumentsOptions,
): Promise<RestoredDocuments> {
  const { from, id } = checkOptions(options, documentsKinds, '')
  const manifest = await showBackup({ from: from!, id, signal: options.signal })
  const made = await withSource(store, ({ truth }) => truth.session({ worker: true }).generations.list())
  const there = new Set<string>(made.map(({ collection }) => collection))
  const more = manifest.generations.filter(({ collection }) => !there.has(collection))
  const opened = await openStored(store, [...made, ...more], 'background')
  try {
    return await opened.restoreDocuments({ ...options, id: manifest.id })
  } finally {
    await opened.close()
  }
}
