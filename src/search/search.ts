import type { CallOptions } from '../core/abort'
import { type Deadline, withinDeadline } from '../core/deadline'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import type { Scope } from '../core/ids'
import { reading } from '../core/known-options'
import { type Limits, limitDefaults } from '../core/limits'
import { checkOptions } from '../core/option-kinds'
import { VectorLru } from '../embeddings/lru'
import type { MetadataDeclaration } from '../filter/metadata'
import { told } from '../observability/told'
import type { Generation } from '../repositories/generations'
import { hasEngine, textsOf } from '../repositories/index-engines'
import { Hedge, type HedgeOptions } from '../resilience/hedge'
import { decodeCursor, encodeCursor } from './cursor'
import { Trace } from './explain'
import type { Candidate } from './fusion'
import { type LegPorts, LegRun } from './legs'
import { type Live, LiveGenerations } from './live-generations'
import { type FindMarks, markFinder } from './marks'
import { type Hydrate, PageFiller } from './page-filler'
import type { Reranker, SearchDegradation, SearchOptions, SearchPage, SearchQuery } from './query'
import { rerank } from './rerank'
import { type ResolvedQuery, resolveQuery } from './resolve-query'
import type { Proposed, SearchCache } from './search-cache'
import { checkTarget, type SimilarQuery, type SimilarTo, similarKinds, similarTo } from './similar'
import { type Seat, seats } from './together'

export interface SearchPorts extends Omit<LegPorts, 'queries' | 'hedges'> {
  /** Vectors of queries asked before, by tenant and space; 10,000 of them when left out. */
  readonly queries?: VectorLru | undefined
  readonly cache?: SearchCache | undefined
  /** Where a query brings none. */
  readonly rerank?: Reranker | undefined
  readonly limits?: Limits | undefined
  /** Off when left out. */
  readonly hedge?: HedgeOptions | undefined
}

/** With `fresh`, nothing that was cached before is used. */
export type SearcherOptions = SearchOptions & { fresh?: boolean | undefined }

/** Candidates that page one asks of each leg: enough for the pages that usually follow. */
const leastPool = 200
const poolPerHit = 4
/** Each refill asks for so much more, at most so deep. */
const growth = 4
const deepest = 20_000

/**
 * Hybrid search. The legs only propose: every hit is read from the truth before it is shown, so that what an index
 * holds of deleted, changed or other tenants' rows never gets out.
 */
export class Searcher {
  readonly #ports: SearchPorts & LegPorts
  readonly #live: LiveGenerations

  constructor(ports: SearchPorts) {
    const { clock, hedge } = ports
    this.#live = new LiveGenerations(ports.truth, clock)
    const hedges = hedge && { text: new Hedge(clock, hedge), vector: new Hedge(clock, hedge) }
    this.#ports = { ...ports, queries: ports.queries ?? new VectorLru({ clock }), hedges }
  }

