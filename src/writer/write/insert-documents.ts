import type { ChunkRow } from '../../repositories/chunks'
import type { DocumentRow } from '../../repositories/documents'
import type { Change } from '../relay/projection'
import type { PreparedChunk, PreparedDocument } from './prepared-document'
import {
  contentOf,
  type DocumentOutcome,
  outcomeOf,
  sentChunk,
  type WriteContext,
  type Written,
  withContent,
} from './write-documents'

/** By chunking and document. */
type Cuts = Map<string, Map<string, readonly PreparedChunk[]>>

/** How often generations may come to use other chunkings while documents are cut. */
const cuts = 3

/**
 * Writes documents that nobody had written a moment ago, in one statement and each row once; `chunkings` are those that
 * the generations used a moment ago. Those that somebody else has written first are not among the outcomes. Undefined
 * where that is not possible: one owns a blob, or cannot be cut here.
 */
export async function insertDocuments(
  context: WriteContext,
  documents: readonly PreparedDocument[],
  chunkings: readonly string[],
): Promise<Written | undefined> {
  if (documents.some(({ document }) => document.blob !== null)) return undefined
  let used = chunkings
  for (let attempt = 1; attempt <= cuts; attempt++) {
    const cut = await cutIn(context, documents, used)
    if (!cut) return undefined
    const inserted = await insertCut(context, documents, cut)
    if (!('otherChunkings' in inserted)) return inserted
    used = inserted.otherChunkings
  }
  return undefined
}

async function cutIn(
  { splitterOf }: WriteContext,
  documents: readonly PreparedDocument[],
  chunkings: readonly string[],
): Promise<Cuts | undefined> {
  const cut: Cuts = new Map()
  for (const chunking of chunkings) {
    const byDocument = new Map<string, readonly PreparedChunk[]>()
    cut.set(chunking, byDocument)
    for (const prepared of documents) {
      const cutting = prepared.chunksIn(chunking, splitterOf(chunking))
      const made = cutting instanceof Promise ? await cutting : cutting
      if (!made) return undefined
      byDocument.set(prepared.document.id, made)
    }
  }
  return cut
}

async function insertCut(
  context: WriteContext,
  documents: readonly PreparedDocument[],
  cut: Cuts,
): Promise<Written | { readonly otherChunkings: readonly string[] }> {
  const chunks: Omit<ChunkRow, 'fence'>[] = []
  for (const [chunking, byDocument] of cut) {
    for (const [document, made] of byDocument) for (const chunk of made) chunks.push({ ...chunk, document, chunking })
  }
  const rows = new Map(
    documents.map((prepared) => [prepared.document.id, contentOf(prepared, context.now, context.now)]),
  )
  const { session, scope } = context
  const going = { ...(await withContent(context, documents, [...cut.keys()])), chunks }
  const { fences, claimed, otherChunkings } = await session.documents.insert(
    scope,
    [...rows.values()],
    going,
    context.call,
  )
  if (otherChunkings) return { otherChunkings }

  const states = new Map([...cut.keys()].map((chunking) => [chunking, new Map<string, Change>()]))
  const outcomes: DocumentOutcome[] = []
  for (const prepared of documents) {
    const { id } = prepared.document
    const fence = fences.get(id)
    if (fence === undefined) continue
    const payload: DocumentRow = { ...rows.get(id)!, version: 1, fence, payloadFence: fence }
    for (const [chunking, byDocument] of cut) {
      const sent = byDocument.get(id)!.map((chunk) => sentChunk(chunk, fence))
      const state = { ...scope, document: id, fence, payload, chunks: sent, removed: [] }
      states.get(chunking)!.set(id, { since: 0, state })
    }
    outcomes.push(await outcomeOf(prepared, 1, fence))
  }
  return { outcomes, claimed, states }
}

/** What two writes came to, in the order of `documents`. */
export function joined(documents: readonly PreparedDocument[], one: Written, other: Written): Written {
  const outcomes = new Map([...one.outcomes, ...other.outcomes].map((outcome) => [outcome.id, outcome]))
  const states = new Map(one.states)
  for (const [chunking, changes] of other.states) {
    states.set(chunking, new Map([...(states.get(chunking) ?? []), ...changes]))
  }
  return {
    outcomes: documents.map(({ document }) => outcomes.get(document.id)!),
    claimed: [...one.claimed, ...other.claimed],
    states,
  }
}
