import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { type CollectionName, compareBytes, type Scope, type TenantId } from '../../core/ids'
import { documentLeaves } from '../../filter/entry-leaves'
import type { ParsedFilter } from '../../filter/parsed'
import { matches } from '../../filter/predicate'
import type { ChunkHead } from '../chunks'
import type {
  Changed,
  DocumentChange,
  DocumentHead,
  DocumentQuery,
  DocumentRepository,
  DocumentRow,
  Erased,
  EraseOptions,
  Erasure,
  Inserted,
  InsertOptions,
  KnownContent,
  NewDocument,
  Stamps,
  UncutDocument,
  WantedContent,
  WithContent,
} from '../documents'
import type { TruthView } from '../truth'
import { type Access, checkSight, sees } from './access'
import { copyJson, copyLeaves } from './copy'
import { changeIn, eraseIn, insertIn, nextFence } from './document-writes'
import { vectorsIn } from './embeddings'
import { usedChunkings } from './generations'
import { documentKey } from './keys'
import type { Changes, StoredChunk, StoredDocument } from './tables'
import { buryDocument, purgeTombstones } from './tombstones'

export class MemoryDocuments implements DocumentRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  get(scope: Scope, id: string, call?: CallOptions): Promise<DocumentRow | null> {
    return this.#read('documents.get', scope, call, (changes) => {
      const row = live(changes, scope, id)
      return row ? rowOf(row) : null
    })
  }

  getMany(scope: Scope, ids: readonly string[], call?: CallOptions): Promise<DocumentRow[]> {
    return this.#read('documents.getMany', scope, call, (changes) =>
      [...new Set(ids)].flatMap((id) => {
        const row = live(changes, scope, id)
        return row ? [rowOf(row)] : []
      }),
    )
  }

  list(scope: Scope, query: DocumentQuery, call?: CallOptions): Promise<DocumentRow[]> {
    const { filter, after, limit } = query
    return this.#read('documents.list', scope, call, (changes) =>
      changes.documents
        .group(groupOf(scope))
        .filter((row) => isMatch(row, filter) && (after === undefined || compareBytes(row.id, after) > 0))
        .sort((a, b) => compareBytes(a.id, b.id))
        .slice(0, limit)
        .map(rowOf),
    )
  }

  count(scope: Scope, filter?: ParsedFilter, call?: CallOptions): Promise<number> {
    return this.#read(
      'documents.count',
      scope,
      call,
      (changes) => changes.documents.group(groupOf(scope)).filter((row) => isMatch(row, filter)).length,
    )
  }

  heads(scope: Scope, ids: readonly string[], call?: CallOptions): Promise<DocumentHead[]> {
    return this.#read('documents.heads', scope, call, (changes) => heads(changes, scope, ids))
  }

  known(scope: Scope, ids: readonly string[], wanted: WantedContent, call?: CallOptions): Promise<KnownContent> {
    return this.#read('documents.known', scope, call, (changes) => ({
      heads: heads(changes, scope, ids),
      chunks: chunkHeads(changes, scope, ids, wanted.chunkings),
      vectors: vectorsIn(changes, scope.tenant, wanted.fingerprint, wanted.inputHashes),
    }))
  }

  /** The mutex has locked everything already; what is noted here is what may be written. */
  lock(scope: Scope, ids: readonly string[], options: { create: boolean }): Promise<DocumentHead[]> {
    return this.#write('documents.lock', scope, (changes) => {
      const found = heads(changes, scope, ids)
      const there = new Set(found.map(({ id }) => id))
      for (const id of new Set(ids)) {
        if (!there.has(id) && !options.create) continue
        changes.locked.add(documentKey(scope, id))
        if (!there.has(id)) found.push(unborn(id, this.#access.engine.clock.now()))
      }
      return found
    })
  }

  insert(
    scope: Scope,
    documents: readonly NewDocument[],
    options: InsertOptions,
    call?: CallOptions,
  ): Promise<Inserted> {
    return this.#write(
      'documents.insert',
      scope,
      (changes) => insertIn(this.#access.engine, changes, scope, documents, options),
      call,
    )
  }

  change(
    scope: Scope,
    documents: readonly DocumentChange[],
    options: WithContent,
    call?: CallOptions,
  ): Promise<Changed> {
    return this.#write(
      'documents.change',
      scope,
      (changes) => changeIn(this.#access.engine, changes, scope, documents, options),
      call,
    )
  }

  erase(scope: Scope, documents: readonly Erasure[], options: EraseOptions, call?: CallOptions): Promise<Erased> {
    return this.#write(
      'documents.erase',
      scope,
      (changes) => eraseIn(this.#access.engine, changes, scope, documents, options),
      call,
    )
  }

  fences(count: number): Promise<number[]> {
    return this.#access.write('documents.fences', undefined, () => {
      return Array.from({ length: count }, () => nextFence(this.#access.engine))
    })
  }

  async take(scope: Scope, ids: readonly string[]): Promise<{ heads: DocumentHead[] } & Stamps> {
    const heads = await this.lock(scope, ids, { create: true })
    return { heads, ...(await this.stamps(scope.collection, heads.length)) }
  }

  stamps(collection: CollectionName, count: number): Promise<Stamps> {
    return this.#access.write('documents.stamps', undefined, (changes) => {
      const fences = Array.from({ length: count }, () => nextFence(this.#access.engine))
      return { fences, chunkings: usedChunkings(changes, collection) }
    })
  }

  save(scope: Scope, rows: readonly DocumentRow[]): Promise<void> {
    return this.#write('documents.save', scope, (changes) => {
      for (const row of rows) {
        const key = locked(changes, scope, row.id)
        const copy = { ...row, metadata: copyJson(row.metadata), leaves: copyLeaves(row.leaves) }
        changes.documents.put(key, { ...copy, ...scope, buriedAt: null })
      }
    })
  }

  bury(
    scope: Scope,
    tombs: readonly { readonly id: string; readonly version: number; readonly fence: number; readonly at: number }[],
  ): Promise<void> {
    return this.#write('documents.bury', scope, (changes) => {
      for (const { id, version, fence, at } of tombs) {
        const key = locked(changes, scope, id)
        const held = changes.documents.get(key)
        if (!held) continue
        buryDocument(changes, key, held, { version, fence, at })
      }
    })
  }

  restamp(scope: Scope, stamps: readonly { readonly id: string; readonly fence: number }[]): Promise<void> {
    return this.#write('documents.restamp', scope, (changes) => {
      for (const { id, fence } of stamps) {
        const key = locked(changes, scope, id)
        const held = changes.documents.get(key)
        if (held && held.buriedAt === null) changes.documents.put(key, { ...held, fence, payloadFence: fence })
      }
    })
  }

  advance(scope: Scope, stamps: readonly { readonly id: string; readonly fence: number }[]): Promise<void> {
    return this.#write('documents.advance', scope, (changes) => {
      for (const { id, fence } of stamps) {
        const key = locked(changes, scope, id)
        const held = changes.documents.get(key)
        if (held && held.buriedAt === null) changes.documents.put(key, { ...held, fence })
      }
    })
  }

  uncut(
    options: {
      collection: CollectionName
      chunking: string
      after?: { tenant: TenantId; id: string } | undefined
      limit: number
    },
    call?: CallOptions,
  ): Promise<UncutDocument[]> {
    const { collection, chunking, after, limit } = options
    return this.#access.read('documents.uncut', call, (changes) => {
      const isAfter = (one: UncutDocument): boolean => !after || byPlace(one, after) > 0
      return uncutOf(changes, this.#access.view, collection, chunking).filter(isAfter).sort(byPlace).slice(0, limit)
    })
  }

  countUncut(collection: CollectionName, chunking: string, call?: CallOptions): Promise<number> {
    return this.#access.read(
      'documents.countUncut',
      call,
      (changes) => uncutOf(changes, this.#access.view, collection, chunking).length,
    )
  }

  purge(options: { before: number; limit: number }): Promise<number> {
    return this.#access.write('documents.purge', undefined, (changes) =>
      purgeTombstones(changes, this.#access.view, options),
    )
  }

  #read<T>(op: string, scope: Scope, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T> {
    return this.#access.read(op, call, (changes) => {
      checkSight(this.#access.view, scope.tenant)
      return work(changes)
    })
  }

  #write<T>(op: string, scope: Scope, work: (changes: Changes) => T, call?: CallOptions): Promise<T> {
    return this.#access.write(op, call, (changes) => {
      checkSight(this.#access.view, scope.tenant)
      return work(changes)
    })
  }
}

