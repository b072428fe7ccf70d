import type { CallOptions } from '../../core/abort'
import { withDeadline } from '../../core/deadline'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { collectionName, type Scope, tenantId } from '../../core/ids'
import type { CollectionPlan } from '../../writer/ports'
import type { PreparedDocument } from '../../writer/write/prepared-document'
import type { BatchResult } from '../../writer/write/receipt'
import type { BatchWriteOptions } from '../../writer/write/write-options'
import type { BackupSource } from './backup-source'
import type { BackupFiles } from './files'
import { type BackupManifest, newestId, readManifest } from './manifest'
import { linesOf } from './part-reader'
import { withRestoreLock } from './restore-lock'
import { SavedDocuments } from './saved-documents'
import { assertKnownSchema } from './scratch-schema'
import { partsFor, type Selection, takes } from './selection'

/** What is restored alone. At least one of `tenant` and `collection`. No time limit but `timeoutMs`. */
export interface RestoreDocumentsSettings extends CallOptions {
  readonly tenant?: string | undefined
  readonly collection?: string | undefined
  /** The newest when left out. */
  readonly id?: string | undefined
  /** Counts, and changes nothing. */
  readonly dryRun?: boolean | undefined
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined
}

/** A document that was not restored, and why. */
export interface LeftDocument {
  readonly tenant: string
  readonly collection: string
  readonly id: string
  readonly error: HeadwaterError
}

/** What came of it. */
export interface RestoredDocuments {
  readonly id: string
  /** Those that the backup has of the selection. */
  readonly documents: number
  /** Those that changed, or were not there; 0 in a dry run. */
  readonly written: number
  /** Those that were so already. */
  readonly unchanged: number
  /** The first 100 of `failedCount`. */
  readonly failed: readonly LeftDocument[]
  readonly failedCount: number
  /** Blobs that were not there. */
  readonly blobs: number
  /** Chunks whose vector is not in the backup, or is of another space than the store's: workers make it. */
  readonly vectorsToMake: number
  /** Rows of entities of the selection, which stay in the backup, by table. */
  readonly leftOut: Readonly<Record<string, number>>
}

/** What writes: the store's own writer, and what its collections are made with. */
export interface DocumentsTarget {
  readonly collections: ReadonlyMap<string, CollectionPlan>
  putMany(scope: Scope, documents: AsyncIterable<PreparedDocument>, options: BatchWriteOptions): Promise<BatchResult>
}

const mostFailures = 100

/**
 * Writes the documents that a backup has of a tenant, of a collection, or of both, into a store that lives on: as
 * ordinary writes, so that versions go on and indexes follow, with the chunks and vectors of the backup. Documents that
 * the backup does not have stay as they are. HW_NOT_FOUND where it has none, HW_COLLECTION_UNKNOWN,
 * HW_BACKUP_DAMAGED, HW_BACKUP_AHEAD, HW_BACKUP_BUSY during another restore.
 */
export function restoreDocuments(
  source: BackupSource,
  files: BackupFiles,
  target: DocumentsTarget,
  settings: RestoreDocumentsSettings,
): Promise<RestoredDocuments> {
  const { tenant, collection } = settings
  if (tenant === undefined && collection === undefined) {
    throw new HeadwaterError('HW_INVALID_OPTIONS', 'tenant: give a tenant, a collection or both', { path: 'tenant' })
  }
  return withDeadline(source.clock, settings, undefined, async ({ signal }) => {
    const call = { signal }
    const id = settings.id ?? (await newestId(files, call))
    const manifest = await readManifest(files, id, call)
    assertKnownSchema(manifest)
    const found = await countDocuments(files, manifest, settings, call)
    const documents = found.reduce((sum, { count }) => sum + count, 0)
    if (documents === 0) {
      const what = [tenant && `tenant ${tenant}`, collection && `collection ${collection}`].filter(Boolean).join(', ')
      throw new HeadwaterError('HW_NOT_FOUND', `${id} has no documents of ${what}`, { details: { id } })
    }
    assertMade(found, target.collections)
    const leftOut = await entityRows(files, manifest, settings, call)
    const none = { written: 0, unchanged: 0, failed: [], failedCount: 0, blobs: 0, vectorsToMake: 0 }
    if (settings.dryRun) return { id, documents, ...none, leftOut }
    return withRestoreLock(source.connection, source.schema, signal, async () => {
      const saved = await SavedDocuments.load(source, files, manifest, settings, call)
      try {
        return { id, documents, ...(await write(saved, found, target, settings, documents, call)), leftOut }
      } finally {
        await saved.drop().catch(() => undefined)
      }
    })
  })
}

