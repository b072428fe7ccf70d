import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { Scope, TenantId } from '../../core/ids'
import type { BlobRepository } from '../../repositories/blobs'
import type { ChunkHead, ChunkRow, DocumentState, StateChunk } from '../../repositories/chunks'
import type { DocumentHead, DocumentRow, NewDocument, SpaceVectors, WithContent } from '../../repositories/documents'
import type { EntityTable } from '../../repositories/entity-table'
import type { ClaimedJob, JobTarget, NewJob } from '../../repositories/jobs'
import type { TruthSession } from '../../repositories/truth'
import type { Splitter } from '../../splitter/splitter'
import type { Change } from '../relay/projection'
import { dropAttached } from './attached-rows'
import { holdBlobs } from './document-blobs'
import { isUnchanged, type PreparedChunk, type PreparedDocument } from './prepared-document'

type Tombstone = DocumentState['removed'][number]

/** What became of one document in a write. */
export interface DocumentOutcome {
  readonly id: string
  readonly version: number
  readonly fence: number
  readonly unchanged: boolean
  /** Of its chunks, how many the embedder reads the beginning of alone; absent where it reads all. */
  readonly truncated?: number | undefined
}

export interface Claim {
  readonly token: string
  readonly leaseMs: number
}

/** What a write transaction leaves: outcomes in the order asked, and jobs claimed at once with what they need. */
export interface Written {
  readonly outcomes: readonly DocumentOutcome[]
  readonly claimed: readonly ClaimedJob[]
  /** By chunking and document id: the state to project, as of the `since` of this write. */
  readonly states: ReadonlyMap<string, ReadonlyMap<string, Change>>
}

export interface WriteContext {
  readonly session: TruthSession
  /** Where the blobs are that documents own. */
  readonly blobs: BlobRepository | undefined
  /** For what the transaction asks of other stores. */
  readonly call: CallOptions
  readonly scope: Scope
  /** What documents are cut for where no generation says it yet. */
  readonly chunking: string
  /** Undefined for a chunking that this process cannot cut for. */
  splitterOf(chunking: string): Splitter | undefined
  /** Epoch ms. */
  readonly now: number
  /** Claims the jobs for this process, which is about to apply them. */
  readonly claim?: Claim | undefined
  /** The one document must have this version; 0: must not exist. */
  readonly ifVersion?: number | undefined
  /** And this fence: versions begin again when a tombstone is gone, or Postgres is set back. */
  readonly ifFence?: number | undefined
  /** Something may have been cached that was made of documents. */
  readonly cached: boolean
  /** Entities whose rows go with documents. */
  readonly attached?: readonly EntityTable[] | undefined
  /** Key by which it is found out whether a write of one statement has committed. */
  readonly marker?: string | undefined
}

/**
 * Puts documents inside a transaction: rows, chunks changed only where their hash changed, jobs, and the vectors that were
 * made for them; the relay makes what is missing.
 * Each chunking that a generation uses is cut. Where this process does not know how, the document is left without chunks
 * in it, never with those of before: who applies its job cuts it.
 */
