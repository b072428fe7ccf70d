import { restoreDocuments } from '../store/backup/restore-documents'
import type { StoreOptions } from '../store/store-options'
import type { BackupPlace } from '../transfer/backup/place'
import type { CliContext } from './context'
import { exitCodes } from './exit-codes'
import { startProgress } from './progress'

/** `backup restore --tenant`, `--collection`, or both: documents as ordinary writes into a store that lives on. */
export async function restoreAlone(
  context: CliContext,
  store: StoreOptions,
  from: BackupPlace,
  { id, dryRun }: { readonly id: string | undefined; readonly dryRun: boolean | undefined },
): Promise<number> {
  const { out, io, signal } = context
  const { tenant, collection } = context.options
  const progress = await startProgress(io, 'Restoring', 'documents', 0)
  const report = await restoreDocuments(store, {
    ...{ from, id, tenant, collection, dryRun, signal },
    onProgress: ({ done, total }) => progress.update(done, total),
  }).finally(() => progress.stop())
  out.document(report)
  const { documents, written, unchanged, failed, failedCount, blobs, vectorsToMake, leftOut } = report
  const rows = Object.values(leftOut).reduce((sum, count) => sum + count, 0)
  if (dryRun) out.line(`${report.id} has ${documents} documents of it; nothing was changed`)
  else out.line(`${written} documents written, ${unchanged} were so already; ${blobs} blobs written`)
  if (vectorsToMake > 0) out.line(`${vectorsToMake} chunks wait for a vector, which a worker with the embedder makes`)
  if (rows > 0) out.line(`${rows} rows of entities stay in the backup: ${Object.keys(leftOut).join(', ')}`)
  for (const one of failed) out.line(`${one.tenant}/${one.collection}/${one.id}: ${one.error.message}`)
  if (failedCount > 0) out.line(`${failedCount} documents could not be restored`)
  return failedCount > 0 ? exitCodes.failed : exitCodes.ok
}