interface FoundScope {
  readonly scope: Scope
  readonly count: number
}

async function countDocuments(
  files: BackupFiles,
  manifest: BackupManifest,
  selection: Selection,
  call: CallOptions,
): Promise<FoundScope[]> {
  const counts = new Map<string, FoundScope>()
  const table = manifest.tables.find(({ name }) => name === 'documents')!
  for (const part of partsFor(table, selection)) {
    for await (const line of linesOf(files, part, call)) {
      const row = JSON.parse(line) as Record<'tenant' | 'collection' | 'deleted_at', string | null>
      if (row.deleted_at !== null || !takes(row, selection)) continue
      const scope = { tenant: tenantId(row.tenant!), collection: collectionName(row.collection!) }
      const key = `${scope.tenant}/${scope.collection}`
      counts.set(key, { scope, count: (counts.get(key)?.count ?? 0) + 1 })
    }
  }
  return [...counts.values()]
}

function assertMade(found: readonly FoundScope[], collections: DocumentsTarget['collections']): void {
  const unknown = new Set(found.map(({ scope }) => scope.collection).filter((name) => !collections.has(name)))
  if (unknown.size === 0) return
  const names = [...unknown].join(', ')
  throw new HeadwaterError('HW_COLLECTION_UNKNOWN', `collections: the store is opened without ${names}`, {
    path: 'collections',
  })
}

/** Of a collection alone there are none: rows of entities belong to a tenant. */
async function entityRows(
  files: BackupFiles,
  { tables, tenants }: BackupManifest,
  { tenant, collection }: Selection,
  call: CallOptions,
): Promise<Record<string, number>> {
  const left: Record<string, number> = {}
  if (tenant === undefined || collection !== undefined) return left
  const entities = new Set(tables.filter(({ definition }) => definition).map(({ name }) => name))
  for (const part of tenants) {
    for await (const line of linesOf(files, part, call)) {
      const counted = JSON.parse(line) as { table: string; tenant: string; rows: number }
      if (counted.tenant === tenant && entities.has(counted.table)) left[counted.table] = counted.rows
    }
  }
  return left
}

async function write(
  saved: SavedDocuments,
  found: readonly FoundScope[],
  target: DocumentsTarget,
  { onProgress }: RestoreDocumentsSettings,
  total: number,
  call: CallOptions,
): Promise<Omit<RestoredDocuments, 'id' | 'documents' | 'leftOut'>> {
  const tally = { written: 0, unchanged: 0, failedCount: 0 }
  const failed: LeftDocument[] = []
  const fail = (scope: Scope, id: string, error: HeadwaterError): void => {
    tally.failedCount++
    if (failed.length < mostFailures) failed.push({ ...scope, id, error })
  }
  for (const { scope } of found) {
    const done = tally.written + tally.unchanged + tally.failedCount
    const documents = prepared(saved, scope, target.collections.get(scope.collection)!, call, fail)
    const result = await target.putMany(scope, documents, {
      ...call,
      embed: 'deferred',
      onProgress: (now) => onProgress?.({ done: done + now.written + now.unchanged + now.failed, total }),
    })
    tally.written += result.written
    tally.unchanged += result.unchanged
    for (const { id, error } of result.failed) fail(scope, id, error)
    tally.failedCount += result.failedCount - result.failed.length
  }
  return { ...tally, failed, blobs: saved.blobsWritten, vectorsToMake: saved.vectorsToMake }
}

/** What is damaged or missing in the backup keeps its document from being restored, and no other. */
async function* prepared(
  saved: SavedDocuments,
  scope: Scope,
  plan: CollectionPlan,
  call: CallOptions,
  fail: (scope: Scope, id: string, error: HeadwaterError) => void,
): AsyncGenerator<PreparedDocument> {
  for await (const row of saved.rows(scope, call)) {
    try {
      yield await saved.prepare(scope, row, plan, call)
    } catch (error) {
      if (!isHeadwaterError(error, 'HW_BACKUP_DAMAGED')) throw error
      fail(scope, row.id, error)
    }
  }
}
