import type { CallOptions } from '../../core/abort'
import type { Scope } from '../../core/ids'
import { vectorHash } from '../../embeddings/vector-codec'
import type { DocumentRow } from '../../repositories/documents'
import type { TruthSession } from '../../repositories/truth'
import { inputHashOf, ownInputHashOf } from '../../splitter/input-text'
import type { WriterPorts } from '../ports'
import type { CheckedChunk } from './document-input'
import { isCutBySplitter } from './prepared-document'

/**
 * The chunks of a stored document, if the caller cut them himself, with the vectors that he brought in the collection's
 * space; undefined when they are what a splitter makes of the text. They are the same in every chunking.
 */
export async function ownChunksOf(
  ports: Pick<WriterPorts, 'collections'>,
  { chunks, generations, embeddings }: Pick<TruthSession, 'chunks' | 'generations' | 'embeddings'>,
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
    const { fingerprint } = plan.embedder
    const strange = rows.flatMap((one) => (one.inputHash === inputHashOf(row.title, one) ? [] : [one.inputHash]))
    const stored = await embeddings.getMany(scope.tenant, fingerprint, strange, call)
    return rows.map((one) => {
      const { text, start, end, metadata, heading, tableHeader, inputHash } = one
      const vector = stored.get(inputHash)
      const isOwn = vector && ownInputHashOf(row.title, one, fingerprint, vectorHash(vector)) === inputHash
      // Absent where there is none, as in the hash.
      const context = { ...(heading && { heading }), ...(tableHeader && { tableHeader }) }
      return { text, start, end, metadata, ...context, ...(isOwn && { vector }) }
    })
  }
  return undefined
}
