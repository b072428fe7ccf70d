import type { CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'
import type { ParsedFilter } from '../filter/parsed'
import type { Facet, FacetQuery } from './facets'
import type { IndexEntry, IndexHit, IndexPayload, IndexRemoval, IndexScan } from './index-entry'
import type { IndexFormat } from './index-format'
import type { IndexAlias, IndexMarker } from './index-marker'
import type { TypedQuery } from './typed-query'

/** The physical index that a call is about. */
export interface TextIndex {
  readonly name: string
  /** Text search configuration, e.g. `english`, `german`, `simple`. */
  readonly language: string
  /** What it was made with; what the repository makes now when left out. */
  readonly format?: IndexFormat | undefined
}

export interface TextEntry {
  /** The chunk's id, a UUID. */
  readonly id: string
  readonly fence: number
  /** Hash of what the entry should hold; compared by reconcile. */
  readonly stamp: string
  readonly payload: IndexPayload
  readonly title: string
  /** Of the part of the document that it stands in; undefined or empty where there is none. */
  readonly heading?: string | undefined
  readonly text: string
}

export interface TextQuery extends TypedQuery {
  readonly tenant: TenantId
  readonly filter?: ParsedFilter | undefined
  readonly limit: number
}

/** A word as an index reads it, for marking it in a text: equal terms are one word. */
export interface ReadWord {
  readonly term: string
  /** UTF-16 offsets into the text. */
  readonly start: number
  readonly end: number
}

/** A projection of chunks for BM25 ranking over title, heading and text. Writes are fenced as those of vectors. */
export interface TextRepository {
  /** Of a backend that does not come with headwater: its name in the record of what holds what; `own` when left out. */
  readonly engine?: string | undefined
  /** What it makes now. An index of an older format is fed and asked in the way of that. */
  readonly format: IndexFormat
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
  /**
   * Entries that match, best first; ties by id. Of a query with other words, those that are in almost every text of the
   * language (stop words) are not looked for.
   */
  search(index: TextIndex, query: TextQuery, call?: CallOptions): Promise<IndexHit[]>
  /** How often the values of paths occur among the tenant's entries that match; one facet a path, in their order. */
  facets(index: TextIndex, query: FacetQuery, call?: CallOptions): Promise<Facet[]>
  /**
   * The words of these texts as the index reads them, in order: for highlights. Undefined, or giving that, where the
   * library reads them (core/words). The first text is what was typed, the others are what it was found in.
   */
  readonly analyze?:
    | ((index: TextIndex, texts: readonly string[], call?: CallOptions) => Promise<(readonly ReadWord[])[] | undefined>)
    | undefined
  scan(index: TextIndex, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]>
  read(index: TextIndex, ids: readonly string[], call?: CallOptions): Promise<TextEntry[]>
  refresh(index: TextIndex, call?: CallOptions): Promise<void>
  count(index: TextIndex, tenant?: TenantId, call?: CallOptions): Promise<number>
}
