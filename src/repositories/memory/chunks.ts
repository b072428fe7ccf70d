import type { CallOptions } from '../../core/abort'
import type { CollectionName, Scope, TenantId } from '../../core/ids'
import { documentLeaves } from '../../filter/entry-leaves'
import { matches } from '../../filter/predicate'
import type {
  ChunkChanges,
  ChunkContent,
  ChunkEntry,
  ChunkHead,
  ChunkRepository,
  ChunkRow,
  ChunkScan,
  ChunkWords,
  ContentScan,
  DocumentPayload,
  DocumentState,
  FoundWords,
  HydratedChunk,
} from '../chunks'
import { digestOf, stampOf } from '../entry-stamp'
import { WordRanking } from '../word-ranking'
import { type Access, checkSight, sees } from './access'
import { copyJson, copyLeaves } from './copy'
import { chunkHeads, live, liveChunks } from './documents'
import { usedChunkings } from './generations'
import { chunkKey, documentKey, embeddingKey } from './keys'
import type { Changes, StoredChunk, StoredDocument } from './tables'
import { buryChunk } from './tombstones'

export class MemoryChunks implements ChunkRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  ofDocument(scope: Scope, document: string, chunking: string, call?: CallOptions): Promise<ChunkRow[]> {
    return this.#read('chunks.ofDocument', scope, call, (changes) => {
      if (!live(changes, scope, document)) return []
      return liveChunks(changes, scope, document, chunking).map(rowOf)
    })
  }

  heads(
    scope: Scope,
    documents: readonly string[],
    chunkings: readonly string[],
    call?: CallOptions,
  ): Promise<ChunkHead[]> {
    return this.#read('chunks.heads', scope, call, (changes) => chunkHeads(changes, scope, documents, chunkings))
  }

  apply(scope: Scope, chunking: string, { upsert, move, remove }: ChunkChanges): Promise<void> {
    return this.#write('chunks.apply', scope, (changes) => {
      for (const row of upsert) {
        const key = chunkKey(scope, chunking, row.id)
        changes.chunks.put(key, { ...row, ...scope, chunking, metadata: copyJson(row.metadata), buriedAt: null })
      }
      for (const { id, ordinal, start, end } of move) {
        const key = chunkKey(scope, chunking, id)
        const held = changes.chunks.get(key)
        if (held && held.buriedAt === null) changes.chunks.put(key, { ...held, ordinal, start, end })
      }
      for (const { id, fence } of remove) {
        const key = chunkKey(scope, chunking, id)
        const held = changes.chunks.get(key)
        if (held && held.buriedAt === null) buryChunk(this.#access.engine, changes, key, held, fence)
      }
    })
  }

  buryDocuments(
    scope: Scope,
    documents: readonly { readonly document: string; readonly fence: number }[],
  ): Promise<void> {
    return this.#write('chunks.buryDocuments', scope, (changes) => {
      for (const { document, fence } of documents) {
        for (const chunk of changes.chunks.group(documentKey(scope, document))) {
          if (chunk.buriedAt !== null) continue
          buryChunk(this.#access.engine, changes, chunkKey(scope, chunk.chunking, chunk.id), chunk, fence)
        }
      }
    })
  }

  hydrate(scope: Scope, chunking: string, ids: readonly string[], call?: CallOptions): Promise<HydratedChunk[]> {
    return this.#read('chunks.hydrate', scope, call, (changes) =>
      [...new Set(ids)].flatMap((id) => {
        const chunk = changes.chunks.get(chunkKey(scope, chunking, id))
        const document = chunk?.buriedAt === null ? live(changes, scope, chunk.document) : undefined
        return chunk && document ? [hydrated(chunk, document)] : []
      }),
    )
  }

  searchWords(scope: Scope, chunking: string, query: ChunkWords, call?: CallOptions): Promise<FoundWords> {
    return this.#read('chunks.searchWords', scope, call, (changes) => {
      const ranking = new WordRanking(query.words)
      let left = query.among
      for (const [chunk, document] of this.#entries(changes, scope, chunking)) {
        if (left-- === 0) return { hits: ranking.best(query.limit), bounded: true }
        if (!matches(query.filter, { ...document, leaves: documentLeaves(document) })) continue
        ranking.add(
          { id: chunk.id, document: chunk.document, fence: chunk.fence },
          `${document.title} ${chunk.heading} ${chunk.text}`,
        )
      }
      return { hits: ranking.best(query.limit), bounded: false }
    })
  }

  states(
    documents: readonly {
      readonly tenant: TenantId
      readonly collection: CollectionName
      readonly document: string
      readonly since: number
    }[],
    chunking: string,
    call?: CallOptions,
  ): Promise<DocumentState[]> {
    return this.#access.read('chunks.states', call, (changes) =>
      documents.map(({ tenant, collection, document, since }) => {
        checkSight(this.#access.view, tenant)
        const scope = { tenant, collection }
        const row = changes.documents.get(documentKey(scope, document))
        const payload = row?.buriedAt === null ? payloadOf(row) : null
        const kept = payload ? liveChunks(changes, scope, document, chunking) : []
        return {
          ...scope,
          document,
          fence: row?.fence ?? 0,
          payload,
          chunks: kept
            .filter((chunk) => Math.max(chunk.fence, payload!.payloadFence) > since)
            .map(({ id, text, heading, tableHeader, inputHash, metadata, fence }) => ({
              id,
              text,
              heading,
              tableHeader,
              inputHash,
              metadata: copyJson(metadata),
              fence,
            })),
          removed: changes.chunks
            .group(documentKey(scope, document))
            .filter((chunk) => chunk.buriedAt !== null && chunk.chunking === chunking && chunk.fence > since)
            .map(({ id, fence }) => ({ id, fence })),
        }
      }),
    )
  }

  scan(scan: ChunkScan, call?: CallOptions): Promise<ChunkEntry[]> {
    return this.#access.read('chunks.scan', call, (changes) =>
      this.#range(changes, scan)
        .sort(byId)
        .slice(0, scan.limit)
        .map(([chunk, document]) => entryOf(chunk, document)),
    )
  }

  contents(scan: ContentScan, fingerprint: string | null, call?: CallOptions): Promise<ChunkContent[]> {
    return this.#access.read('chunks.contents', call, (changes) => {
      const ids = scan.ids && new Set(scan.ids)
      const found = this.#range(changes, scan).filter(([{ id }]) => !ids || ids.has(id))
      const page = found.sort(byId).slice(0, scan.ids ? undefined : scan.limit)
      return page.map(([chunk, document]) => {
        const { title, source, status, contentType, version, createdAt, updatedAt } = document
        const held =
          fingerprint === null
            ? undefined
            : changes.embeddings.get(embeddingKey(chunk.tenant, fingerprint, chunk.inputHash))
        return {
          ...entryOf(chunk, document),
          title,
          text: held ? '' : chunk.text,
          heading: chunk.heading,
          tableHeader: chunk.tableHeader,
          source,
          status,
          contentType,
          chunkMetadata: copyJson(chunk.metadata),
          leaves: copyLeaves(document.leaves),
          version,
          createdAt,
          updatedAt,
          vector: held ? held.vector.slice() : null,
        }
      })
    })
  }

  digest(
    range: Omit<ChunkScan, 'limit'> & { readonly space: string },
    call?: CallOptions,
  ): Promise<{ readonly count: number; readonly sum: string }> {
    return this.#access.read('chunks.digest', call, (changes) => {
      const entries = this.#range(changes, range).map(([chunk, row]) => {
        const { id, tenant, document, fence, inputHash, payloadHash } = entryOf(chunk, row)
        return { id, tenant, document, fence, stamp: stampOf(inputHash, payloadHash, range.space) }
      })
      return { count: entries.length, sum: digestOf(entries) }
    })
  }

  count(scope: { readonly collection: CollectionName; readonly tenant?: TenantId }, chunking: string): Promise<number> {
    return this.#access.read('chunks.count', undefined, (changes) => {
      let count = 0
      for (const _ of this.#entries(changes, scope, chunking)) count++
      return count
    })
  }

  purge(options: { collection: CollectionName; chunking: string; limit: number }): Promise<number> {
    const { collection, chunking, limit } = options
    return this.#access.write('chunks.purge', undefined, (changes) => {
      if (usedChunkings(changes, collection).includes(chunking)) return 0
      const doomed = [...changes.chunks.entries()].filter(
        ([, one]) => one.buriedAt === null && one.collection === collection && one.chunking === chunking,
      )
      for (const [key] of doomed.slice(0, limit)) changes.chunks.delete(key)
      return Math.min(doomed.length, limit)
    })
  }

  #range(changes: Changes, range: Omit<ChunkScan, 'limit'>): [StoredChunk, StoredDocument][] {
    const { after, upTo } = range
    return [...this.#entries(changes, range, range.chunking)].filter(
      ([{ id }]) => (after === undefined || id > after) && (upTo === undefined || id <= upTo),
    )
  }

  /** Live chunks of live documents, with their documents. */
  *#entries(
    changes: Changes,
    { collection, tenant }: { readonly collection: CollectionName; readonly tenant?: TenantId | undefined },
    chunking: string,
  ): IterableIterator<[StoredChunk, StoredDocument]> {
    for (const [, chunk] of changes.chunks.entries()) {
      if (chunk.buriedAt !== null || chunk.collection !== collection || chunk.chunking !== chunking) continue
      if ((tenant ?? chunk.tenant) !== chunk.tenant || !sees(this.#access.view, chunk.tenant)) continue
      const document = live(changes, chunk, chunk.document)
      if (document) yield [chunk, document]
    }
  }

  #read<T>(op: string, scope: Scope, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T> {
    return this.#access.read(op, call, (changes) => {
      checkSight(this.#access.view, scope.tenant)
      return work(changes)
    })
  }

  #write<T>(op: string, scope: Scope, work: (changes: Changes) => T): Promise<T> {
    return this.#access.write(op, undefined, (changes) => {
      checkSight(this.#access.view, scope.tenant)
      return work(changes)
    })
  }
}

