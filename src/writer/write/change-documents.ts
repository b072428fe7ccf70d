import type { ChunkHead } from '../../repositories/chunks'
import type { DocumentChange, DocumentHead, DocumentRow, Erasure } from '../../repositories/documents'
import type { Change } from '../relay/projection'
import type { PreparedDocument } from './prepared-document'
import {
  byPlace,
  changeOf,
  contentOf,
  type Difference,
  type DocumentOutcome,
  differenceOf,
  jobTargets,
  outcomeOf,
  type WriteContext,
  type Written,
  withContent,
} from './write-documents'

// Writes of documents that are there in one statement: nothing is locked before, so what was read must still hold. One
// for which it does not is left alone and not among the outcomes: it has to be locked first.

/** A new content, and what was read of the document a moment ago. */
export interface OverHead {
  readonly prepared: PreparedDocument
  readonly head: DocumentHead
  readonly chunks: readonly ChunkHead[]
}

/** Puts documents over what was read of them. Undefined where one cannot be cut here. */
export async function changeDocuments(
  context: WriteContext,
  documents: readonly OverHead[],
  chunkings: readonly string[],
): Promise<Written | undefined> {
  const { session, scope, call } = context
  const changes: DocumentChange[] = []
  const differences = new Map<string, ReadonlyMap<string, Difference>>()
  for (const one of documents) {
    const difference = await differencesOf(context, one, chunkings)
    if (!difference) return undefined
    differences.set(one.head.id, difference)
    changes.push(changeTo(context, one, difference))
  }
  const prepared = documents.map((one) => one.prepared)
  const { fences, claimed } = await session.documents.change(
    scope,
    changes,
    await withContent(context, prepared, chunkings),
    call,
  )
  const states = new Map(chunkings.map((chunking) => [chunking, new Map<string, Change>()]))
  const outcomes: DocumentOutcome[] = []
  for (const [at, { document, version, since, samePayload }] of changes.entries()) {
    const fence = fences.get(document.id)
    if (fence === undefined) continue
    const payloadFence = samePayload ? documents[at]!.head.payloadFence : fence
    const row: DocumentRow = { ...document, version, fence, payloadFence }
    for (const [chunking, difference] of differences.get(document.id)!) {
      states.get(chunking)!.set(document.id, changeOf(scope, difference, row, since, samePayload))
    }
    outcomes.push(await outcomeOf(prepared[at]!, version, fence))
  }
  return { outcomes, claimed, states }
}

/** By chunking. */
async function differencesOf(
  { splitterOf }: WriteContext,
  { prepared, head, chunks }: OverHead,
  chunkings: readonly string[],
): Promise<Map<string, Difference> | undefined> {
  const before = byPlace(head.deleted ? [] : chunks)
  const differences = new Map<string, Difference>()
  for (const chunking of chunkings) {
    const cutting = prepared.chunksIn(chunking, splitterOf(chunking))
    const made = cutting instanceof Promise ? await cutting : cutting
    if (!made) return undefined
    differences.set(chunking, differenceOf(made, before.get(`${chunking}/${head.id}`) ?? new Map()))
  }
  return differences
}

function changeTo(
  { now }: WriteContext,
  { prepared, head }: OverHead,
  differences: ReadonlyMap<string, Difference>,
): DocumentChange {
  const ofAll = <T>(of: (difference: Difference, chunking: string) => readonly T[]): T[] =>
    [...differences].flatMap(([chunking, difference]) => of(difference, chunking))
  return {
    document: contentOf(prepared, head.deleted ? now : head.createdAt, now),
    version: head.version + 1,
    since: head.fence,
    before: head.contentHash,
    samePayload: !head.deleted && head.payloadHash === prepared.payloadHash,
    upsert: ofAll(({ fresh }, chunking) => fresh.map((chunk) => ({ ...chunk, chunking }))),
    move: ofAll(({ moved }) => moved),
    remove: ofAll(({ gone }) => gone),
  }
}

/** Buries documents, whatever they are. */
export async function eraseDocuments(context: WriteContext, documents: readonly Erasure[]): Promise<Written> {
  const { session, scope, now, claim, marker, call } = context
  const going = { targets: jobTargets(context), claim, marker, at: now }
  const { documents: erased, claimed } = await session.documents.erase(scope, documents, going, call)
  const states = new Map<string, Map<string, Change>>()
  const outcomes: DocumentOutcome[] = []
  for (const { id, ifVersion } of documents) {
    const { head, tombstone, chunks } = erased.get(id) ?? {}
    const version = head && !head.deleted ? head.version : 0
    if (ifVersion !== undefined && ifVersion !== version) continue
    if (!head || head.deleted) {
      outcomes.push({ id, version: head?.version ?? 0, fence: head?.fence ?? 0, unchanged: true })
    }
    if (!head || !tombstone) continue
    outcomes.push({ ...tombstone, unchanged: false })
    const { fence } = tombstone
    for (const chunking of new Set(chunks!.map((chunk) => chunk.chunking))) {
      const removed = chunks!.filter((chunk) => chunk.chunking === chunking).map((chunk) => ({ id: chunk.id, fence }))
      const state = { ...scope, document: id, fence, payload: null, chunks: [], removed }
      const ofChunking = states.get(chunking) ?? new Map<string, Change>()
      states.set(chunking, ofChunking.set(id, { since: head.fence, state }))
    }
  }
  return { outcomes, claimed, states }
}
