import type { CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'
import type { ParsedFilter } from '../filter/parsed'
import type { Facet, FacetQuery } from './facets'
import type { IndexEntry, IndexHit, IndexPayload, IndexRemoval, IndexScan } from './index-entry'
import type { IndexAlias, IndexMarker } from './index-marker'

/** The physical index that a call is about. */
export interface TextIndex {
  readonly name: string
  /** Text search configuration, e.g. `english`, `german`, `simple`. */
  readonly language: string
}

export interface TextEntry {
  /** The chunk's id, a UUID. */
  readonly id: string
  readonly fence: number
  /** Hash of what the entry should hold; compared by reconcile. */
  readonly stamp: string
  readonly payload: IndexPayload
  readonly title: string
  readonly text: string
}

export interface TextQuery {
  readonly tenant: TenantId
  /** Plain words as typed; no query syntax. */
  readonly query: string
  readonly filter?: ParsedFilter | undefined
  readonly limit: number
}

/** A projection of chunks for BM25 ranking over title and text. Writes are fenced as those of vectors. */
export interface TextRepository {
  create(index: TextIndex, call?: CallOptions): Promise<void>
  drop(index: TextIndex, call?: CallOptions): Promise<void>
  exists(index: TextIndex, call?: CallOptions): Promise<boolean>
  /** Writes the marker over an earlier one; HW_GENERATION_MISSING where there is no index. */
  mark(index: TextIndex, marker: IndexMarker, call?: CallOptions): Promise<void>
  /** The marker, or null where there is none; HW_GENERATION_MISSING where there is no index. */
  marker(index: TextIndex, call?: CallOptions): Promise<IndexMarker | null>
  /** Undefined where nobody else reads the indexes by name. */
  readonly alias?: IndexAlias<TextIndex> | undefined
  upsert(index: TextIndex, entries: readonly TextEntry[], call?: CallOptions): Promise<void>
  remove(index: TextIndex, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void>
  /** Entries that hold at least one of the words, best first; ties by id. */
  search(index: TextIndex, query: TextQuery, call?: CallOptions): Promise<IndexHit[]>
  /** How often the values of paths occur among the tenant's entries that match; one facet a path, in their order. */
  facets(index: TextIndex, query: FacetQuery, call?: CallOptions): Promise<Facet[]>
  scan(index: TextIndex, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]>
  read(index: TextIndex, ids: readonly string[], call?: CallOptions): Promise<TextEntry[]>
  refresh(index: TextIndex, call?: CallOptions): Promise<void>
  count(index: TextIndex, tenant?: TenantId, call?: CallOptions): Promise<number>
}