/** Ids are UUIDs, so that JavaScript's own order is the order of the bytes. */
function byId([a]: readonly [StoredChunk, unknown], [b]: readonly [StoredChunk, unknown]): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function entryOf({ id, tenant, document, fence, inputHash }: StoredChunk, row: StoredDocument): ChunkEntry {
  const { payloadFence, payloadHash } = row
  return { id, tenant, document, fence: Math.max(fence, payloadFence), inputHash, payloadHash }
}

function rowOf({ tenant: _tenant, collection: _collection, buriedAt: _buriedAt, ...row }: StoredChunk): ChunkRow {
  return { ...row, metadata: copyJson(row.metadata) }
}

function payloadOf(row: StoredDocument): DocumentPayload {
  const { title, source, status, contentType, payloadHash, payloadFence, version, createdAt, updatedAt } = row
  const leaves = copyLeaves(row.leaves)
  return { title, source, status, contentType, leaves, payloadHash, payloadFence, version, createdAt, updatedAt }
}

function hydrated(chunk: StoredChunk, row: StoredDocument): HydratedChunk {
  const { id, document, ordinal, start, end, text, heading, tableHeader, fence } = chunk
  const { title, source, status, contentType, version, createdAt, updatedAt } = row
  return {
    id,
    document,
    ordinal,
    start,
    end,
    text,
    heading,
    tableHeader,
    fence,
    chunkMetadata: copyJson(chunk.metadata),
    title,
    source,
    status,
    contentType,
    metadata: copyJson(row.metadata),
    leaves: copyLeaves(row.leaves),
    version,
    createdAt,
    updatedAt,
  }
}
