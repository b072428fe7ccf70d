import { HeadwaterError } from '../core/errors'
import { type Scope, sha256 } from '../core/ids'
import { isPlainObject } from '../core/json'
import { type KnownOptions, refuseUnknown } from '../core/known-options'
import { chunkPath, isOwnField, ownFields } from '../filter/entry-leaves'
import type { MetadataDeclaration } from '../filter/metadata'
import { metadataPathProblem } from '../filter/metadata-key'
import { parseFilter } from '../filter/parse'
import type { ParsedFilter } from '../filter/parsed'
import type { FieldWeights, TextMatch } from '../repositories/typed-query'
import { defaultFusion, type FusionOptions, type Leg } from './fusion'
import { type HighlightOptions, highlightDefaults } from './highlight'
import type { Reranker, SearchQuery } from './query'

/** A reranker with its defaults. */
export interface ResolvedReranker {
  readonly rank: Reranker['rank']
  readonly top: number
  readonly timeoutMs: number
}

/** A checked query. */
export interface ResolvedQuery {
  /** The phrasings, each with a word in it; none where only a vector was given. */
  readonly phrasings: readonly string[]
  /** All their words. */
  readonly words: string
  readonly match: TextMatch
  readonly fields: FieldWeights | undefined
  readonly vector: Float32Array | undefined
  readonly legs: readonly Leg[]
  readonly filter: ParsedFilter | undefined
  readonly limit: number
  readonly byDocument: boolean
  readonly explain: boolean
  readonly highlight: HighlightOptions | undefined
  readonly fusion: FusionOptions
  readonly minScore: Readonly<Partial<Record<Leg, number>>>
  readonly diversity: number
  readonly facets: { readonly paths: readonly string[]; readonly limit: number } | undefined
  readonly rerank: ResolvedReranker | undefined
  /** A chunk that is no candidate. */
  readonly exclude: string | undefined
  readonly cursor: string | undefined
  /** Of everything that decides on the candidates and their order, 32 hex digits: what is cached under. */
  readonly proposal: string
  /** `proposal`, and what decides which of them are left after a page: what a cursor is bound to. */
  readonly key: string
}

/** What a method above search says beside the user's query. */
export interface ResolveOptions {
  readonly rerank?: Reranker | undefined
  /** Stands for `vector` in the keys: what it was made of. */
  readonly origin?: string | undefined
  readonly exclude?: string | undefined
  /** To hold beside the user's filter. */
  readonly and?: ParsedFilter | undefined
}

const known = {
  query: true,
  match: true,
  fields: true,
  vector: true,
  mode: true,
  filter: true,
  limit: true,
  groupBy: true,
  cursor: true,
  explain: true,
  highlight: true,
  fusion: true,
  weights: true,
  k: true,
  minScore: true,
  diversity: true,
  facets: true,
  rerank: true,
} satisfies KnownOptions<SearchQuery>
const fieldNames = { title: true, heading: true, text: true } satisfies KnownOptions<FieldWeights>
const perLeg = { text: true, vector: true } satisfies KnownOptions<Record<Leg, number>>

const mostWeight = 100
const maxLimit = 1_000
const maxQueryBytes = 8 * 1024
const maxPhrasings = 8
const maxFacets = 20
const maxFacetValues = 1_000
const maxRerank = 1_000

