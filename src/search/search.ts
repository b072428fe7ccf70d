import { type Deadline, withDeadline, withinDeadline } from '../core/deadline'
import { asHeadwaterError, HeadwaterError } from '../core/errors'
import type { Scope } from '../core/ids'
import { VectorLru } from '../embeddings/lru'
import { checkVector } from '../embeddings/vector-codec'
import type { MetadataDeclaration } from '../filter/metadata'
import { relaxVolatile } from '../filter/relax'
import { told } from '../observability/told'
import { type Generation, textIndexOf, vectorIndexOf } from '../repositories/generations'
import type { IndexHit } from '../repositories/index-entry'
import type { TextRepository } from '../repositories/texts'
import type { VectorRepository } from '../repositories/vectors'
import { decodeCursor, encodeCursor } from './cursor'
import { type Candidate, fuse, type Leg } from './fusion'
import { PageFiller } from './page-filler'
import { type ResolvedQuery, resolveQuery, type SearchOptions, type SearchPage, type SearchQuery } from './query'
import { embedQuery, type QueryVectorPorts } from './query-vector'
import type { Proposed, SearchCache } from './search-cache'

export interface SearchPorts extends Omit<QueryVectorPorts, 'queries'> {
  readonly vectors: VectorRepository
  readonly texts: TextRepository
  /** Vectors of queries asked before, by tenant and space; 10,000 of them when left out. */
  readonly queries?: VectorLru | undefined
  readonly cache?: SearchCache | undefined
}

const legTimeoutMs = 5_000
/** Candidates that page one asks of each leg: enough for the pages that usually follow. */
const leastPool = 200
const poolPerHit = 4
/** Each refill asks for so much more, at most so deep. */
const growth = 4
const deepest = 20_000

type LegHits = Partial<Record<Leg, readonly IndexHit[]>>

/**
 * Hybrid search. The legs only propose: every hit is read from the truth before it is shown, so that what an index
 * holds of deleted, changed or other tenants' rows never gets out.
 */
export class Searcher {
  readonly #ports: SearchPorts & { readonly queries: VectorLru }

  constructor(ports: SearchPorts) {
    this.#ports = { ...ports, queries: ports.queries ?? new VectorLru({ clock: ports.clock }) }
  }

  /** With `fresh`, nothing that was cached before is used. */
  search(
    scope: Scope,
    declaration: MetadataDeclaration | undefined,
    request: SearchQuery,
    options: SearchOptions & { fresh?: boolean | undefined } = {},
  ): Promise<SearchPage> {
    const query = resolveQuery(scope, request, declaration)
    return told(
      'headwater:search',
      this.#ports.clock,
      () => this.#search(scope, query, options),
      (ended, found) => ({
        ...ended,
        ...scope,
        mode: query.legs.length > 1 ? 'hybrid' : query.legs[0]!,
        hits: found?.hits.length ?? 0,
        degraded: found?.degraded.map(({ leg }) => leg) ?? [],
        cached: found?.cached ?? false,
      }),
    )
  }

  #search(
    scope: Scope,
    query: ResolvedQuery,
    options: SearchOptions & { fresh?: boolean | undefined },
  ): Promise<SearchPage> {
    return withinDeadline(this.#ports.clock, options, undefined, async (deadline) => {
      const generations = await this.#ports.truth
        .session({ tenant: scope.tenant })
        .generations.list({ collection: scope.collection, states: ['live'] })
      const chunking = generations[0]?.chunking ?? ''
      const filler = new PageFiller(this.#ports.truth, scope, chunking, query)
      if (query.cursor !== undefined) {
        const candidates = decodeCursor(query.cursor, query.key).map((left) => ({ ...left, document: '', legs: {} }))
        return page(query, filler, await filler.fill(candidates, deadline.options()))
      }
      const run = new LegRun(this.#ports, scope, query, generations, options.legTimeoutMs ?? legTimeoutMs)
      let depth = Math.max(leastPool, query.limit * poolPerHit)
      const ask = (): Promise<Proposed> => run.propose(depth, deadline)
      const { cache } = this.#ports
      const first = { scope, query, generations, depth, fresh: options.fresh ?? false }
      let found = cache ? await cache.propose(first, deadline, ask) : await ask()
      for (;;) {
        const left = await filler.fill(found.candidates, deadline.options())
        if (filler.full || found.exhausted || depth >= deepest) return page(query, filler, left, found)
        // Of what was cached, too much may be gone: then the same depth is asked anew.
        if (!found.cached) depth = Math.min(depth * growth, deepest)
        found = await ask()
      }
    })
  }
}

