import { HeadwaterError } from '../../core/errors'
import type { Scope } from '../../core/ids'
import type { Json } from '../../core/json'
import type { ChunkRow } from '../chunks'
import type {
  Changed,
  DocumentChange,
  Erased,
  ErasedDocument,
  EraseOptions,
  Erasure,
  Inserted,
  InsertOptions,
  NewDocument,
  WithContent,
  WithWrite,
  WrittenRow,
} from '../documents'
import type { ClaimedJob } from '../jobs'
import type { Engine } from './access'
import { copyJson, copyLeaves } from './copy'
import { usedChunkings } from './generations'
import { enqueueIn } from './jobs'
import { chunkKey, documentKey, embeddingKey } from './keys'
import type { Changes } from './tables'
import { buryChunk, buryDocument } from './tombstones'

// Writes that are one statement each: rows, chunks, jobs and all that goes with them.

export function insertIn(
  engine: Engine,
  changes: Changes,
  scope: Scope,
  documents: readonly NewDocument[],
  options: InsertOptions,
): Inserted {
  keepVectors(engine, changes, scope, options)
  const otherChunkings = othersUsed(changes, scope, options)
  if (otherChunkings) return { fences: new Map(), claimed: [], otherChunkings }
  const fences = new Map<string, number>()
  const fence = nextFence(engine)
  for (const row of documents) {
    const key = documentKey(scope, row.id)
    if (changes.documents.get(key)) continue
    fences.set(row.id, fence)
    changes.documents.put(key, { ...contentOf(row), ...scope, version: 1, fence, payloadFence: fence, buriedAt: null })
  }
  for (const row of options.chunks) {
    const fence = fences.get(row.document)
    if (fence !== undefined) putChunk(changes, scope, { ...row, fence })
  }
  const written = [...fences].map(([id, fence]) => ({ id, version: 1, fence, since: 0 }))
  return { fences, claimed: leave(engine, changes, scope, written, options) }
}

export function changeIn(
  engine: Engine,
  changes: Changes,
  scope: Scope,
  documents: readonly DocumentChange[],
  options: WithContent,
): Changed {
  keepVectors(engine, changes, scope, options)
  const fence = nextFence(engine)
  if (othersUsed(changes, scope, options)) return { fences: new Map(), claimed: [] }
  const written: Leaving[] = []
  for (const { document, version, since, before, samePayload, upsert, move, remove } of documents) {
    const { id } = document
    const key = documentKey(scope, id)
    const held = changes.documents.get(key)
    if (held?.fence !== since && engine.withoutGuard !== 'change-fence') continue
    if (held?.contentHash !== before) continue
    const payloadFence = samePayload ? held.payloadFence : fence
    changes.documents.put(key, { ...contentOf(document), ...scope, version, fence, payloadFence, buriedAt: null })
    for (const row of upsert) putChunk(changes, scope, { ...row, document: id, fence })
    for (const { chunking, id: chunkId, ordinal, start, end } of move) {
      const at = chunkKey(scope, chunking, chunkId)
      const chunk = changes.chunks.get(at)
      if (chunk?.buriedAt === null) changes.chunks.put(at, { ...chunk, ordinal, start, end })
    }
    for (const { chunking, id: chunkId } of remove) {
      const at = chunkKey(scope, chunking, chunkId)
      const chunk = changes.chunks.get(at)
      if (chunk?.buriedAt === null) buryChunk(engine, changes, at, chunk, fence)
    }
    written.push({ id, version, fence, since })
  }
  const fences = new Map(written.map(({ id }) => [id, fence]))
  return { fences, claimed: leave(engine, changes, scope, written, options) }
}

export function eraseIn(
  engine: Engine,
  changes: Changes,
  scope: Scope,
  documents: readonly Erasure[],
  options: EraseOptions,
): Erased {
  const fence = nextFence(engine)
  const erased = new Map<string, ErasedDocument>()
  const written: Leaving[] = []
  for (const { id, ifVersion } of documents) {
    const key = documentKey(scope, id)
    const held = changes.documents.get(key)
    if (!held) continue
    const deleted = held.buriedAt !== null
    const head = { id, version: held.version, fence: held.fence, deleted }
    if (deleted || (ifVersion !== undefined && ifVersion !== held.version)) {
      erased.set(id, { head, tombstone: null, chunks: [] })
      continue
    }
    const tombstone = { id, version: held.version + 1, fence }
    buryDocument(changes, key, held, { ...tombstone, at: options.at })
    const chunks = changes.chunks.group(key).filter((chunk) => chunk.buriedAt === null)
    for (const chunk of chunks) buryChunk(engine, changes, chunkKey(scope, chunk.chunking, chunk.id), chunk, fence)
    erased.set(id, { head, tombstone, chunks: chunks.map((chunk) => ({ chunking: chunk.chunking, id: chunk.id })) })
    written.push({ ...tombstone, since: held.fence })
  }
  return { documents: erased, claimed: leave(engine, changes, scope, written, options) }
}

/** A row that was written, and where it was before. */
interface Leaving extends WrittenRow {
  readonly since: number
}

/** Jobs or a claim, and the marker. */
function leave(
  engine: Engine,
  changes: Changes,
  scope: Scope,
  written: readonly Leaving[],
  { targets, claim, marker }: WithWrite,
): ClaimedJob[] {
  if (marker !== undefined && written.length > 0) {
    const key = `${scope.tenant}/${marker}`
    if (changes.commits.get(key)) throw new HeadwaterError('HW_CONFLICT', `The key ${marker} is taken`)
    const receipt = written.map(({ id, version, fence }): Json => ({ id, version, fence }))
    const commit = { tenant: scope.tenant, requestHash: '', receipt, refuted: false, createdAt: engine.clock.now() }
    changes.commits.put(key, commit)
  }
  const jobs = written.flatMap(({ id, fence, since }) =>
    targets.map((target) => ({ target, ...scope, document: id, fence, since })),
  )
  return enqueueIn(engine, changes, jobs, { claim })
}

function othersUsed(changes: Changes, { collection }: Scope, { chunkings }: WithContent): string[] | undefined {
  const used = usedChunkings(changes, collection)
  const asked = new Set(chunkings)
  const same = used.length === asked.size && used.every((chunking) => asked.has(chunking))
  return used.length === 0 || same ? undefined : used
}

function keepVectors({ clock }: Engine, changes: Changes, { tenant }: Scope, { vectors }: WithContent): void {
  const storedAt = clock.now()
  for (const [inputHash, vector] of vectors?.byHash ?? []) {
    const key = embeddingKey(tenant, vectors!.fingerprint, inputHash)
    if (!changes.embeddings.get(key))
      changes.embeddings.put(key, { tenant, inputHash, vector: vector.slice(), storedAt })
  }
}

function putChunk(changes: Changes, scope: Scope, row: ChunkRow): void {
  const key = chunkKey(scope, row.chunking, row.id)
  changes.chunks.put(key, { ...row, ...scope, metadata: copyJson(row.metadata), buriedAt: null })
}

function contentOf<T extends NewDocument>(row: T): T {
  return { ...row, metadata: copyJson(row.metadata), leaves: copyLeaves(row.leaves) }
}

export function nextFence({ tables }: Engine): number {
  return tables.epoch * 2 ** 40 + ++tables.sequences.fence
}
