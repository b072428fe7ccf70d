import type { CallOptions } from '../core/abort'
import { type Deadline, withDeadline } from '../core/deadline'
import { asHeadwaterError, HeadwaterError } from '../core/errors'
import type { Scope } from '../core/ids'
import { readingOf } from '../core/words/reading'
import type { VectorLru } from '../embeddings/lru'
import { checkVector } from '../embeddings/vector-codec'
import type { ParsedFilter } from '../filter/parsed'
import type { Facet } from '../repositories/facets'
import { type Generation, textIndexOf, vectorIndexOf } from '../repositories/generations'
import { type IndexPorts, textsOf, vectorsOf } from '../repositories/index-engines'
import type { IndexHit } from '../repositories/index-entry'
import { filterHeld } from '../repositories/index-format'
import { mostTyped } from '../repositories/typed-query'
import type { VectorQuery } from '../repositories/vectors'
import type { Hedge } from '../resilience/hedge'
import { diversify, diversityPool } from './diversity'
import type { SearchPart, Trace } from './explain'
import { atLeast, type Candidate, fuse, type Leg, type LegList } from './fusion'
import { lastResortReason, searchTruth } from './last-resort'
import type { SearchDegradation, SearchOptions } from './query'
import { type EmbedTexts, embedQuery, type QueryVectorPorts } from './query-vector'
import type { ResolvedQuery } from './resolve-query'
import type { Proposed } from './search-cache'

/** What the legs of a search are asked through. */
export interface LegPorts extends QueryVectorPorts, IndexPorts {
  readonly queries: VectorLru
  /** A leg's requests that take long are asked twice. */
  readonly hedges?: Readonly<Record<Leg, Hedge>> | undefined
}

/** Asks the vector leg for several queries at once. */
export type SearchVectors = (
  generation: Generation,
  queries: readonly VectorQuery[],
  call: CallOptions,
) => Promise<readonly IndexHit[][]>

export function searchVectors(ports: IndexPorts): SearchVectors {
  return async (generation, queries, call) => {
    const vectors = vectorsOf(ports, generation)
    const index = vectorIndexOf(generation)
    return vectors.searchMany && queries.length > 1
      ? vectors.searchMany(index, queries, call)
      : Promise.all(queries.map((query) => vectors.search(index, query, call)))
  }
}

/** How the legs are asked, where several searches ask together. */
export interface LegSeams {
  readonly embed?: EmbedTexts | undefined
  readonly searchVectors?: SearchVectors | undefined
}

const defaultTimeoutMs = 5_000
const noWordsReason = 'noWords: there is no word in the query, so none was looked for'

/** Without what is not like the query at all: beside words it ranks last, without words it would be chance. */
function alike({ leg, hits }: LegList): LegList {
  return { leg, hits: leg === 'text' ? hits : hits.filter(({ score }) => score > 0) }
}

/** What counts of a query, never half a character. */
function typed(query: string): string {
  return query.length <= mostTyped ? query : query.slice(0, mostTyped).toWellFormed()
}

/**
 * The legs of one search. A leg that fails is left out of the rest of it; if none is left, hybrid search is answered by
 * the truth, and a single leg's error is thrown.
 */
export class LegRun {
  readonly #degraded: SearchDegradation[] = []
  readonly #ports: LegPorts
  readonly #seams: LegSeams
  readonly #scope: Scope
  readonly #query: ResolvedQuery
  readonly #generations: Record<Leg, Generation | undefined>
  readonly #timeouts: Record<Leg, number>
  readonly #trace: Trace
  readonly #down = new Map<Leg, HeadwaterError>()
  #wordless: boolean | undefined
  #vectors: Promise<readonly Float32Array[] | undefined> | undefined

