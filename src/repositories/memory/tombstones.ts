import type { Scope } from '../../core/ids'
import type { TruthView } from '../truth'
import { type Engine, sees } from './access'
import { everyJob } from './claimed-jobs'
import type { Changes, StoredChunk, StoredDocument } from './tables'

/** Turns a document into a tombstone; `at` is epoch ms. */
export function buryDocument(
  changes: Changes,
  key: string,
  document: StoredDocument,
  { version, fence, at }: { readonly version: number; readonly fence: number; readonly at: number },
): void {
  const empty = { title: '', text: '', metadata: {}, leaves: {}, source: null, blob: null }
  changes.documents.put(key, { ...document, ...empty, version, fence, updatedAt: at, buriedAt: at })
}

/** Turns a chunk into a tombstone at this fence. */
export function buryChunk(
  { clock, withoutGuard }: Pick<Engine, 'clock' | 'withoutGuard'>,
  changes: Changes,
  key: string,
  chunk: StoredChunk,
  fence: number,
): void {
  if (withoutGuard === 'tombstone') changes.chunks.delete(key)
  else {
    const empty = { text: '', heading: '', tableHeader: '', metadata: {} }
    changes.chunks.put(key, { ...chunk, ...empty, fence, buriedAt: clock.now() })
  }
}

/**
 * Removes tombstones buried before `before` that no job needs: up to `limit` documents, each with all its chunks, and
 * up to `limit` chunks of documents that live on.
 */
export function purgeTombstones(
  changes: Changes,
  view: TruthView,
  { before, limit }: { readonly before: number; readonly limit: number },
): number {
  const needed = new Set<string>()
  for (const job of everyJob(changes)) needed.add(owner(job, job.document))

  const gone: string[] = []
  for (const [key, row] of changes.documents.entries()) {
    if (gone.length >= limit) break
    if (isOld(row.buriedAt, before) && sees(view, row.tenant) && !needed.has(key)) gone.push(key)
  }
  const purged = new Set(gone)
  for (const key of gone) changes.documents.delete(key)

  let left = limit
  for (const [key, chunk] of [...changes.chunks.entries()]) {
    const document = owner(chunk, chunk.document)
    if (purged.has(document)) changes.chunks.delete(key)
    else if (left > 0 && isOld(chunk.buriedAt, before) && sees(view, chunk.tenant) && !needed.has(document)) {
      changes.chunks.delete(key)
      left--
    }
  }
  return gone.length
}

function owner({ tenant, collection }: Scope, document: string): string {
  return `${tenant}/${collection}/${document}`
}

function isOld(buriedAt: number | null, before: number): boolean {
  return buriedAt !== null && buriedAt < before
}