  search(
    scope: Scope,
    declaration: MetadataDeclaration | undefined,
    request: SearchQuery,
    options: SearcherOptions = {},
  ): Promise<SearchPage> {
    const { rerank, limits } = this.#ports
    const query = resolveQuery(scope, request, declaration, { rerank, limits })
    return withinDeadline(this.#ports.clock, options, undefined, (deadline) =>
      this.#told(scope, query, () =>
        this.#live.run(scope, deadline, (live, own) => this.#search(scope, query, live, options, own)),
      ),
    )
  }

  /** Several searches of one collection, side by side: they embed, ask for vectors and read the truth together. */
  async searchMany(
    scope: Scope,
    declaration: MetadataDeclaration | undefined,
    requests: readonly SearchQuery[],
    options: SearcherOptions = {},
  ): Promise<SearchPage[]> {
    const { rerank, limits = limitDefaults } = this.#ports
    const queries = reading('queries', 'HW_INVALID_ARGUMENT', () => {
      if (!Array.isArray(requests)) {
        const problem = `queries: must be a list, got ${describeValue(requests)}`
        throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'queries' })
      }
      const { length } = requests
      if (!(length <= limits.searches)) {
        const problem = `queries: at most ${limits.searches}, got ${length}`
        throw new HeadwaterError('HW_LIMIT_EXCEEDED', problem, { path: 'queries' })
      }
      return Array.from({ length }, (_, at) => resolveQuery(scope, requests[at]!, declaration, { rerank, limits }))
    })
    return withinDeadline(this.#ports.clock, options, undefined, async (deadline) => {
      const live = settled(await this.#live.read(scope))
      const hydrate = this.#hydrate(scope, live)
      const places = seats(this.#ports, scope.tenant, hydrate, queries.length)
      const work = queries.map(async (query, at) => {
        const seat = places[at]!
        try {
          return await this.#told(scope, query, () => this.#search(scope, query, live, options, deadline, seat))
        } finally {
          seat.leave()
        }
      })
      return Promise.all(work)
    })
  }

  /** What is near a stored document or chunk. */
  similar(
    scope: Scope,
    declaration: MetadataDeclaration | undefined,
    target: SimilarTo,
    given: SimilarQuery = {},
    options: SearchOptions = {},
  ): Promise<SearchPage> {
    const { minScore, ...request } = checkOptions(given, similarKinds, '', 'HW_INVALID_ARGUMENT')
    const wanted = checkTarget(target)
    return withinDeadline(this.#ports.clock, options, undefined, async (deadline) => {
      const live = settled(await this.#live.read(scope))
      const generation = live.generations.find((one) => one.target === 'vector')
      if (!generation) {
        throw new HeadwaterError('HW_GENERATION_MISSING', `No live vector generation of ${scope.collection}`)
      }
      const found = await similarTo(this.#ports.truth, scope, generation, wanted, deadline.options())
      const asked = { ...request, vector: found.vector, mode: 'vector', minScore: { vector: minScore } } as const
      const { rerank, limits } = this.#ports
      const query = resolveQuery(scope, asked, declaration, { ...found.options, rerank, limits })
      // Not cached: it costs no inference, and its vector may change.
      return this.#told(scope, query, () => this.#search(scope, query, live, { ...options, uncached: true }, deadline))
    })
  }

  #told(scope: Scope, query: ResolvedQuery, search: () => Promise<SearchPage>): Promise<SearchPage> {
    return told('headwater:search', this.#ports.clock, search, (ended, found) => ({
      ...ended,
      ...scope,
      mode: query.legs.length > 1 ? 'hybrid' : query.legs[0]!,
      hits: found?.hits.length ?? 0,
      degraded: found?.degraded.map(({ leg }) => leg) ?? [],
      cached: found?.cached ?? false,
    }))
  }

  async #search(
    scope: Scope,
    query: ResolvedQuery,
    live: Live,
    options: SearcherOptions & { uncached?: boolean },
    deadline: Deadline,
    seat?: Seat,
  ): Promise<SearchPage> {
    const { generations } = live
    const trace = new Trace(this.#ports.clock)
    const hydrate = seat?.hydrate ?? this.#hydrate(scope, live)
    const filler = new PageFiller((ids, call) => trace.time('hydration', () => hydrate(ids, call)), query)
    const text = generations.find(({ target }) => target === 'text')
    const texts = text && hasEngine(this.#ports, text) ? textsOf(this.#ports, text) : undefined
    const find = markFinder(texts, text, query)
    if (query.cursor !== undefined) {
      const candidates = decodeCursor(query.cursor, query.key).map((left) => ({ ...left, document: '', legs: {} }))
      const left = await filler.fill(candidates, deadline.options())
      return page({ query, filler, trace, left, degraded: [], cached: false }, find, deadline)
    }
    const run = new LegRun(this.#ports, scope, query, generations, trace, options, seat)
    const counting = query.facets && run.facets(deadline)
    // Asked for at once and awaited last: a search that fails before must not leave its rejection to nobody.
    counting?.catch(() => undefined)
    const first = { scope, query, generations, fresh: options.fresh ?? false, alone: seat !== undefined }
    const { left, found } = await this.#fill(run, filler, trace, first, options.uncached ?? false, deadline)
    const unranked = await trace.time('rerank', () => rerank(this.#ports.clock, query, filler, deadline))
    const facets = await counting
    const degraded = [...new Set([...found.degraded, ...run.degraded, ...(unranked ? [unranked] : [])])]
    const filled = await page({ query, filler, trace, left, degraded, cached: found.cached }, find, deadline)
    return { ...filled, ...(facets && { facets }) }
  }

  /** Fills the page from what the legs propose, deeper each time as long as it is not full. */
  async #fill(
    run: LegRun,
    filler: PageFiller,
    trace: Trace,
    first: Omit<Parameters<SearchCache['propose']>[0], 'depth'>,
    uncached: boolean,
    deadline: Deadline,
  ): Promise<{ left: readonly Candidate[]; found: Proposed }> {
    let depth = Math.max(leastPool, first.query.limit * poolPerHit)
    const ask = (): Promise<Proposed> => run.propose(depth, deadline)
    const cache = uncached ? undefined : this.#ports.cache
    let found = cache ? await cache.propose({ ...first, depth }, deadline, ask) : await ask()
    for (;;) {
      const left = await filler.fill(found.candidates, deadline.options())
      if (filler.full || found.exhausted || depth >= deepest) return { left, found }
      // Of what was cached, too much may be gone: then the same depth is asked anew.
      if (!found.cached) depth = Math.min(depth * growth, deepest)
      trace.refills++
      found = await ask()
    }
  }

  #hydrate(scope: Scope, { generations, confirmed }: Live): Hydrate {
    const { chunks } = this.#ports.truth.session({ tenant: scope.tenant })
    const chunking = generations[0]?.chunking ?? ''
    return async (ids: readonly string[], call: CallOptions) => {
      await confirmed
      return chunks.hydrate(scope, chunking, ids, call)
    }
  }
}

function settled(generations: readonly Generation[]): Live {
  return { generations, confirmed: Promise.resolve() }
}

interface Filled {
  readonly query: ResolvedQuery
  readonly filler: PageFiller
  readonly trace: Trace
  readonly left: readonly Candidate[]
  readonly degraded: readonly SearchDegradation[]
  readonly cached: boolean
}

async function page(
  { query, filler, trace, left, degraded, cached }: Filled,
  find: FindMarks,
  deadline: Deadline,
): Promise<SearchPage> {
  const rest = [...filler.beyond(), ...left]
  const { candidates, belowMinScore, refills, ms } = trace
  return {
    hits: await filler.hits(find, deadline.options()),
    degraded,
    ...(rest.length > 0 && { cursor: encodeCursor(query.key, rest) }),
    ...(cached && { cached }),
    ...(query.explain && {
      explain: { candidates, belowMinScore, dropped: filler.dropped(), refills, ms, cached },
    }),
  }
}
