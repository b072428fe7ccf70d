import type { CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'
import type { ParsedFilter } from '../filter/parsed'
import type { IndexEntry, IndexHit, IndexPayload, IndexRemoval, IndexScan } from './index-entry'
import type { IndexFormat } from './index-format'
import type { IndexAlias, IndexMarker } from './index-marker'

/** The physical collection that a call is about. */
export interface VectorIndex {
  readonly name: string
  readonly fingerprint: string
  readonly dimensions: number
  /** Collection whose documents it holds; an engine may make indexes for what that declares. */
  readonly collection?: string | undefined
  /** What it was made with; what the repository makes now when left out. */
  readonly format?: IndexFormat | undefined
}

export interface VectorPoint {
  /** The chunk's id, a UUID. */
  readonly id: string
  readonly fence: number
  /** Hash of what the point should hold, 32 hex digits, the first 16 of its vector's input; compared by reconcile. */
  readonly stamp: string
  readonly payload: IndexPayload
  readonly vector: Float32Array
}

export interface VectorQuery {
  readonly tenant: TenantId
  readonly vector: Float32Array
  readonly filter?: ParsedFilter | undefined
  readonly limit: number
}

/** A projection of chunks as vectors. Writes are fenced: a point with a higher fence is left alone. */
export interface VectorRepository {
  /** Of a backend that does not come with headwater: its name in the record of what holds what; `own` when left out. */
  readonly engine?: string | undefined
  /** What it makes now. An index of an older format is fed and asked in the way of that. */
  readonly format: IndexFormat
  /** Creates the physical collection if it is missing. */
  create(index: VectorIndex, call?: CallOptions): Promise<void>
  drop(index: VectorIndex, call?: CallOptions): Promise<void>
  exists(index: VectorIndex, call?: CallOptions): Promise<boolean>
  /** Writes the marker over an earlier one; HW_GENERATION_MISSING where there is no index. */
  mark(index: VectorIndex, marker: IndexMarker, call?: CallOptions): Promise<void>
  /** The marker, or null where there is none; HW_GENERATION_MISSING where there is no index. */
  marker(index: VectorIndex, call?: CallOptions): Promise<IndexMarker | null>
  /** Undefined where nobody else reads the indexes by name. */
  readonly alias?: IndexAlias<VectorIndex> | undefined
  upsert(index: VectorIndex, points: readonly VectorPoint[], call?: CallOptions): Promise<void>
  /**
   * Replaces payload, stamp and fence of points that are there with a lower fence; never the vector. A point whose
   * vector is of another input, by the first half of the stamps, is left alone: an index that was set back holds such.
   */
  setPayload(index: VectorIndex, points: readonly Omit<VectorPoint, 'vector'>[], call?: CallOptions): Promise<void>
  remove(index: VectorIndex, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void>
  /** Best first, by cosine similarity; ties by id. */
  search(index: VectorIndex, query: VectorQuery, call?: CallOptions): Promise<IndexHit[]>
  /** Several searches in one round trip, answered in their order; without it they are asked side by side. */
  searchMany?(index: VectorIndex, queries: readonly VectorQuery[], call?: CallOptions): Promise<IndexHit[][]>
  /** Entries of all tenants in ascending id order. */
  scan(index: VectorIndex, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]>
  /** Points as held, for deep checks; absent ids are left out. */
  read(index: VectorIndex, ids: readonly string[], call?: CallOptions): Promise<VectorPoint[]>
  /** Makes everything written so far visible to search; without a time limit, as before a switch, also fast to search. */
  refresh(index: VectorIndex, call?: CallOptions): Promise<void>
  count(index: VectorIndex, tenant?: TenantId, call?: CallOptions): Promise<number>
}
