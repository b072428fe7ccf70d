import type { ChunkRow, StateChunk } from '../../repositories/chunks'
import type { DocumentRow, Inserted, NewDocument } from '../../repositories/documents'
import type { Change } from '../relay/projection'
import type { PreparedChunk, PreparedDocument } from './prepared-document'
import { type DocumentOutcome, jobTargets, type WriteContext, type Written } from './write-documents'

/** By chunking and document. */
type Cuts = Map<string, Map<string, readonly PreparedChunk[]>>

/** What was written, and those that somebody else has written first. */
export interface InsertedDocuments {
  readonly written: Written
  readonly rest: readonly PreparedDocument[]
}

/**
 * Writes documents that nobody had written a moment ago, in one statement and each row once; `chunkings` are those that
 * they are cut in. Undefined where that is not possible: one owns a blob, or cannot be cut here.
 */
export async function insertDocuments(
  context: WriteContext,
  documents: readonly PreparedDocument[],
  chunkings: readonly string[],
): Promise<InsertedDocuments | undefined> {
  if (documents.some(({ document }) => document.blob !== null)) return undefined
  const cut: Cuts = new Map()
  const chunks: Omit<ChunkRow, 'fence'>[] = []
  for (const chunking of chunkings) {
    const byDocument = new Map<string, readonly PreparedChunk[]>()
    cut.set(chunking, byDocument)
    for (const prepared of documents) {
      const made = await prepared.chunksIn(chunking, context.splitterOf(chunking))
      if (!made) return undefined
      const { id: document } = prepared.document
      byDocument.set(document, made)
      for (const chunk of made) chunks.push({ ...chunk, document, chunking })
    }
  }
  const rows = new Map(documents.map((prepared) => [prepared.document.id, rowOf(context, prepared)]))
  const { session, scope, claim } = context
  const targets = jobTargets(context)
  const inserted = await session.documents.insert(scope, [...rows.values()], { chunks, targets, claim })

  await cutFurther(context, documents, inserted, cut)

  const states = new Map([...cut.keys()].map((chunking) => [chunking, new Map<string, Change>()]))
  const outcomes: DocumentOutcome[] = []
  const rest: PreparedDocument[] = []
  for (const prepared of documents) {
    const { id } = prepared.document
    const fence = inserted.fences.get(id)
    if (fence === undefined) {
      rest.push(prepared)
      continue
    }
    const payload: DocumentRow = { ...rows.get(id)!, version: 1, fence, payloadFence: fence }
    for (const [chunking, byDocument] of cut) {
      const sent = byDocument.get(id)?.map((chunk) => sentOf(chunk, fence))
      if (!sent) continue
      const state = { ...scope, document: id, fence, payload, chunks: sent, removed: [] }
      states.get(chunking)!.set(id, { since: 0, state })
    }
    const truncated = await prepared.truncated()
    outcomes.push({ id, version: 1, fence, unchanged: false, ...(truncated > 0 && { truncated }) })
  }
  return { written: { outcomes, claimed: inserted.claimed, states }, rest }
}

/** A generation that is made meanwhile may use another chunking; who cannot cut for it leaves that to the job. */
async function cutFurther(
  { session, scope, splitterOf }: WriteContext,
  documents: readonly PreparedDocument[],
  { fences, chunkings }: Inserted,
  cut: Cuts,
): Promise<void> {
  for (const chunking of chunkings) {
    if (cut.has(chunking)) continue
    const byDocument = new Map<string, readonly PreparedChunk[]>()
    cut.set(chunking, byDocument)
    const upsert: ChunkRow[] = []
    for (const prepared of documents) {
      const { id: document } = prepared.document
      const fence = fences.get(document)
      const made = fence === undefined ? undefined : await prepared.chunksIn(chunking, splitterOf(chunking))
      if (!made) continue
      byDocument.set(document, made)
      for (const chunk of made) upsert.push({ ...chunk, document, chunking, fence: fence! })
    }
    await session.chunks.apply(scope, chunking, { upsert, move: [], remove: [] })
  }
}

function rowOf({ now }: WriteContext, { document, contentHash, payloadHash }: PreparedDocument): NewDocument {
  const { id, title, text, metadata, leaves, source, contentType, status, blob } = document
  const content = { id, title, text, metadata, leaves, source, contentType, status, blob }
  return { ...content, contentHash, payloadHash, createdAt: now, updatedAt: now }
}

/** What two writes of one transaction came to, in the order of `documents`. */
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

function sentOf({ id, text, heading, tableHeader, inputHash, metadata }: PreparedChunk, fence: number): StateChunk {
  return { id, text, heading, tableHeader, inputHash, metadata, fence }
}
