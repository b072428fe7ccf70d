import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { type Scope, sha256 } from '../core/ids'
import { reading } from '../core/known-options'
import { type Limits, limitDefaults } from '../core/limits'
import {
  anything,
  checkOptions,
  flag,
  flagOr,
  group,
  type Kind,
  number,
  type OptionKinds,
  oneOf,
  whole,
  within,
  words,
} from '../core/option-kinds'
import { takeVector } from '../embeddings/vector-codec'
import { chunkPath, isOwnField, ownFields } from '../filter/entry-leaves'
import type { MetadataDeclaration } from '../filter/metadata'
import { metadataPathProblem } from '../filter/metadata-key'
import { filterLimitsOf, parseFilter } from '../filter/parse'
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
  /** How much may be asked for; as by default when left out. */
  readonly limits?: Limits | undefined
  /** Stands for `vector` in the keys: what it was made of. */
  readonly origin?: string | undefined
  readonly exclude?: string | undefined
  /** To hold beside the user's filter. */
  readonly and?: ParsedFilter | undefined
}

/** What sums and quotients of scores are made of, far from where they overflow. */
const factor = number(0, 1e9)
const score = number(-1e30, 1e30)
const weight = number(0, 100)
const perLeg = (of: Kind): Kind => group({ text: of, vector: of } satisfies OptionKinds<Record<Leg, number>>)

const kinds = {
  query: anything,
  match: oneOf('words', 'phrase', 'prefix'),
  fields: group({ title: weight, heading: weight, text: weight } satisfies OptionKinds<FieldWeights>),
  vector: anything,
  mode: oneOf('hybrid', 'text', 'vector'),
  filter: anything,
  limit: anything,
  groupBy: oneOf('document'),
  cursor: anything,
  explain: flag,
  highlight: flagOr(
    group({
      passages: whole(1, 100),
      length: whole(10, 4_000),
      before: words(256),
      after: words(256),
    } satisfies OptionKinds<HighlightOptions>),
  ),
  fusion: oneOf('rrf', 'weighted'),
  weights: perLeg(factor),
  k: factor,
  minScore: perLeg(score),
  diversity: number(0, 1),
  facets: anything,
  rerank: anything,
} satisfies OptionKinds<SearchQuery>

const maxRerank = 1_000

export function resolveQuery(
  scope: Scope,
  given: SearchQuery,
  declaration: MetadataDeclaration | undefined,
  options: ResolveOptions = {},
): ResolvedQuery {
  if (typeof given !== 'object' || given === null)
    throw invalid('query', `must be an object, got ${describeValue(given)}`)
  const query = checkOptions(given, kinds, '', 'HW_INVALID_ARGUMENT')
  const limits = options.limits ?? limitDefaults
  const phrasings = phrasingsOf(query.query, limits)
  const vector = query.vector === undefined ? undefined : takeVector(query.vector, 'vector', 'HW_INVALID_ARGUMENT')
  const legs = legsOf(query.mode, phrasings.length > 0, vector)
  const filter = filterOf(query.filter, declaration, limits, options.and)
  const { match = 'words' } = query
  const fields = fieldsOf(query.fields)
  const fusion = fusionOf(query, legs, phrasings.length, vector !== undefined)
  const { diversity = 0 } = query
  const minScore = (query.minScore ?? {}) as Partial<Record<Leg, number>>
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
    limit: wholeNumber('limit', query.limit ?? Math.min(10, limits.pageSize), limits.pageSize),
    byDocument,
    explain: query.explain ?? false,
    highlight: highlightOf(query.highlight),
    fusion,
    minScore,
    diversity,
    facets: reading('facets', 'HW_INVALID_ARGUMENT', () => facetsOf(query.facets, limits)),
    rerank: rerankOf(query.rerank ?? options.rerank),
    exclude: options.exclude,
    cursor: query.cursor,
    proposal,
    key: sha256(proposal, String(byDocument)).slice(0, 32),
  }
}

function phrasingsOf(query: SearchQuery['query'], limits: Limits): string[] {
  const texts = reading('query', 'HW_INVALID_ARGUMENT', () => {
    const given: readonly unknown[] = Array.isArray(query) ? query : [query ?? '']
    const { length } = given
    if (!(length <= limits.phrasings)) throw beyond('query', `at most ${limits.phrasings} phrasings, got ${length}`)
    return Array.from({ length }, (_, at) => {
      const text = given[at]
      if (typeof text === 'string') return text.length > limits.queryBytes ? text : text.toWellFormed()
      throw invalid('query', 'must be a string or a list of strings')
    })
  })
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > limits.queryBytes) throw beyond('query', `at most ${limits.queryBytes} bytes, got ${bytes}`)
  return texts.filter((text) => text.trim() !== '')
}