export function live(changes: Changes, scope: Scope, id: string): StoredDocument | undefined {
  const row = changes.documents.get(documentKey(scope, id))
  return row?.buriedAt === null ? row : undefined
}

function groupOf({ tenant, collection }: Scope): string {
  return `${tenant}/${collection}`
}

function isMatch(row: StoredDocument, filter: ParsedFilter | undefined): boolean {
  return row.buriedAt === null && (filter === undefined || matches(filter, { ...row, leaves: documentLeaves(row) }))
}

function uncutOf(changes: Changes, view: TruthView, collection: CollectionName, chunking: string): UncutDocument[] {
  const isCut = (key: string): boolean =>
    changes.chunks.group(key).some((chunk) => chunk.buriedAt === null && chunk.chunking === chunking)
  return [...changes.documents.entries()]
    .filter(([, row]) => row.buriedAt === null && row.collection === collection && sees(view, row.tenant))
    .filter(([key]) => !isCut(key))
    .map(([, { tenant, id, text }]) => ({ tenant, id, bytes: Buffer.byteLength(text) }))
}

type Place = Pick<UncutDocument, 'tenant' | 'id'>

function byPlace(a: Place, b: Place): number {
  return compareBytes(a.tenant, b.tenant) || compareBytes(a.id, b.id)
}

