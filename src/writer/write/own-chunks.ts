import type { CallOptions } from '../../core/abort'
import type { Scope } from '../../core/ids'
import type { DocumentRow } from '../../repositories/documents'
import type { TruthSession } from '../../repositories/truth'
import type { WriterPorts } from '../ports'
import type { CheckedChunk } from './document-input'
import { isCutBySplitter } from './prepared-document'

/**
 * The chunks of a stored document, if the caller cut them himself; undefined when they are what a splitter makes of the
 * text. They are the same in every chunking.
 */
export async function ownChunksOf(
  ports: Pick<WriterPorts, 'collections'>,
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
    return rows.map(({ text, start, end, metadata, heading, tableHeader }) => {
      // Absent where there is none, as in the hash.
      return { text, start, end, metadata, ...(heading && { heading }), ...(tableHeader && { tableHeader }) }
    })
  }
  return undefined
}
