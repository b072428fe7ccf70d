import type { TenantId } from '../core/ids'
import type { LeafValue, ParsedFilter } from '../filter/parsed'
import type { TextMatch } from './typed-query'

export interface FacetQuery {
  readonly tenant: TenantId
  /** As of a search; without it all entries that pass the filter are counted. */
  readonly query?: string | undefined
  /** How `query` is taken: 'words' by default. */
  readonly match?: TextMatch | undefined
  readonly filter?: ParsedFilter | undefined
  /** Checked metadata paths, or `$source`. */
  readonly paths: readonly string[]
  /** Values a path, most frequent first. 10 by default. */
  readonly limit?: number | undefined
}

/** How often the values of one path occur. */
export interface Facet<P extends string = string> {
  readonly path: P
  /** Most frequent first. Counts are of index entries (chunks), not of documents. */
  readonly values: readonly { readonly value: LeafValue; readonly count: number }[]
  /** The index may lag behind the truth, and strings over 512 bytes are not listed. */
  readonly approximate: true
}

/** Longest string, in UTF-8 bytes, that a facet lists. */
export const longestFacetValue = 512