/** A row may only be written under a lock: on a server, nothing else keeps two writers apart. */
function locked(changes: Changes, scope: Scope, id: string): string {
  const key = documentKey(scope, id)
  if (changes.locked.has(key)) return key
  throw new HeadwaterError('HW_INTERNAL', `The document ${JSON.stringify(id)} is written without having been locked`)
}

function heads(changes: Changes, scope: Scope, ids: readonly string[]): DocumentHead[] {
  return [...new Set(ids)].flatMap((id) => {
    const row = changes.documents.get(documentKey(scope, id))
    if (!row) return []
    const { contentHash, payloadHash, version, fence, payloadFence, createdAt, blob } = row
    const deleted = row.buriedAt !== null
    const blobKey = blob?.hash ?? null
    const cut = changes.chunks.group(documentKey(scope, id)).some((chunk) => chunk.buriedAt === null)
    return [{ id, contentHash, payloadHash, version, fence, payloadFence, createdAt, blobKey, deleted, cut }]
  })
}

export function chunkHeads(
  changes: Changes,
  scope: Scope,
  documents: readonly string[],
  chunkings: readonly string[],
): ChunkHead[] {
  return [...new Set(documents)].flatMap((document) =>
    [...new Set(chunkings)].flatMap((chunking) =>
      liveChunks(changes, scope, document, chunking).map(({ id, ordinal, start, end, inputHash }) => {
        return { id, document, chunking, ordinal, start, end, inputHash }
      }),
    ),
  )
}

export function liveChunks(changes: Changes, scope: Scope, document: string, chunking: string): StoredChunk[] {
  return changes.chunks
    .group(documentKey(scope, document))
    .filter((chunk) => chunk.buriedAt === null && chunk.chunking === chunking)
    .sort((a, b) => a.ordinal - b.ordinal)
}

function unborn(id: string, createdAt: number): DocumentHead {
  const hashes = { contentHash: '', payloadHash: '', blobKey: null }
  return { id, ...hashes, version: 0, fence: 0, payloadFence: 0, createdAt, deleted: true, cut: false }
}

function rowOf(row: StoredDocument): DocumentRow {
  const { tenant: _tenant, collection: _collection, buriedAt: _buriedAt, ...rest } = row
  return { ...rest, metadata: copyJson(rest.metadata), leaves: copyLeaves(rest.leaves) }
}
