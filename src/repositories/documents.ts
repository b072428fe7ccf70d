import type { CallOptions } from '../core/abort'
import type { CollectionName, Scope, TenantId } from '../core/ids'
import type { JsonObject } from '../core/json'
import type { Leaves, ParsedFilter } from '../filter/parsed'
import type { ChunkHead, ChunkRow } from './chunks'
import type { ClaimedJob, JobTarget } from './jobs'

/** The blob that a document owns; it lies in the tenant's own blobs under its hash. */
export interface DocumentBlob {
  /** Hex SHA-256 of the bytes: the key of `blobs.get`. */
  readonly hash: string
  /** Bytes. */
  readonly size: number
  readonly contentType: string
}

/** A live document as stored. Times are epoch ms. */
export interface DocumentRow {
  readonly id: string
  readonly title: string
  readonly text: string
  readonly metadata: JsonObject
  readonly leaves: Leaves
  readonly source: string | null
  readonly contentType: string
  readonly status: string
  readonly blob: DocumentBlob | null
  /** Hash of everything a user can set, chunks included: equal means unchanged. */
  readonly contentHash: string
  /** Hash of what every index entry of the document carries beside its own text or vector. */
  readonly payloadHash: string
  readonly version: number
  readonly fence: number
  /** Fence of the last change of what `payloadHash` covers. */
  readonly payloadFence: number
  readonly createdAt: number
  readonly updatedAt: number
}

/** What a writer needs to know of a row before it changes it; tombstones included. */
export interface DocumentHead {
  readonly id: string
  readonly contentHash: string
  readonly payloadHash: string
  readonly version: number
  /** 0 when `lock` has just made the row. */
  readonly fence: number
  readonly payloadFence: number
  readonly createdAt: number
  /** Of the blob that it owns. */
  readonly blobKey: string | null
  /** True for a tombstone and for a row that `lock` has just made. */
  readonly deleted: boolean
  /** False when it has no live chunk, in any chunking. May be of before the lock was given. */
  readonly cut: boolean
}

/** A document that is still to be cut. */
export interface UncutDocument {
  readonly tenant: TenantId
  readonly id: string
  /** Of its text. */
  readonly bytes: number
}

/** A document that nobody has written yet; its version is 1 and its fence is drawn when it is written. */
export type NewDocument = Omit<DocumentRow, 'version' | 'fence' | 'payloadFence'>

/** What goes with the write of documents in one statement. */
export interface WithWrite {
  /** Each document that is written gets a job for each of them. */
  readonly targets: readonly JobTarget[]
  /** Claims the jobs at once, and what waits of the same documents. */
  readonly claim?: { readonly token: string; readonly leaseMs: number } | undefined
  /** Key of a commit row that is made where anything is written; its receipt is a `WrittenRow` for each document. */
  readonly marker?: string | undefined
}

/** A row as a write has left it. */
export interface WrittenRow {
  readonly id: string
  readonly version: number
  readonly fence: number
}

/** Vectors by input hash. */
export interface SpaceVectors {
  readonly fingerprint: string
  readonly byHash: ReadonlyMap<string, Float32Array>
}

export interface WithContent extends WithWrite {
  /** Those that the chunks are cut in. Where the generations of the collection use others, nothing is written. */
  readonly chunkings: readonly string[]
  /** To be stored; those that are stored already are left alone. */
  readonly vectors?: SpaceVectors | undefined
}

export interface InsertOptions extends WithContent {
  /** Chunks of the documents, each in its chunking; their fence is the document's. */
  readonly chunks: readonly Omit<ChunkRow, 'fence'>[]
}

export interface Inserted {
  /** By id; those that were there already, alive or as tombstones, are left alone and not in it. */
  readonly fences: ReadonlyMap<string, number>
  readonly claimed: readonly ClaimedJob[]
  /** What generations use where that is other than what was asked: then nothing was written. */
  readonly otherChunkings?: readonly string[] | undefined
}

export interface Stamps {
  readonly fences: number[]
  readonly chunkings: string[]
}

/** The next version of a document that is there, as long as it is as it was read. */
export interface DocumentChange {
  readonly document: NewDocument
  readonly version: number
  readonly since: number
  /** The content hash that was read with that fence: a Postgres that is set back gives fences again. */
  readonly before: string
  /** What indexes hold beside texts and vectors is as it was: the payload keeps its fence. */
  readonly samePayload: boolean
  readonly upsert: readonly Omit<ChunkRow, 'fence' | 'document'>[]
  readonly move: readonly Pick<ChunkRow, 'chunking' | 'id' | 'ordinal' | 'start' | 'end'>[]
  readonly remove: readonly Pick<ChunkRow, 'chunking' | 'id'>[]
}

export interface Changed {
  /** By id; those that are not as they were read any more are left alone and not in it. */
  readonly fences: ReadonlyMap<string, number>
  readonly claimed: readonly ClaimedJob[]
}

export interface Erasure {
  readonly id: string
  /** Nothing is done at any other version. */
  readonly ifVersion?: number | undefined
}

export interface EraseOptions extends WithWrite {
  /** Epoch ms. */
  readonly at: number
}

