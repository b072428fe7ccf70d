import { type OptionKinds, whole } from './option-kinds'

/** How much a call may be asked for. What is beyond is refused before any work is done. */
export interface Limits {
  /** Hits of a page of a search, documents of a list. */
  readonly pageSize: number
  /** Bytes of a query, all its phrasings together. */
  readonly queryBytes: number
  readonly phrasings: number
  /** Searches of one `searchMany`. */
  readonly searches: number
  /** Paths of `facets`, and values of each. */
  readonly facets: number
  readonly facetValues: number
  /** Conditions of a filter, filters within one another, and values in all its lists. */
  readonly filterConditions: number
  readonly filterDepth: number
  readonly filterValues: number
  /** Objects and lists within one another in metadata, itself included. */
  readonly metadataDepth: number
  /** Bytes of a document's id, up to 512: keys of indexes are made of it. */
  readonly idBytes: number
  /** Chunks of a document's own. Their texts together may be twice `writer.maxTextBytes`. */
  readonly chunks: number
  /** Ids, keys or tags of one call. */
  readonly keys: number
  /** Bytes of a cache's key or tag. */
  readonly keyBytes: number
  /** Bytes of a cached value, as JSON. */
  readonly valueBytes: number
  /** Bytes of an errand's payload, as JSON. */
  readonly payloadBytes: number
  /** Refused documents that the result of a batch names; the others are counted. */
  readonly failures: number
}

export const limitDefaults = Object.freeze({
  pageSize: 1_000,
  queryBytes: 8 * 1_024,
  phrasings: 8,
  searches: 100,
  facets: 20,
  facetValues: 1_000,
  filterConditions: 100,
  filterDepth: 8,
  filterValues: 10_000,
  metadataDepth: 8,
  idBytes: 512,
  chunks: 10_000,
  keys: 10_000,
  keyBytes: 8 * 1_024,
  valueBytes: 16 * 2 ** 20,
  payloadBytes: 64 * 1_024,
  failures: 100,
}) satisfies Limits

/** As far as each may be raised: what engines and the stack still take. */
export const limitKinds = {
  pageSize: whole(1, 10_000),
  queryBytes: whole(1, 1_048_576),
  phrasings: whole(1, 64),
  searches: whole(1, 1_000),
  facets: whole(1, 100),
  facetValues: whole(1, 10_000),
  filterConditions: whole(1, 1_000),
  filterDepth: whole(1, 32),
  filterValues: whole(1, 100_000),
  metadataDepth: whole(1, 64),
  idBytes: whole(1, 512),
  chunks: whole(1, 1_000_000),
  keys: whole(1, 1_000_000),
  keyBytes: whole(64, 1_048_576),
  valueBytes: whole(1, 512 * 2 ** 20),
  payloadBytes: whole(1, 16 * 2 ** 20),
  failures: whole(0, 1_000_000),
} satisfies OptionKinds<Limits>