export async function writeDocuments(context: WriteContext, documents: readonly PreparedDocument[]): Promise<Written> {
  const { session, scope } = context
  const taken = await session.documents.take(
    scope,
    documents.map((prepared) => prepared.document.id),
  )
  const heads = new Map(taken.heads.map((head) => [head.id, head]))
  const chunkings = taken.chunkings.length === 0 ? [context.chunking] : taken.chunkings
  const cut = await cutMeanwhile(context, heads, chunkings)
  const changed = documents.filter((prepared) => {
    const head = heads.get(prepared.document.id)!
    checkVersion(context, head)
    if (context.ifFence !== undefined && context.ifFence !== head.fence) throw movedOn(head)
    return !isUnchanged({ ...head, cut: head.cut || cut.has(head.id) }, prepared)
  })
  const outcomes = new Map<string, DocumentOutcome>()
  for (const { id, version, fence } of heads.values()) outcomes.set(id, { id, version, fence, unchanged: true })
  if (changed.length === 0) return written(documents, outcomes)

  // What a document owned before is held by its row.
  const blobs = changed.flatMap(({ document: { id, blob } }) =>
    blob && heads.get(id)!.blobKey !== blob.hash ? [blob] : [],
  )
  await holdBlobs(session, context.blobs, scope.tenant, blobs, context.call)

  const known = changed.filter((prepared) => !heads.get(prepared.document.id)!.deleted)
  const before = byPlace(
    known.length === 0
      ? []
      : await session.chunks.heads(
          scope,
          known.map((prepared) => prepared.document.id),
          chunkings,
        ),
  )
  const rows: DocumentRow[] = []
  const cuts = new Map(chunkings.map((chunking) => [chunking, new Cut(scope, chunking)]))
  const jobs: NewJob[] = []

  for (const [at, prepared] of changed.entries()) {
    const { document } = prepared
    const head = heads.get(document.id)!
    const fence = taken.fences[at]!
    const samePayload = !head.deleted && head.payloadHash === prepared.payloadHash
    const content = contentOf(prepared, head.deleted ? context.now : head.createdAt, context.now)
    const row = { ...content, version: head.version + 1, fence, payloadFence: samePayload ? head.payloadFence : fence }
    rows.push(row)
    for (const [chunking, cut] of cuts) {
      const old = before.get(`${chunking}/${document.id}`) ?? new Map<string, ChunkHead>()
      const chunks = await prepared.chunksIn(chunking, context.splitterOf(chunking))
      cut.add(chunks, row, head.fence, samePayload, old)
    }
    jobs.push(...jobsOf(context, document.id, fence, head.fence))
    outcomes.set(document.id, await outcomeOf(prepared, row.version, fence))
  }

  const [, claimed] = await Promise.all([
    Promise.all([
      session.documents.save(scope, rows),
      ...Array.from(cuts, ([chunking, { changes }]) => session.chunks.apply(scope, chunking, changes)),
      storeVectors(session, scope.tenant, changed),
    ]),
    session.jobs.enqueue(jobs, { claim: context.claim }),
  ])
  return written(documents, outcomes, claimed, new Map([...cuts].map(([chunking, { states }]) => [chunking, states])))
}

/** What a write changes in one chunking. */
class Cut {
  readonly changes = { upsert: [] as ChunkRow[], move: [] as ChunkHead[], remove: [] as Tombstone[] }
  readonly states = new Map<string, Change>()
  readonly #scope: Scope
  readonly #chunking: string

  constructor(scope: Scope, chunking: string) {
    this.#scope = scope
    this.#chunking = chunking
  }

