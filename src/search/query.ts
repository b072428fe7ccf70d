import { type CallOptions, callKinds } from '../core/abort'
import type { JsonObject } from '../core/json'
import { group, type Kind, milliseconds, type OptionKinds } from '../core/option-kinds'
import type { FilterPath, IsLoose } from '../filter/typed'
import type { Facet } from '../repositories/facets'
import type { FieldWeights, TextMatch } from '../repositories/typed-query'
import type { HitExplain, PageExplain } from './explain'
import type { FusionMethod, Leg } from './fusion'
import type { HighlightOptions } from './highlight'

/** A number for each leg. */
export interface PerLeg {
  text?: number | undefined
  vector?: number | undefined
}

/** What to search for: words, a vector, or both. `F` is the filter's type, `M` the metadata's. */
export interface SearchQuery<F = unknown, M = JsonObject> {
  /** Plain words, up to 8 KiB; or up to 8 phrasings of one question, whose answers are fused into one page. */
  query?: string | readonly string[] | undefined
  /** A vector of the live fingerprint, instead of embedding `query`. */
  vector?: Float32Array | readonly number[] | undefined
  /**
   * How words are taken: at least one of them ('words', the default); all, next to each other and in order ('phrase'); or
   * the last one as a beginning ('prefix'). The vector leg does not ask.
   */
  match?: TextMatch | undefined
  /** What an occurrence of a word counts in the title, in the heading of a part, in the text; 1 each by default, 0 to 100. */
  fields?: FieldWeights | undefined
  /** 'hybrid' fuses both legs and is the default with `query`; a single leg that is down throws. */
  mode?: 'hybrid' | 'text' | 'vector' | undefined
  /** Which documents count; checked again in Postgres for every hit. */
  filter?: F | undefined
  /** Hits of a page, 1 to 1,000; 10 by default. */
  limit?: number | undefined
  /** One hit a document, its best chunk. */
  groupBy?: 'document' | undefined
  /** From the page before, with the same request. */
  cursor?: string | undefined
  /** Says of each hit where it was found, and of the page how it came about. */
  explain?: boolean | undefined
  /** Marks the words of the query in the text; true by default. */
  highlight?: boolean | Partial<HighlightOptions> | undefined
  /** 'weighted' (default) adds up the legs' scores on one scale; 'rrf' reciprocal ranks, also the default with `k`. */
  fusion?: FusionMethod | undefined
  /** Of the legs in the fusion; 1 and 1 by default. */
  weights?: PerLeg | undefined
  /** Constant of reciprocal rank fusion; 60 there by default. */
  k?: number | undefined
  /** What a leg finds below this, in its own score (BM25, cosine), does not count. None by default. */
  minScore?: PerLeg | undefined
  /** 0 (default) to 1: how much likeness to better hits counts against a hit, among the best 100. */
  diversity?: number | undefined
  /** Counts values of these paths among all that match; 10 values a path by default. */
  facets?: readonly FacetPath<M>[] | { paths: readonly FacetPath<M>[]; limit?: number | undefined } | undefined
  /** Orders the best hits anew; false leaves out the store's own. */
  rerank?: Reranker<M> | false | undefined
}

/** What a facet may count: declared metadata, fields of the document's own, and a chunk's metadata. */
export type FacetPath<M = JsonObject> =
  IsLoose<M> extends true
    ? string
    : FilterPath<M, 4> | '$source' | '$title' | '$status' | '$contentType' | `$chunk.${string}`

/** A second opinion on the best hits: a cross-encoder, a language model, business rules. */
export interface Reranker<M = JsonObject> {
  /**
   * A score for each hit, in their order, higher is better; or `order`, the hits' places (from 0) best first. The hits are
   * of one tenant, as Postgres has them. When it throws, is late or answers for another number, the order stays.
   */
  rank(query: string, hits: readonly SearchHit<M>[], options: { signal: AbortSignal }): Ranked | PromiseLike<Ranked>
  /** How many of the best hits it sees; 50 by default. */
  top?: number | undefined
  /** How long it may take, ms; 1,000 by default. */
  timeoutMs?: number | undefined
}

export type Ranked = readonly number[] | { readonly order: readonly number[] }

/** A chunk that was found, with its document, as Postgres has them at this moment. */
export interface SearchHit<M = JsonObject> {
  readonly documentId: string
  readonly chunkId: string
  /** Fused score in hybrid mode, else the leg's own (BM25, cosine); higher is better. */
  readonly score: number
  readonly title: string
  /** Under which the chunk begins; empty where there is none. */
  readonly heading: string
  /** The header of a table that the chunk's first rows were cut from; absent where they were not. */
  readonly tableHeader?: string | undefined
  readonly text: string
  /** Of the document; null when it was given none. */
  readonly source: string | null
  /** Place of the chunk in its document, from 0. */
  readonly ordinal: number
  /** Offsets of `text` in the document, UTF-16 units. */
  readonly start: number
  readonly end: number
  readonly metadata: M
  /** The chunk's own, such as its page; `{}` where it has none. */
  readonly chunkMetadata: JsonObject
  /** Version of the document as of this answer. */
  readonly version: number
  /** Passages with the query's words marked; absent without words or with `highlight: false`. */
  readonly highlights?: readonly string[] | undefined
  /** With `explain: true`; ranks are absent on pages after the first and on cached ones. */
  readonly explain?: HitExplain | undefined
}

/** What did not answer as it should, and why. */
export interface SearchDegradation {
  readonly leg: Leg | 'rerank'
  readonly reason: string
}

/** A page of hits, best first. */
export interface SearchPage<M = JsonObject> {
  readonly hits: readonly SearchHit<M>[]
  /** Legs that did not answer and why; empty when all is well. */
  readonly degraded: readonly SearchDegradation[]
  /** Where the next page begins; absent on the last. */
  readonly cursor?: string | undefined
  /** True when the candidates came from the search cache; `explain` then has no ranks. */
  readonly cached?: true | undefined
  /** On page one, where `facets` asked for them: one for each path, in their order. */
  readonly facets?: readonly Facet<FacetPath<M>>[] | undefined
  /** With `explain: true`. */
  readonly explain?: PageExplain | undefined
}

/** How long a search may take. */
export interface SearchOptions extends CallOptions {
  /** How long a leg may take before the other answers alone, ms; 5,000 by default, for both or for each. */
  legTimeoutMs?: number | PerLeg | undefined
}

const perLegMs = group({ text: milliseconds(), vector: milliseconds() } satisfies OptionKinds<PerLeg>)
const legTimeout: Kind = (value, path, code) => {
  return (typeof value === 'object' ? perLegMs : milliseconds())(value, path, code)
}

/** Of the options of a search. */
export const legKinds = { ...callKinds, legTimeoutMs: legTimeout } satisfies OptionKinds<SearchOptions>
