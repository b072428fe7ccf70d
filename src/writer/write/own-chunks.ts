import type { CallOptions } from '../../core/abort'
import type { Scope } from '../../core/ids'
import type { ChunkRow } from '../../repositories/chunks'
import type { DocumentRow } from '../../repositories/documents'
import type { TruthSession } from '../../repositories/truth'
import type { CollectionPlan, WriterPorts } from '../ports'
import type { CheckedChunk } from './document-input'
import { knownSplitter } from './known-splitter'
import { isCutBySplitter, PreparedDocument } from './prepared-document'

/**
 * The chunks of a stored document, if the caller cut them himself; undefined when they are what a splitter makes of the
 * text. They are the same in every chunking.
 */
export async function ownChunksOf(
  ports: Pick<WriterPorts, 'collections' | 'embedders' | 'splitters'>,
  { chunks, generations }: Pick<TruthSession, 'chunks' | 'generations'>,
  scope: Scope,
  row: DocumentRow,
  call?: CallOptions,
): Promise<CheckedChunk[] | undefined> {
  const plan = ports.collections.get(scope.collection)!
  if (isCutBySplitter(row, plan)) return undefined
  const used = (await generations.list({ collection: scope.collection })).map(({ chunking }) => chunking)
  for (const chunking of new Set([plan.splitter.id, ...used])) {
    const rows = await chunks.ofDocument(scope, row.id, chunking, call)
    if (rows.length === 0) continue
    const splitter = knownSplitter(ports, scope.collection, chunking)
    if (splitter && (await areOf(scope, row, rows, { ...plan, splitter }))) return undefined
    return rows.map(({ text, start, end, metadata, heading, tableHeader }) => {
      // Absent where there is none, as in the hash.
      return { text, start, end, metadata, ...(heading && { heading }), ...(tableHeader && { tableHeader }) }
    })
  }
  return undefined
}

/** For a document whose hash was made of something else, by another version of what it is made of. */
async function areOf(
  scope: Scope,
  row: DocumentRow,
  rows: readonly ChunkRow[],
  plan: CollectionPlan,
): Promise<boolean> {
  const chunks = await new PreparedDocument(scope, { ...row, chunks: null }, plan).chunks()
  return chunks.length === rows.length && chunks.every(({ id }, at) => id === rows[at]!.id)
}