function page(
  query: ResolvedQuery,
  filler: PageFiller,
  left: readonly Candidate[],
  { degraded, cached }: Pick<Proposed, 'degraded' | 'cached'> = { degraded: [], cached: false },
): SearchPage {
  const cursor = left.length > 0 && { cursor: encodeCursor(query.key, left) }
  return { hits: filler.hits(), degraded, ...cursor, ...(cached && { cached }) }
}

/** The legs of one search. A leg that fails is left out of the rest of it; if none is left, its error is thrown. */
class LegRun {
  readonly #degraded: { leg: Leg; reason: string }[] = []
  readonly #ports: SearchPorts & { readonly queries: VectorLru }
  readonly #scope: Scope
  readonly #query: ResolvedQuery
  readonly #generations: Record<Leg, Generation | undefined>
  readonly #timeoutMs: number
  readonly #down = new Map<Leg, HeadwaterError>()
  #vector: Promise<Float32Array | undefined> | undefined

  constructor(
    ports: SearchPorts & { readonly queries: VectorLru },
    scope: Scope,
    query: ResolvedQuery,
    generations: readonly Generation[],
    timeoutMs: number,
  ) {
    this.#ports = ports
    this.#scope = scope
    this.#query = query
    this.#timeoutMs = timeoutMs
    this.#generations = {
      text: generations.find(({ target }) => target === 'text'),
      vector: generations.find(({ target }) => target === 'vector'),
    }
  }

  /** The best of each leg, down to this depth, fused. */
  async propose(depth: number, deadline: Deadline): Promise<Proposed> {
    this.#vector ??= this.#queryVector(deadline)
    const hits = await this.#ask(depth, await this.#vector, deadline)
    const exhausted = Object.values(hits).every((found) => found.length < depth)
    return { candidates: fuse(hits, this.#query), exhausted, degraded: this.#degraded, cached: false }
  }

  /** The query in the space of the generation that is asked: vectors are never compared across spaces. */
  async #queryVector(deadline: Deadline): Promise<Float32Array | undefined> {
    if (!this.#query.legs.includes('vector')) return undefined
    const generation = this.#generations.vector
    if (this.#query.vector) {
      return generation ? checkVector(this.#query.vector, generation.dimensions!, 'vector') : undefined
    }
    const found = await this.#guard('vector', deadline, async (signal, timeoutMs) => {
      const live = this.#generation('vector')
      return embedQuery(this.#ports, this.#scope, this.#query.query, live, { signal, timeoutMs })
    })
    if (!found) return undefined
    this.#generations.vector = found.generation
    if (found.degraded) this.#degraded.push({ leg: 'vector', reason: found.degraded })
    return found.vector
  }

  async #ask(limit: number, vector: Float32Array | undefined, deadline: Deadline): Promise<LegHits> {
    const { tenant } = this.#scope
    const filter = this.#query.filter && relaxVolatile(this.#query.filter)
    const asked = this.#query.legs.filter((leg) => !this.#down.has(leg))
    const answers = await Promise.all(
      asked.map((leg) =>
        this.#guard(leg, deadline, async (signal, timeoutMs) => {
          const call = { signal, timeoutMs }
          if (leg === 'text') {
            const index = textIndexOf(this.#generation('text'))
            return this.#ports.texts.search(index, { tenant, query: this.#query.query, filter, limit }, call)
          }
          const index = vectorIndexOf(this.#generation('vector'))
          return this.#ports.vectors.search(index, { tenant, vector: vector!, filter, limit }, call)
        }),
      ),
    )
    if (this.#down.size === this.#query.legs.length) throw [...this.#down.values()][0]
    const hits: LegHits = {}
    asked.forEach((leg, at) => {
      const found = answers[at]
      if (found) hits[leg] = found
    })
    return hits
  }

  #generation(leg: Leg): Generation {
    const generation = this.#generations[leg]
    if (generation) return generation
    throw new HeadwaterError('HW_GENERATION_MISSING', `No live ${leg} generation of ${this.#scope.collection}`)
  }

  /** Undefined when the leg is down; the caller's own abort or deadline is thrown. */
  async #guard<T>(
    leg: Leg,
    deadline: Deadline,
    work: (signal: AbortSignal, timeoutMs: number) => Promise<T>,
  ): Promise<T | undefined> {
    const timeoutMs = Math.min(this.#timeoutMs, deadline.remaining())
    try {
      return await withDeadline(this.#ports.clock, { signal: deadline.signal, timeoutMs }, undefined, (own) =>
        work(own.signal, timeoutMs),
      )
    } catch (cause) {
      if (deadline.signal.aborted) throw cause
      const error = asHeadwaterError(cause)
      this.#down.set(leg, error)
      this.#degraded.push({ leg, reason: `${error.code}: ${error.message}` })
      return undefined
    }
  }
}