/** What became of a document that is there, or was. */
export interface ErasedDocument {
  readonly head: WrittenRow & { readonly deleted: boolean }
  /** Null where nothing was to be done, or somebody else has written it since. */
  readonly tombstone: WrittenRow | null
  /** Chunks that went with it. */
  readonly chunks: readonly Pick<ChunkRow, 'chunking' | 'id'>[]
}

export interface Erased {
  /** By id. */
  readonly documents: ReadonlyMap<string, ErasedDocument>
  readonly claimed: readonly ClaimedJob[]
}

export interface DocumentQuery {
  readonly filter?: ParsedFilter | undefined
  /** Only ids above this one, by UTF-8 bytes. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface WantedContent {
  readonly chunkings: readonly string[]
  /** Of a vector space, and what to look for in it. */
  readonly fingerprint: string
  readonly inputHashes: readonly string[]
}

export interface KnownContent {
  /** Also of tombstones. */
  readonly heads: readonly DocumentHead[]
  /** Of the chunkings that were asked for, in no particular order. */
  readonly chunks: readonly ChunkHead[]
  /** Those that are stored, by input hash. */
  readonly vectors: ReadonlyMap<string, Float32Array>
}

/** Documents of one (tenant, collection) at a call. Reads never see tombstones unless said. */
export interface DocumentRepository {
  get(scope: Scope, id: string, call?: CallOptions): Promise<DocumentRow | null>
  /** In no particular order; absent ids are left out. */
  getMany(scope: Scope, ids: readonly string[], call?: CallOptions): Promise<DocumentRow[]>
  /** Ascending by the UTF-8 bytes of the id. */
  list(scope: Scope, query: DocumentQuery, call?: CallOptions): Promise<DocumentRow[]>
  count(scope: Scope, filter?: ParsedFilter, call?: CallOptions): Promise<number>
  /** Heads without a lock, tombstones included. */
  heads(scope: Scope, ids: readonly string[], call?: CallOptions): Promise<DocumentHead[]>
  /** What new contents of documents are compared with, read at once. */
  known(scope: Scope, ids: readonly string[], wanted: WantedContent, call?: CallOptions): Promise<KnownContent>
  /**
   * Locks the rows until the transaction ends, in one global order. With `create`, rows that are not there are made
   * (deleted, version 0, fence 0) so that they are locked too; if nothing is saved to them they must be gone or
   * invisible after the transaction.
   */
  lock(scope: Scope, ids: readonly string[], options: { create: boolean }): Promise<DocumentHead[]>
  /** `lock` with `create`, and then `stamps` with a fence for each document, in one round trip. */
  take(scope: Scope, ids: readonly string[]): Promise<{ heads: DocumentHead[] } & Stamps>
  /**
   * Writes documents that are not there, with their chunks and jobs, each row once. Fences are drawn while no tombstone
   * is being purged, so that none is below one that there was.
   */
  insert(scope: Scope, documents: readonly NewDocument[], options: InsertOptions, call?: CallOptions): Promise<Inserted>
  /**
   * Writes documents that are there, each once, with their chunks and jobs, without a lock that was taken before. One that
   * is not as it was read any more is left alone; all are, where generations use other chunkings.
   */
  change(scope: Scope, documents: readonly DocumentChange[], options: WithContent, call?: CallOptions): Promise<Changed>
  /** Buries documents and their chunks, without a lock that was taken before. */
  erase(scope: Scope, documents: readonly Erasure[], options: EraseOptions, call?: CallOptions): Promise<Erased>
  /** Fresh fences, ascending: epoch x 2^40 + a sequence value. Call it while the rows are locked. */
  fences(count: number): Promise<number[]>
  /**
   * As `fences`, with the chunkings that the collection's generations use, in order. Read under the locks, so that whoever
   * cuts the documents for a new generation sees what was written before, and who writes after knows of it.
   */
  stamps(collection: CollectionName, count: number): Promise<Stamps>
  /** Writes locked rows; a tombstone becomes a live document. */
  save(scope: Scope, rows: readonly DocumentRow[]): Promise<void>
  /** Turns locked rows into tombstones; text, metadata and blob are let go. `at` is epoch ms. */
  bury(
    scope: Scope,
    tombs: readonly { readonly id: string; readonly version: number; readonly fence: number; readonly at: number }[],
  ): Promise<void>
  /** Gives locked live rows a new fence for row and payload alike, same version: repair by reconcile. */
  restamp(scope: Scope, stamps: readonly { readonly id: string; readonly fence: number }[]): Promise<void>
  /** Gives locked live rows a new fence, same version, the payload's as it was: they are cut for one more chunking. */
  advance(scope: Scope, stamps: readonly { readonly id: string; readonly fence: number }[]): Promise<void>
  /**
   * Live documents without a live chunk in this chunking, ascending by tenant and id, above `after`. Worker's view.
   */
  uncut(
    options: {
      readonly collection: CollectionName
      readonly chunking: string
      readonly after?: { readonly tenant: TenantId; readonly id: string } | undefined
      readonly limit: number
    },
    call?: CallOptions,
  ): Promise<UncutDocument[]>
  /** How many `uncut` there are in all. */
  countUncut(collection: CollectionName, chunking: string, call?: CallOptions): Promise<number>
  /**
   * Removes tombstones of documents and chunks that were buried before `before` (epoch ms) and that no job needs.
   * Returns how many documents went. Worker's view.
   */
  purge(options: { before: number; limit: number }): Promise<number>
}
