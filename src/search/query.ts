import type { CallOptions } from '../core/abort'
import { HeadwaterError } from '../core/errors'
import { type Scope, sha256 } from '../core/ids'
import type { JsonObject } from '../core/json'
import type { MetadataDeclaration } from '../filter/metadata'
import { parseFilter } from '../filter/parse'
import type { ParsedFilter } from '../filter/parsed'
import type { Leg, LegRank } from './fusion'
import { type HighlightOptions, highlightDefaults } from './highlight'

/** What to search for. Words, a vector, or both. */
export interface SearchQuery<F = unknown> {
  /** Plain words, up to 8 KiB. */
  query?: string | undefined
  /** A vector of the live fingerprint, instead of embedding `query`. */
  vector?: Float32Array | readonly number[] | undefined
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
  /** Adds each leg's rank and score to the hits. */
  explain?: boolean | undefined
  /** Marks the words of the query in the text; true by default. */
  highlight?: boolean | Partial<HighlightOptions> | undefined
  /** Of the legs in the fusion; 1 and 1 by default. */
  weights?: Partial<Record<Leg, number>> | undefined
  /** Constant of reciprocal rank fusion; 60 by default. */
  k?: number | undefined
}

/** A chunk that was found, with its document, as Postgres has them at this moment. */
export interface SearchHit<M = JsonObject> {
  readonly documentId: string
  readonly chunkId: string
  /** Fused rank score in hybrid mode, else the leg's own (BM25, cosine); higher is better. */
  readonly score: number
  readonly title: string
  readonly text: string
  /** Of the document; null when it was given none. */
  readonly source: string | null
  /** Place of the chunk in its document, from 0. */
  readonly ordinal: number
  /** Offsets of `text` in the document, UTF-16 units. */
  readonly start: number
  readonly end: number
  readonly metadata: M
  /** Version of the document as of this answer. */
  readonly version: number
  /** Passages with the query's words marked; absent without words or with `highlight: false`. */
  readonly highlights?: readonly string[] | undefined
  /** Rank and score in each leg, with `explain: true`; empty on pages after the first and on cached ones. */
  readonly explain?: Readonly<Partial<Record<Leg, LegRank>>> | undefined
}

/** A page of hits, best first. */
export interface SearchPage<M = JsonObject> {
  readonly hits: readonly SearchHit<M>[]
  /** Legs that did not answer and why; empty when all is well. */
  readonly degraded: readonly { readonly leg: Leg; readonly reason: string }[]
  /** Where the next page begins; absent on the last. */
  readonly cursor?: string | undefined
  /** True when the candidates came from the search cache; `explain` is then empty. */
  readonly cached?: true | undefined
}

/** How long a search may take. */
export interface SearchOptions extends CallOptions {
  /** How long a leg may take before the other answers alone, ms; 5,000 by default. */
  legTimeoutMs?: number | undefined
}

/** A checked query. */
export interface ResolvedQuery {
  readonly query: string
  readonly vector: Float32Array | undefined
  readonly legs: readonly Leg[]
  readonly filter: ParsedFilter | undefined
  readonly limit: number
  readonly byDocument: boolean
  readonly explain: boolean
  readonly highlight: HighlightOptions | undefined
  readonly weights: Record<Leg, number>
  readonly k: number
  readonly cursor: string | undefined
  /** Of the request without cursor, limit and looks, 32 hex digits: what a cursor is bound to. */
  readonly key: string
}

const maxLimit = 1_000
const maxQueryBytes = 8 * 1024

export function resolveQuery(
  scope: Scope,
  query: SearchQuery,
  declaration: MetadataDeclaration | undefined,
): ResolvedQuery {
  const text = query.query ?? ''
  if (typeof text !== 'string') throw invalid('query', 'must be a string')
  if (Buffer.byteLength(text) > maxQueryBytes) {
    throw new HeadwaterError('HW_LIMIT_EXCEEDED', `query: at most ${maxQueryBytes} bytes`, { path: 'query' })
  }
  const vector = query.vector === undefined ? undefined : Float32Array.from(query.vector)
  const filter = query.filter === undefined ? undefined : parseFilter(query.filter, declaration)
  const limit = query.limit ?? 10
  if (!Number.isInteger(limit) || limit < 1) throw invalid('limit', `must be a whole number from 1, got ${limit}`)
  if (limit > maxLimit) {
    throw new HeadwaterError('HW_LIMIT_EXCEEDED', `limit: at most ${maxLimit}, got ${limit}`, { path: 'limit' })
  }
  if (query.groupBy !== undefined && query.groupBy !== 'document') {
    throw invalid('groupBy', `must be 'document', got ${JSON.stringify(query.groupBy)}`)
  }
  const weights = { text: query.weights?.text ?? 1, vector: query.weights?.vector ?? 1 }
  for (const [leg, weight] of Object.entries(weights)) {
    if (!(weight >= 0 && Number.isFinite(weight))) throw invalid(`weights.${leg}`, `must be 0 or more, got ${weight}`)
  }
  const k = query.k ?? 60
  if (!(k >= 0 && Number.isFinite(k))) throw invalid('k', `must be 0 or more, got ${k}`)
  const legs = legsOf(query.mode, text, vector)
  return {
    query: text,
    vector,
    legs,
    filter,
    limit,
    byDocument: query.groupBy === 'document',
    explain: query.explain ?? false,
    highlight: query.highlight === false ? undefined : { ...highlightDefaults, ...given(query.highlight) },
    weights,
    k,
    cursor: query.cursor,
    key: sha256(
      scope.tenant,
      scope.collection,
      // What separates words makes no other request.
      text.trim().replace(/\s+/gu, ' '),
      vector ? Buffer.from(vector.buffer) : '',
      JSON.stringify([legs, filter ?? null, query.groupBy ?? null, weights, k]),
    ).slice(0, 32),
  }
}

function legsOf(mode: SearchQuery['mode'], text: string, vector: Float32Array | undefined): readonly Leg[] {
  const worded = text.trim() !== ''
  switch (mode ?? (worded ? 'hybrid' : 'vector')) {
    case 'text':
      if (!worded) throw invalid('query', 'must hold a word in text mode')
      return ['text']
    case 'vector':
      if (!worded && !vector) throw invalid('query', 'give words or a vector')
      return ['vector']
    case 'hybrid':
      if (!worded && !vector) throw invalid('query', 'give words or a vector')
      return worded ? ['text', 'vector'] : ['vector']
    default:
      throw invalid('mode', `must be 'hybrid', 'text' or 'vector', got ${JSON.stringify(mode)}`)
  }
}

function given(options: SearchQuery['highlight']): Partial<HighlightOptions> {
  return typeof options === 'object' ? options : {}
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