function fieldsOf(given: FieldWeights | undefined): FieldWeights | undefined {
  const { title = 1, heading = 1, text = 1 } = given ?? {}
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
  }
}

function filterOf(
  filter: unknown,
  declaration: MetadataDeclaration | undefined,
  limits: Limits,
  and: ParsedFilter | undefined,
): ParsedFilter | undefined {
  const own = filter === undefined ? undefined : parseFilter(filter, declaration, filterLimitsOf(limits))
  return own && and ? { kind: 'all', of: [own, and] } : (own ?? and)
}

function fusionOf(query: SearchQuery, legs: readonly Leg[], phrasings: number, vector: boolean): FusionOptions {
  const method = query.fusion ?? (query.k === undefined ? defaultFusion : 'rrf')
  const weights = { text: query.weights?.text ?? 1, vector: query.weights?.vector ?? 1 }
  const { k = 60 } = query
  const asked = Object.fromEntries(legs.map((leg) => [leg, leg === 'vector' && vector ? 1 : phrasings]))
  return { method, weights, k, asked }
}

function facetsOf(given: SearchQuery['facets'], limits: Limits): ResolvedQuery['facets'] {
  if (given === undefined) return undefined
  const options: Facets = Array.isArray(given) ? { paths: given } : (given as Facets)
  const { paths, limit = Math.min(10, limits.facetValues) } = checkOptions(
    options,
    facetKinds,
    'facets',
    'HW_INVALID_ARGUMENT',
  )
  if (!Array.isArray(paths)) throw invalid('facets', 'must be a list of metadata paths, or { paths, limit }')
  const wanted = reading('facets', 'HW_INVALID_ARGUMENT', () => {
    const { length } = paths
    if (!(length <= limits.facets)) throw beyond('facets', `at most ${limits.facets} paths, got ${length}`)
    return Array.from({ length }, (_, at) => {
      const path: unknown = paths[at]
      const problem = typeof path === 'string' ? facetProblem(path) : 'is no string'
      if (problem === undefined) return path as string
      const more = ['$source', ...ownFields, `${chunkPath}<path>`].join(', ')
      throw invalid(`facets[${at}]`, `the path ${describeValue(path)} ${problem}; ${more} are known too`)
    })
  })
  return { paths: [...new Set(wanted)], limit: wholeNumber('facets.limit', limit, limits.facetValues) }
}

function facetProblem(path: string): string | undefined {
  if (path === '$source' || isOwnField(path)) return undefined
  return metadataPathProblem(path.startsWith(chunkPath) ? path.slice(chunkPath.length) : path)
}

interface Facets {
  readonly paths: readonly string[]
  readonly limit?: number | undefined
}

const facetKinds = { paths: anything, limit: anything } satisfies OptionKinds<Facets>

function rerankOf(given: SearchQuery['rerank']): ResolvedReranker | undefined {
  if (given === undefined || given === false) return undefined
  return reading('rerank', 'HW_INVALID_ARGUMENT', () => {
    const { rank, timeoutMs = 1_000, top = 50 } = Object(given) as Reranker
    if (typeof rank !== 'function') throw invalid('rerank.rank', 'must be a function of (query, hits, { signal })')
    if (!within(timeoutMs, Number.MIN_VALUE, 2 ** 31 - 1)) {
      throw invalid('rerank.timeoutMs', `must be above 0, got ${describeValue(timeoutMs)}`)
    }
    const called: Reranker['rank'] = (query, hits, options) => rank.call(given, query, hits, options)
    return { rank: called, top: wholeNumber('rerank.top', top, maxRerank), timeoutMs }
  })
}

function highlightOf(given: SearchQuery['highlight']): HighlightOptions | undefined {
  if (given === false) return undefined
  return { ...highlightDefaults, ...(typeof given === 'object' && given) }
}

function wholeNumber(path: string, value: number, most: number): number {
  if (!Number.isInteger(value) || value < 1) {
    throw invalid(path, `must be a whole number from 1, got ${describeValue(value)}`)
  }
  if (value > most) throw beyond(path, `at most ${most}, got ${value}`)
  return value
}

function beyond(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_LIMIT_EXCEEDED', `${path}: ${problem}`, { path })
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