export function resolveQuery(
  scope: Scope,
  query: SearchQuery,
  declaration: MetadataDeclaration | undefined,
  options: ResolveOptions = {},
): ResolvedQuery {
  checkNames(query)
  const phrasings = phrasingsOf(query.query)
  const vector = query.vector === undefined ? undefined : Float32Array.from(query.vector)
  const legs = legsOf(query.mode, phrasings.length > 0, vector)
  const filter = filterOf(query.filter, declaration, options.and)
  if (query.groupBy !== undefined && query.groupBy !== 'document') {
    throw invalid('groupBy', `must be 'document', got ${JSON.stringify(query.groupBy)}`)
  }
  const match = matchOf(query.match)
  const fields = fieldsOf(query.fields)
  const fusion = fusionOf(query, legs, phrasings.length, vector !== undefined)
  const minScore = minScoreOf(query.minScore)
  const diversity = query.diversity ?? 0
  if (!(diversity >= 0 && diversity <= 1)) throw invalid('diversity', `must be a number from 0 to 1, got ${diversity}`)
  const fused = (fusion.asked.text ?? 0) + (fusion.asked.vector ?? 0) > 1
  const origin = options.origin ?? (vector ? Buffer.from(vector.buffer) : '')
  const proposal = sha256(
    scope.tenant,
    scope.collection,
    // What separates words makes no other request.
    JSON.stringify(phrasings.map((text) => text.trim().replace(/\s+/gu, ' '))),
    origin,
    JSON.stringify([
      legs,
      ...(match === 'words' && !fields ? [] : [[match, fields]]),
      filter ?? null,
      fused ? [fusion.method, fusion.weights, fusion.method === 'rrf' ? fusion.k : null] : null,
      legs.map((leg) => minScore[leg] ?? null),
      diversity,
      options.exclude ?? null,
    ]),
  ).slice(0, 32)
  const byDocument = query.groupBy === 'document'
  return {
    phrasings,
    words: phrasings.join(' '),
    match,
    fields,
    vector,
    legs,
    filter,
    limit: wholeNumber('limit', query.limit ?? 10, maxLimit),
    byDocument,
    explain: query.explain ?? false,
    highlight: query.highlight === false ? undefined : { ...highlightDefaults, ...given(query.highlight) },
    fusion,
    minScore,
    diversity,
    facets: facetsOf(query.facets),
    rerank: rerankOf(query.rerank ?? options.rerank),
    exclude: options.exclude,
    cursor: query.cursor,
    proposal,
    key: sha256(proposal, String(byDocument)).slice(0, 32),
  }
}

/** A misspelt filter would let everything through. */
function checkNames(query: SearchQuery): void {
  const { weights, minScore, highlight, facets } = query
  const refuse = (options: object | undefined, names: object, path: string): void =>
    refuseUnknown(options, names, path, 'HW_INVALID_ARGUMENT')
  refuse(query, known, '')
  refuse(weights, perLeg, 'weights')
  refuse(query.fields, fieldNames, 'fields')
  refuse(minScore, perLeg, 'minScore')
  if (typeof highlight === 'object') refuse(highlight, highlightDefaults, 'highlight')
  if (typeof facets === 'object' && !Array.isArray(facets)) refuse(facets, { paths: true, limit: true }, 'facets')
}

function phrasingsOf(query: SearchQuery['query']): string[] {
  const given: unknown[] = Array.isArray(query) ? query : [query ?? '']
  const texts = given.map((text) => {
    if (typeof text === 'string') return text.toWellFormed()
    throw invalid('query', 'must be a string or a list of strings')
  })
  if (texts.length > maxPhrasings) throw beyond('query', `at most ${maxPhrasings} phrasings, got ${texts.length}`)
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > maxQueryBytes) throw beyond('query', `at most ${maxQueryBytes} bytes, got ${bytes}`)
  return texts.filter((text) => text.trim() !== '')
}

function matchOf(match: TextMatch | undefined): TextMatch {
  if (match === undefined || match === 'words' || match === 'phrase' || match === 'prefix') return match ?? 'words'
  throw invalid('match', `must be 'words', 'phrase' or 'prefix', got ${JSON.stringify(match)}`)
}

/** Undefined where all count alike. */
function fieldsOf(given: FieldWeights | undefined): FieldWeights | undefined {
  const { title = 1, heading = 1, text = 1 } = given ?? {}
  for (const [field, weight] of Object.entries({ title, heading, text })) {
    if (typeof weight === 'number' && weight >= 0 && weight <= mostWeight) continue
    throw invalid(`fields.${field}`, `must be a number from 0 to ${mostWeight}, got ${String(weight)}`)
  }
  return title === 1 && heading === 1 && text === 1 ? undefined : { title, heading, text }
}