  /** `chunks` are undefined where nobody here can cut; `old` are those before, at the fence `since`. */
  add(
    chunks: readonly PreparedChunk[] | undefined,
    row: DocumentRow,
    since: number,
    samePayload: boolean,
    old: ReadonlyMap<string, ChunkHead>,
  ): void {
    const { fence, id: document } = row
    const difference = differenceOf(chunks ?? [], old)
    for (const chunk of difference.fresh) {
      this.changes.upsert.push({ ...chunk, document, chunking: this.#chunking, fence })
    }
    this.changes.move.push(...difference.moved)
    this.changes.remove.push(...difference.gone.map(({ id }) => ({ id, fence })))
    if (chunks) this.states.set(document, changeOf(this.#scope, difference, row, since, samePayload))
  }
}

/** Chunks of a document against those before. */
export interface Difference {
  readonly fresh: readonly PreparedChunk[]
  /** Their input is as it was. */
  readonly kept: readonly PreparedChunk[]
  /** Of those, the ones that stand elsewhere now. */
  readonly moved: readonly ChunkHead[]
  readonly gone: readonly ChunkHead[]
}

export function differenceOf(chunks: readonly PreparedChunk[], old: ReadonlyMap<string, ChunkHead>): Difference {
  const fresh: PreparedChunk[] = []
  const kept: PreparedChunk[] = []
  const moved: ChunkHead[] = []
  const gone = new Map(old)
  for (const chunk of chunks) {
    const was = old.get(chunk.id)
    gone.delete(chunk.id)
    if (!was || was.inputHash !== chunk.inputHash) {
      fresh.push(chunk)
      continue
    }
    kept.push(chunk)
    const { ordinal, start, end } = chunk
    if (was.ordinal !== ordinal || was.start !== start || was.end !== end) moved.push({ ...was, ordinal, start, end })
  }
  return { fresh, kept, moved, gone: [...gone.values()] }
}

/** What indexes are to be told: a chunk that did not change keeps its own fence, which is at most `since`. */
export function changeOf(
  scope: Scope,
  { fresh, kept, gone }: Difference,
  row: DocumentRow,
  since: number,
  samePayload: boolean,
): Change {
  const { id: document, fence } = row
  const sent = fresh.map((chunk) => sentChunk(chunk, fence))
  if (!samePayload) sent.push(...kept.map((chunk) => sentChunk(chunk, since)))
  const removed = gone.map(({ id }) => ({ id, fence }))
  return { since, state: { ...scope, document, fence, payload: row, chunks: sent, removed } }
}

export function sentChunk(
  { id, text, heading, tableHeader, inputHash, metadata }: PreparedChunk,
  fence: number,
): StateChunk {
  return { id, text, heading, tableHeader, inputHash, metadata, fence }
}

/** The row of a document but for what the truth gives it. */
export function contentOf(
  { document, contentHash, payloadHash }: PreparedDocument,
  createdAt: number,
  updatedAt: number,
): NewDocument {
  const { id, title, text, metadata, leaves, source, contentType, status, blob } = document
  const content = { id, title, text, metadata, leaves, source, contentType, status, blob }
  return { ...content, contentHash, payloadHash, createdAt, updatedAt }
}

export async function outcomeOf(prepared: PreparedDocument, version: number, fence: number): Promise<DocumentOutcome> {
  const truncated = await prepared.truncated()
  const { id } = prepared.document
  return { id, version, fence, unchanged: false, ...(truncated > 0 && { truncated }) }
}

/** What goes with a write of these documents in its one statement: vectors of one space, so those of others are stored before. */
export async function withContent(
  context: WriteContext,
  documents: readonly PreparedDocument[],
  chunkings: readonly string[],
): Promise<WithContent> {
  const { session, scope, claim, marker, call } = context
  const [vectors, ...others] = unstoredOf(documents)
  for (const other of others) await storeSpace(session, scope.tenant, other, call)
  return { targets: jobTargets(context), claim, marker, chunkings, vectors }
}

/** Stores what was made for these documents and is not stored yet. */
export async function storeVectors(
  session: Pick<TruthSession, 'embeddings'>,
  tenant: TenantId,
  documents: readonly PreparedDocument[],
  call?: CallOptions,
): Promise<void> {
  for (const space of unstoredOf(documents)) await storeSpace(session, tenant, space, call)
}

async function storeSpace(
  { embeddings }: Pick<TruthSession, 'embeddings'>,
  tenant: TenantId,
  { fingerprint, byHash }: SpaceVectors,
  call?: CallOptions,
): Promise<void> {
  const entries = [...byHash].map(([inputHash, vector]) => ({ inputHash, vector }))
  await embeddings.setMany(tenant, fingerprint, entries, call)
}

/** By space: documents that were prepared on both sides of a switch to another model have vectors of two. */
function unstoredOf(documents: readonly PreparedDocument[]): SpaceVectors[] {
  const spaces = new Map<string, Map<string, Float32Array>>()
  for (const { unstored } of documents) {
    if (unstored.byHash.size === 0) continue
    const space = spaces.get(unstored.fingerprint) ?? new Map<string, Float32Array>()
    spaces.set(unstored.fingerprint, space)
    for (const [hash, vector] of unstored.byHash) space.set(hash, vector)
  }
  return [...spaces].map(([fingerprint, byHash]) => ({ fingerprint, byHash }))
}

/** Buries documents inside a transaction. Those that are gone already count as unchanged. */
export async function buryDocuments(context: WriteContext, ids: readonly string[]): Promise<Written> {
  const { session, scope } = context
  const found = await session.documents.lock(scope, ids, { create: false })
  const heads = new Map(found.map((head) => [head.id, head]))
  const outcomes = new Map<string, DocumentOutcome>()
  const live: DocumentHead[] = []
  for (const id of ids) {
    const head = heads.get(id)
    checkVersion(context, head ?? { id, version: 0, deleted: true })
    outcomes.set(id, { id, version: head?.version ?? 0, fence: head?.fence ?? 0, unchanged: true })
    if (head && !head.deleted) live.push(head)
  }
  const asked = ids.map((id) => ({ document: { id } }))
  if (live.length === 0) return written(asked, outcomes)
  const fences = await session.documents.fences(live.length)
  const tombs = live.map((head, at) => ({
    id: head.id,
    version: head.version + 1,
    fence: fences[at]!,
    at: context.now,
  }))
  const { attached = [], now, call } = context
  if (attached.length > 0) {
    const ids = live.map(({ id }) => id)
    await dropAttached(session, scope, attached, ids, now, call)
  }
  const [, , claimed] = await Promise.all([
    session.documents.bury(scope, tombs),
    session.chunks.buryDocuments(
      scope,
      tombs.map(({ id, fence }) => ({ document: id, fence })),
    ),
    session.jobs.enqueue(
      live.flatMap((head, at) => jobsOf(context, head.id, fences[at]!, head.fence)),
      { claim: context.claim },
    ),
  ])
  for (const { id, version, fence } of tombs) outcomes.set(id, { id, version, fence, unchanged: false })
  return written(asked, outcomes, claimed)
}

/** Of those that had no chunks when their locks were asked for, which have some now: another write was in between. */
async function cutMeanwhile(
  { session, scope, chunking }: WriteContext,
  heads: ReadonlyMap<string, DocumentHead>,
  chunkings: readonly string[],
): Promise<Set<string>> {
  const bare = [...heads.values()].filter((head) => !head.deleted && !head.cut).map(({ id }) => id)
  if (bare.length === 0) return new Set()
  const found = await session.chunks.heads(scope, bare, [chunking, ...chunkings])
  return new Set(found.map(({ document }) => document))
}

function checkVersion(context: WriteContext, head: Pick<DocumentHead, 'id' | 'version' | 'deleted'>): void {
  if (context.ifVersion === undefined) return
  const actual = head.deleted ? 0 : head.version
  if (actual === context.ifVersion) return
  throw new HeadwaterError(
    'HW_VERSION_CONFLICT',
    `ifVersion: ${JSON.stringify(head.id)} is at version ${actual}, not ${context.ifVersion}`,
    { path: 'ifVersion', details: { id: head.id, actual, expected: context.ifVersion } },
  )
}

/** What was read of a document is not what stands there, though its version may be the same. */
function movedOn({ id, version }: Pick<DocumentHead, 'id' | 'version'>): HeadwaterError {
  return new HeadwaterError('HW_VERSION_CONFLICT', `${JSON.stringify(id)} was written by others meanwhile`, {
    path: 'ifVersion',
    details: { id, actual: version, moved: true },
  })
}

function jobsOf(context: WriteContext, document: string, fence: number, since: number): NewJob[] {
  return jobTargets(context).map((target) => ({ target, ...context.scope, document, fence, since }))
}

export function jobTargets({ cached }: WriteContext): readonly JobTarget[] {
  return cached ? ['text', 'vector', 'cache'] : ['text', 'vector']
}

/** By chunking and document. */
export function byPlace(heads: readonly ChunkHead[]): Map<string, Map<string, ChunkHead>> {
  const grouped = new Map<string, Map<string, ChunkHead>>()
  for (const head of heads) {
    const place = `${head.chunking}/${head.document}`
    const chunks = grouped.get(place)
    if (chunks) chunks.set(head.id, head)
    else grouped.set(place, new Map([[head.id, head]]))
  }
  return grouped
}

function written(
  asked: readonly { readonly document: { readonly id: string } }[],
  outcomes: ReadonlyMap<string, DocumentOutcome>,
  claimed: readonly ClaimedJob[] = [],
  states: Written['states'] = new Map(),
): Written {
  return { outcomes: asked.map(({ document }) => outcomes.get(document.id)!), claimed, states }
}
