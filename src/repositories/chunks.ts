import type { CallOptions } from '../core/abort'
import type { CollectionName, Scope, TenantId } from '../core/ids'
import type { JsonObject } from '../core/json'
import type { Leaves, ParsedFilter } from '../filter/parsed'
import type { IndexHit } from './index-entry'

/** What stands above a chunk and is embedded and found with it, without being part of its text; else empty. */
export interface ChunkContext {
  /** The heading under which the chunk begins. */
  readonly heading: string
  /** The header of a table, where the chunk begins with rows that were cut from it. */
  readonly tableHeader: string
}

/** A live chunk as stored. Offsets are UTF-16 units of the document's text. */
export interface ChunkRow extends ChunkContext {
  /** UUIDv5 of (tenant, collection, document, hash of text and chunk metadata, occurrence). */
  readonly id: string
  readonly document: string
  readonly chunking: string
  readonly ordinal: number
  readonly start: number
  readonly end: number
  readonly text: string
  readonly metadata: JsonObject
  /** Hash of what is embedded and indexed: the document's title, the context and the text. Key of the stored embedding. */
  readonly inputHash: string
  /** Fence of its document at the last change of its input. */
  readonly fence: number
}

export type ChunkHead = Pick<ChunkRow, 'id' | 'document' | 'chunking' | 'ordinal' | 'start' | 'end' | 'inputHash'>

/** A change to the chunks of documents whose rows the transaction has locked. */
export interface ChunkChanges {
  /** New chunks, chunks whose input changed, and tombstones that come back. */
  readonly upsert: readonly ChunkRow[]
  /** Chunks that only moved: no new fence, nothing to project. */
  readonly move: readonly Pick<ChunkRow, 'id' | 'ordinal' | 'start' | 'end'>[]
  /** Chunks that became tombstones at this fence. */
  readonly remove: readonly { readonly id: string; readonly fence: number }[]
}

/** A live chunk with what its document says: what a search hit shows and is checked against. */
export interface HydratedChunk extends Omit<ChunkRow, 'inputHash' | 'metadata' | 'chunking'> {
  readonly chunkMetadata: JsonObject
  readonly title: string
  readonly source: string | null
  readonly status: string
  readonly contentType: string
  readonly metadata: JsonObject
  readonly leaves: Leaves
  readonly version: number
  readonly createdAt: number
  readonly updatedAt: number
}

/** What projecting a document needs, as of one snapshot. */
export interface DocumentState {
  readonly tenant: TenantId
  readonly collection: CollectionName
  readonly document: string
  /** The document's current fence; a tombstone's too; 0 when there is no row at all. */
  readonly fence: number
  readonly payload: DocumentPayload | null
  /** Live chunks whose effective fence (the larger of their own and the payload's) is above `since`, by ordinal. */
  readonly chunks: readonly StateChunk[]
  /** Tombstones of chunks with a fence above `since`. */
  readonly removed: readonly { readonly id: string; readonly fence: number }[]
}

export interface StateChunk extends ChunkContext {
  readonly id: string
  readonly text: string
  readonly inputHash: string
  readonly metadata: JsonObject
  /** Its own fence, not the effective one. */
  readonly fence: number
}

export interface DocumentPayload {
  readonly title: string
  readonly source: string | null
  readonly status: string
  readonly contentType: string
  readonly leaves: Leaves
  readonly payloadHash: string
  readonly payloadFence: number
  readonly version: number
  readonly createdAt: number
  readonly updatedAt: number
}

/** One live chunk as a projection should hold it: the truth's side of a comparison. */
export interface ChunkEntry {
  readonly id: string
  readonly tenant: TenantId
  readonly document: string
  /** Effective fence: the larger of the chunk's own and its document's payload fence. */
  readonly fence: number
  readonly inputHash: string
  readonly payloadHash: string
}

/** A live chunk with all that an index may hold of it, as of one snapshot. */
export interface ChunkContent extends ChunkEntry, ChunkContext {
  readonly title: string
  /** Empty where the vector is given: nothing is left to be made of it. */
  readonly text: string
  readonly source: string | null
  readonly status: string
  readonly contentType: string
  readonly chunkMetadata: JsonObject
  readonly leaves: Leaves
  readonly version: number
  readonly createdAt: number
  readonly updatedAt: number
  /** As stored for the space that was asked for; null where none is, or where none was asked for. */
  readonly vector: Float32Array | null
}