  constructor(
    ports: LegPorts,
    scope: Scope,
    query: ResolvedQuery,
    generations: readonly Generation[],
    trace: Trace,
    { legTimeoutMs }: Pick<SearchOptions, 'legTimeoutMs'>,
    seams: LegSeams = {},
  ) {
    const timeout = (leg: Leg): number =>
      (typeof legTimeoutMs === 'object' ? legTimeoutMs[leg] : legTimeoutMs) ?? defaultTimeoutMs
    this.#ports = ports
    this.#seams = seams
    this.#scope = scope
    this.#query = query
    this.#trace = trace
    this.#timeouts = { text: timeout('text'), vector: timeout('vector') }
    this.#generations = {
      text: generations.find(({ target }) => target === 'text'),
      vector: generations.find(({ target }) => target === 'vector'),
    }
  }

  /** The best of each leg, down to this depth, fused and spread. */
  async propose(depth: number, deadline: Deadline): Promise<Proposed> {
    const asked = await this.#ask(depth, deadline)
    const lists = this.#isWordless() ? asked.map(alike) : asked
    const counted = lists.map((list) => atLeast(list, this.#query.minScore))
    this.#note(lists, counted)
    const fused = fuse(counted, this.#query.fusion).filter(({ id }) => id !== this.#query.exclude)
    const candidates = await this.#spread(fused, deadline)
    // Below what is too low, there is only lower.
    const exhausted = lists.every(({ hits }, at) => hits.length < depth || counted[at]!.hits.length < hits.length)
    return { candidates, exhausted, degraded: this.#degraded, cached: false }
  }

  /** True where the text leg had nothing to look for, which is told: that it found nothing is no answer then. */
  #isWordless(): boolean {
    const { legs, phrasings, match } = this.#query
    if (!legs.includes('text')) return false
    if (this.#wordless === undefined) {
      const { language, format } = this.#generations.text ?? {}
      const reading = readingOf(language ?? 'english', format?.folding ?? true)
      this.#wordless = phrasings.every((phrasing) => reading.query(phrasing, match).length === 0)
      if (this.#wordless) this.#degraded.push({ leg: 'text', reason: noWordsReason })
    }
    return this.#wordless
  }

  /** Counts over the text index, beside the legs; undefined when it does not answer. */
  facets(deadline: Deadline): Promise<Facet[] | undefined> {
    const { facets, legs, words, match } = this.#query
    const query = legs.includes('text') ? typed(words) : undefined
    return this.#within('text', deadline, 'facets', 'facets: ', (call) => {
      const generation = this.#generation('text')
      const index = textIndexOf(generation)
      return textsOf(this.#ports, generation).facets(
        index,
        { ...facets!, tenant: this.#scope.tenant, query, match, filter: this.#filterOf(generation) },
        call,
      )
    })
  }

  get degraded(): readonly SearchDegradation[] {
    return this.#degraded
  }

  /** The phrasings in the space of the generation that is asked: vectors are never compared across spaces. */
  async #queryVectors(deadline: Deadline): Promise<readonly Float32Array[] | undefined> {
    const { legs, vector, phrasings } = this.#query
    if (!legs.includes('vector')) return undefined
    const generation = this.#generations.vector
    if (vector) return generation ? [checkVector(vector, generation.dimensions!, 'vector')] : undefined
    const found = await this.#guard('vector', deadline, 'embedding', async (call) =>
      embedQuery(this.#ports, this.#scope, phrasings, this.#generation('vector'), call, this.#seams.embed),
    )
    if (!found) return undefined
    this.#generations.vector = found.generation
    if (found.degraded) this.#degraded.push({ leg: 'vector', reason: found.degraded })
    return found.vectors
  }

  async #ask(limit: number, deadline: Deadline): Promise<readonly LegList[]> {
    const asked = this.#query.legs.filter((leg) => !this.#down.has(leg))
    const answers = await Promise.all(
      asked.map(async (leg) => {
        // The text leg does not wait for the embedder.
        if (leg === 'vector') this.#vectors ??= this.#queryVectors(deadline)
        const vectors = leg === 'vector' ? await this.#vectors : []
        if (this.#down.has(leg)) return undefined
        return this.#guard(leg, deadline, leg, (call) =>
          this.#hedged(leg, call, (inner) =>
            leg === 'text' ? this.#texts(limit, inner) : this.#nearest(limit, vectors ?? [], inner),
          ),
        )
      }),
    )
    if (this.#down.size < this.#query.legs.length) {
      return asked.flatMap((leg, at) => (answers[at] ?? []).map((hits) => ({ leg, hits })))
    }
    return [{ leg: 'text', hits: await this.#truth(limit, deadline) }]
  }

  #hedged<T>(
    leg: Leg,
    call: { signal: AbortSignal; timeoutMs: number },
    ask: (call: CallOptions) => Promise<T>,
  ): Promise<T> {
    const hedge = this.#ports.hedges?.[leg]
    return hedge ? hedge.run((signal) => ask({ ...call, signal }), call.signal) : ask(call)
  }

  async #texts(limit: number, call: CallOptions): Promise<readonly IndexHit[][]> {
    const generation = this.#generation('text')
    const index = textIndexOf(generation)
    const { phrasings, match, fields } = this.#query
    const asked = { tenant: this.#scope.tenant, filter: this.#filterOf(generation), limit, match, fields }
    const texts = textsOf(this.#ports, generation)
    return Promise.all(phrasings.map((query) => texts.search(index, { ...asked, query: typed(query) }, call)))
  }

  async #nearest(limit: number, vectors: readonly Float32Array[], call: CallOptions): Promise<readonly IndexHit[][]> {
    const generation = this.#generation('vector')
    const asked = { tenant: this.#scope.tenant, filter: this.#filterOf(generation), limit }
    const ask = this.#seams.searchVectors ?? searchVectors(this.#ports)
    return ask(
      generation,
      vectors.map((vector) => ({ ...asked, vector })),
      call,
    )
  }

  /** Neither leg answers: the words are looked for in the truth. A single leg that was asked for throws instead. */
  async #truth(limit: number, deadline: Deadline): Promise<readonly IndexHit[]> {
    const [error] = this.#down.values()
    const generation = this.#generations.text ?? this.#generations.vector
    if (this.#query.legs.length === 1 || !generation) throw error
    const call = { signal: deadline.signal, timeoutMs: Math.min(this.#timeouts.text, deadline.remaining()) }
    const found = await this.#trace.time('text', () =>
      searchTruth(this.#ports.truth, this.#scope, generation, this.#query, limit, call),
    )
    const reason = lastResortReason(found)
    if (this.#degraded.every((told) => told.reason !== reason)) this.#degraded.push({ leg: 'text', reason })
    return found.hits
  }

  /** By stored vectors, which need no engine. Where there are none, the order stays. */
  async #spread(candidates: readonly Candidate[], deadline: Deadline): Promise<readonly Candidate[]> {
    const { diversity } = this.#query
    if (diversity === 0 || candidates.length < 2) return candidates
    const vectors = await this.#within('vector', deadline, 'diversity', 'diversity is left out: ', (call) => {
      const { chunking, fingerprint } = this.#generation('vector')
      const ids = candidates.slice(0, diversityPool).map(({ id }) => id)
      const { embeddings } = this.#ports.truth.session({ tenant: this.#scope.tenant })
      return embeddings.ofChunks(this.#scope, chunking, fingerprint!, ids, call)
    })
    return vectors ? diversify(candidates, vectors, diversity) : candidates
  }

  #note(lists: readonly LegList[], counted: readonly LegList[]): void {
    const sum = (leg: Leg): number =>
      lists.filter((list) => list.leg === leg).reduce((count, { hits }) => count + hits.length, 0)
    for (const { leg } of lists) this.#trace.candidates[leg] = sum(leg)
    this.#trace.belowMinScore = lists.reduce((count, { hits }, at) => count + hits.length - counted[at]!.hits.length, 0)
  }

  #filterOf({ format }: Generation): ParsedFilter | undefined {
    return filterHeld(format, this.#query.filter)
  }

  #generation(leg: Leg): Generation {
    const generation = this.#generations[leg]
    if (generation) return generation
    throw new HeadwaterError('HW_GENERATION_MISSING', `No live ${leg} generation of ${this.#scope.collection}`)
  }

  /** Undefined when the leg is down, from then on. */
  #guard<T>(
    leg: Leg,
    deadline: Deadline,
    part: SearchPart,
    work: (call: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
  ): Promise<T | undefined> {
    return this.#within(leg, deadline, part, '', work, (error) => this.#down.set(leg, error))
  }

  /** Undefined when it fails, which is told; the caller's own abort or deadline is thrown. */
  async #within<T>(
    leg: Leg,
    deadline: Deadline,
    part: SearchPart,
    what: string,
    work: (call: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
    failed?: (error: HeadwaterError) => void,
  ): Promise<T | undefined> {
    const timeoutMs = Math.min(this.#timeouts[leg], deadline.remaining())
    try {
      return await this.#trace.time(part, () =>
        withDeadline(this.#ports.clock, { signal: deadline.signal, timeoutMs }, undefined, (own) =>
          Promise.resolve().then(() => work({ signal: own.signal, timeoutMs })),
        ),
      )
    } catch (cause) {
      if (deadline.signal.aborted) throw cause
      const error = asHeadwaterError(cause)
      failed?.(error)
      this.#degraded.push({ leg, reason: `${what}${error.code}: ${error.message}` })
      return undefined
    }
  }
}