function legsOf(mode: SearchQuery['mode'], worded: boolean, vector: Float32Array | undefined): readonly Leg[] {
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

function filterOf(
  filter: unknown,
  declaration: MetadataDeclaration | undefined,
  and: ParsedFilter | undefined,
): ParsedFilter | undefined {
  const own = filter === undefined ? undefined : parseFilter(filter, declaration)
  return own && and ? { kind: 'all', of: [own, and] } : (own ?? and)
}

function fusionOf(query: SearchQuery, legs: readonly Leg[], phrasings: number, vector: boolean): FusionOptions {
  const method = query.fusion ?? (query.k === undefined ? defaultFusion : 'rrf')
  if (method !== 'rrf' && method !== 'weighted') {
    throw invalid('fusion', `must be 'rrf' or 'weighted', got ${JSON.stringify(method)}`)
  }
  const weights = { text: query.weights?.text ?? 1, vector: query.weights?.vector ?? 1 }
  for (const [leg, weight] of Object.entries(weights)) {
    if (!(weight >= 0 && Number.isFinite(weight))) throw invalid(`weights.${leg}`, `must be 0 or more, got ${weight}`)
  }
  const k = query.k ?? 60
  if (!(k >= 0 && Number.isFinite(k))) throw invalid('k', `must be 0 or more, got ${k}`)
  const asked = Object.fromEntries(legs.map((leg) => [leg, leg === 'vector' && vector ? 1 : phrasings]))
  return { method, weights, k, asked }
}

function minScoreOf(given: SearchQuery['minScore']): Partial<Record<Leg, number>> {
  const minScore: Partial<Record<Leg, number>> = {}
  for (const leg of ['text', 'vector'] as const) {
    const least = given?.[leg]
    if (least === undefined) continue
    if (!Number.isFinite(least)) throw invalid(`minScore.${leg}`, `must be a number, got ${least}`)
    minScore[leg] = least
  }
  return minScore
}

function facetProblem(path: string): string | undefined {
  if (path === '$source' || isOwnField(path)) return undefined
  return metadataPathProblem(path.startsWith(chunkPath) ? path.slice(chunkPath.length) : path)
}

function facetsOf(given: SearchQuery['facets']): ResolvedQuery['facets'] {
  if (given === undefined) return undefined
  const { paths, limit = 10 } = isPlainObject(given) && 'paths' in given ? given : { paths: given }
  if (!Array.isArray(paths)) throw invalid('facets', 'must be a list of metadata paths, or { paths, limit }')
  if (paths.length > maxFacets) throw beyond('facets', `at most ${maxFacets} paths, got ${paths.length}`)
  paths.forEach((path: unknown, at) => {
    const problem = typeof path === 'string' ? facetProblem(path) : 'is no string'
    if (problem === undefined) return
    const more = ['$source', ...ownFields, `${chunkPath}<path>`].join(', ')
    throw invalid(`facets[${at}]`, `the path ${JSON.stringify(path)} ${problem}; ${more} are known too`)
  })
  return { paths: [...new Set(paths)], limit: wholeNumber('facets.limit', limit, maxFacetValues) }
}

function rerankOf(given: SearchQuery['rerank']): ResolvedReranker | undefined {
  if (given === undefined || given === false) return undefined
  if (typeof given?.rank !== 'function') throw invalid('rerank.rank', 'must be a function of (query, hits, { signal })')
  const timeoutMs = given.timeoutMs ?? 1_000
  if (!(timeoutMs > 0)) throw invalid('rerank.timeoutMs', `must be above 0, got ${timeoutMs}`)
  const top = wholeNumber('rerank.top', given.top ?? 50, maxRerank)
  return { rank: (query, hits, options) => given.rank(query, hits, options), top, timeoutMs }
}

function given(options: SearchQuery['highlight']): Partial<HighlightOptions> {
  return typeof options === 'object' ? options : {}
}

function wholeNumber(path: string, value: number, most: number): number {
  if (!Number.isInteger(value) || value < 1) throw invalid(path, `must be a whole number from 1, got ${value}`)
  if (value > most) throw beyond(path, `at most ${most}, got ${value}`)
  return value
}

function beyond(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_LIMIT_EXCEEDED', `${path}: ${problem}`, { path })
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