/** Of all tenants: a page of at most `limit` above `after`, or these ids. */
export type ContentScan = Pick<ChunkScan, 'collection' | 'chunking'> &
  (
    | { readonly after?: string | undefined; readonly limit: number; readonly ids?: undefined }
    | { readonly ids: readonly string[] }
  )

export interface ChunkScan {
  readonly collection: CollectionName
  readonly chunking: string
  readonly tenant?: TenantId | undefined
  /** Only ids above this one. */
  readonly after?: string | undefined
  /** Only ids up to and including this one. */
  readonly upTo?: string | undefined
  readonly limit: number
}

/** A search of the truth itself, for when no index answers: no statistics are kept for it. */
export interface ChunkWords {
  /** Beginnings of words as they are written, lower case, none with white space; at most 16 count. */
  readonly words: readonly string[]
  readonly filter?: ParsedFilter | undefined
  readonly limit: number
  /** Chunks looked at, at most; which ones, where there are more, is the store's choice. */
  readonly among: number
}

/** What a search of the truth itself found. */
export interface FoundWords {
  readonly hits: readonly IndexHit[]
  /** True where there are more chunks than were looked at. */
  readonly bounded: boolean
}

/** Chunks of documents, tombstones included, in every chunking. */
export interface ChunkRepository {
  /** Live chunks of a document in order. */
  ofDocument(scope: Scope, document: string, chunking: string, call?: CallOptions): Promise<ChunkRow[]>
  /** Heads of live chunks of these documents, in each of these chunkings. */
  heads(
    scope: Scope,
    documents: readonly string[],
    chunkings: readonly string[],
    call?: CallOptions,
  ): Promise<ChunkHead[]>
  apply(scope: Scope, chunking: string, changes: ChunkChanges): Promise<void>
  /** Turns all live chunks of these documents into tombstones, in every chunking. */
  buryDocuments(
    scope: Scope,
    documents: readonly { readonly document: string; readonly fence: number }[],
  ): Promise<void>
  /** Live chunks of live documents by id; those that are gone, buried or another tenant's are left out. */
  hydrate(scope: Scope, chunking: string, ids: readonly string[], call?: CallOptions): Promise<HydratedChunk[]>
  /**
   * Live chunks of live documents whose title or text holds a word with one of these beginnings, best first, ties by id.
   * A word counts more the rarer it is. Reads chunk by chunk, no more than `among`.
   */
  searchWords(scope: Scope, chunking: string, query: ChunkWords, call?: CallOptions): Promise<FoundWords>
  /** States of documents, each what changed after its `since` (0: everything). In the order asked. */
  states(
    documents: readonly {
      readonly tenant: TenantId
      readonly collection: CollectionName
      readonly document: string
      readonly since: number
    }[],
    chunking: string,
    call?: CallOptions,
  ): Promise<DocumentState[]>
  /** Entries in ascending id order, for reconcile and rebuild. */
  scan(scan: ChunkScan, call?: CallOptions): Promise<ChunkEntry[]>
  /** What a rebuild copies, in ascending id order, with the vectors of that space. */
  contents(scan: ContentScan, fingerprint: string | null, call?: CallOptions): Promise<ChunkContent[]>
  /**
   * Digest of a range: how many entries, and the sum (decimal) over them of the first 60 bits of
   * md5(`id:fence:stamp:tenant:document`), where stamp is the first 16 hex digits of
   * sha256(inputHash + space) and the first 16 of payloadHash.
   */
  digest(
    range: Omit<ChunkScan, 'limit'> & { readonly space: string },
    call?: CallOptions,
  ): Promise<{ readonly count: number; readonly sum: string }>
  count(scope: { readonly collection: CollectionName; readonly tenant?: TenantId }, chunking: string): Promise<number>
  /**
   * Removes live chunks of a chunking, `limit` at most, unless a generation uses it; returns how many went. Within a
   * transaction that holds the lock of the collection's generations. Worker's view.
   */
  purge(options: {
    readonly collection: CollectionName
    readonly chunking: string
    readonly limit: number
  }): Promise<number>
}
