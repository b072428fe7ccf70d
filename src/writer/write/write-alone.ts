import type { ChunkHead } from '../../repositories/chunks'
import type { DocumentHead, DocumentRow } from '../../repositories/documents'
import type { Change } from '../relay/projection'
import type { PreparedDocument } from './prepared-document'
import {
  byPlace,
  changeOf,
  contentOf,
  type Difference,
  differenceOf,
  jobTargets,
  outcomeOf,
  type WriteContext,
  withContent,
} from './write-documents'
import type { Alone } from './write-path'

// Writes of one document in one statement: nothing is locked before, so what was read must still hold. Where it does
// not, undefined comes back and nothing is written: then the document is locked first.

/** Puts a document over what was read of it a moment ago. */
export async function changeDocument(
  context: WriteContext,
  prepared: PreparedDocument,
  head: DocumentHead,
  chunks: readonly ChunkHead[],
  chunkings: readonly string[],
): Promise<Alone | undefined> {
  const { session, scope, ifVersion, now, splitterOf } = context
  const { document } = prepared
  if (document.blob !== null || head.blobKey !== null) return undefined
  if (ifVersion !== undefined && ifVersion !== (head.deleted ? 0 : head.version)) return undefined
  const before = byPlace(head.deleted ? [] : chunks)
  const differences = new Map<string, Difference>()
  for (const chunking of chunkings) {
    const made = await prepared.chunksIn(chunking, splitterOf(chunking))
    if (!made) return undefined
    differences.set(chunking, differenceOf(made, before.get(`${chunking}/${document.id}`) ?? new Map()))
  }
  const ofAll = <T>(of: (difference: Difference, chunking: string) => readonly T[]): T[] =>
    [...differences].flatMap(([chunking, difference]) => of(difference, chunking))
  const content = contentOf(prepared, head.deleted ? now : head.createdAt, now)
  const samePayload = !head.deleted && head.payloadHash === prepared.payloadHash
  const version = head.version + 1
  const since = head.fence
  const changed = await session.documents.change(
    scope,
    {
      document: content,
      version,
      since,
      before: head.contentHash,
      samePayload,
      upsert: ofAll(({ fresh }, chunking) => fresh.map((chunk) => ({ ...chunk, chunking }))),
      move: ofAll(({ moved }) => moved),
      remove: ofAll(({ gone }) => gone),
    },
    await withContent(context, [prepared], chunkings),
    context.call,
  )
  if (!changed) return undefined
  const { fence, claimed } = changed
  const row: DocumentRow = { ...content, version, fence, payloadFence: samePayload ? head.payloadFence : fence }
  const states = new Map<string, Map<string, Change>>()
  for (const [chunking, difference] of differences) {
    states.set(chunking, new Map([[document.id, changeOf(scope, difference, row, since, samePayload)]]))
  }
  return { written: { outcomes: [await outcomeOf(prepared, version, fence)], claimed, states } }
}

/** Buries a document, whatever it is. */
export async function eraseDocument(context: WriteContext, id: string): Promise<Alone | undefined> {
  const { session, scope, ifVersion, now, claim, marker } = context
  const going = { targets: jobTargets(context), claim, marker, at: now, ifVersion }
  const { head, tombstone, chunks, claimed } = await session.documents.erase(scope, id, going, context.call)
  const states = new Map<string, Map<string, Change>>()
  const version = head && !head.deleted ? head.version : 0
  if (ifVersion !== undefined && ifVersion !== version) return undefined
  if (!head || head.deleted) {
    const outcome = { id, version: head?.version ?? 0, fence: head?.fence ?? 0, unchanged: true }
    return { written: { outcomes: [outcome], claimed: [], states } }
  }
  if (!tombstone) return undefined
  const { fence } = tombstone
  for (const chunking of new Set(chunks.map((chunk) => chunk.chunking))) {
    const removed = chunks.filter((chunk) => chunk.chunking === chunking).map((chunk) => ({ id: chunk.id, fence }))
    const state = { ...scope, document: id, fence, payload: null, chunks: [], removed }
    states.set(chunking, new Map([[id, { since: head.fence, state }]]))
  }
  return { written: { outcomes: [{ ...tombstone, unchanged: false }], claimed, states } }
}
