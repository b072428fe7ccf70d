import { abortable } from '../core/abort'
import type { Clock } from '../core/clock'
import type { Deadline } from '../core/deadline'
import { type Scope, sha256, uuidV7 } from '../core/ids'
import type { Json } from '../core/json'
import type { Random } from '../core/random'
import type { CacheRepository } from '../repositories/cache'
import type { EpochWatch } from '../repositories/epoch-watch'
import type { Generation } from '../repositories/generations'
import { decodeCursor, encodeCursor } from './cursor'
import type { Candidate } from './fusion'
import type { SearchDegradation } from './query'
import type { ResolvedQuery } from './resolve-query'

/** What the legs proposed, fused: what is cached of a search. */
export interface Proposed {
  readonly candidates: readonly Candidate[]
  /** No leg has more of them. */
  readonly exhausted: boolean
  readonly degraded: readonly SearchDegradation[]
  readonly cached: boolean
}

export interface SearchCachePorts {
  /** Of its own: nothing else is kept in it. */
  readonly cache: CacheRepository
  readonly epoch: EpochWatch
  readonly clock: Clock
  readonly random: Random
}

/** One request for candidates; `proposal` of the query says what was asked, its limit and looks aside. */
export interface Proposal {
  readonly scope: Scope
  readonly query: ResolvedQuery
  readonly generations: readonly Generation[]
  readonly depth: number
  /** Not from the cache: for a caller with a receipt. */
  readonly fresh: boolean
  /** Waits for no other search: for one that others wait for. */
  readonly alone?: boolean | undefined
}

/**
 * For so long after a change of its index, nothing of a collection is kept: engines show a write only after their next
 * refresh, and the other index may follow later. In half of that time a change is not announced again.
 */
const unsettledMs = 5_000
const mostCandidates = 2_000
/** How long a search waits for each answer of its caches by default, ms: longer than that it is sooner done without. */
export const cacheTimeoutMs = 100

/**
 * Candidates of page one, ids and scores only: each hit is read from the truth at every page, so that a cached search
 * never shows what is deleted, changed or another tenant's. What it may lack is what came since: an entry counts while
 * its tenant's collection has the mark under which it was made, and a change takes the mark away. Without the cache,
 * searches go on.
 */
export class SearchCache {
  readonly #ports: SearchCachePorts
  readonly #ttlMs: number
  readonly #timeoutMs: number
  readonly #flights = new Map<string, Promise<Proposed>>()
  /** When this process last told of a collection's change. */
  readonly #announced = new Map<string, number>()
  /** Changes by this process so far. */
  #changes = 0

  constructor(ports: SearchCachePorts, options: { ttlMs: number; timeoutMs?: number | undefined }) {
    this.#ports = ports
    this.#ttlMs = options.ttlMs
    this.#timeoutMs = options.timeoutMs ?? cacheTimeoutMs
  }

  /** Cached, of an equal search under way in this process, or what `ask` finds; that is kept unless a leg was down. */
  async propose(request: Proposal, deadline: Deadline, ask: () => Promise<Proposed>): Promise<Proposed> {
    const { scope, query } = request
    const call = { signal: deadline.signal, timeoutMs: this.#timeoutMs }
    const { cache, epoch, clock, random } = this.#ports
    await epoch.refresh()
    const name = nameOf(request)
    const marks = marksOf(scope)
    const [mark, unsettled, held] = await cache.getMany(scope.tenant, [marks.settled, marks.unsettled, name], call)
    const entry = request.fresh ? undefined : entryIn(held)
    const found = entry && entry.mark === mark ? candidatesIn(entry, query.proposal) : undefined
    if (entry && found) return { candidates: found, exhausted: entry.exhausted, degraded: [], cached: true }
    if (mark === undefined && unsettled === undefined) {
      // For the next ones: a change since the look above would be missed by an entry of this one.
      await cache.set(scope.tenant, marks.settled, uuidV7(clock, random), { ...call, ttlMs: this.#ttlMs })
    }
    const keep = async (found: Proposed): Promise<Proposed> => {
      const { candidates, exhausted, degraded } = found
      const last = mark === undefined || unsettled !== undefined || candidates.length > mostCandidates
      if (last || degraded.length > 0) return found
      const value = { mark, exhausted, found: encodeCursor(query.proposal, candidates) }
      await cache.set(scope.tenant, name, value, { ...call, ttlMs: this.#ttlMs })
      return found
    }
    const run = (): Promise<Proposed> => ask().then(keep)
    // What is under way may be older than what has changed since: then each asks for itself.
    if (request.fresh || request.alone || unsettled !== undefined) return run()
    return this.#together(JSON.stringify([scope.tenant, name, mark ?? null, this.#changes]), deadline, run)
  }

  /**
   * The index of these tenants' collections shows something else now, or will at its next refresh. Rejects when Redis
   * cannot be told.
   */
  async changed(scopes: Iterable<Scope>): Promise<void> {
    this.#changes++
    const { cache, clock, epoch } = this.#ports
    const now = clock.monotonic()
    // As many as have changed lately, not as many as there are.
    for (const [place, at] of this.#announced) if (now - at >= unsettledMs / 2) this.#announced.delete(place)
    for (const scope of new Map([...scopes].map((one) => [`${one.tenant}/${one.collection}`, one])).values()) {
      const place = `${epoch.current()}/${scope.tenant}/${scope.collection}`
      if (this.#announced.has(place)) continue
      const marks = marksOf(scope)
      await cache.set(scope.tenant, marks.unsettled, 1, { ttlMs: unsettledMs })
      await cache.delete(scope.tenant, marks.settled)
      this.#announced.set(place, now)
    }
  }

  close(): Promise<void> {
    return this.#ports.cache.close()
  }

  /** One of several equal searches at once asks; what it cannot share (it was given up, or degraded) each asks itself. */
  async #together(name: string, deadline: Deadline, run: () => Promise<Proposed>): Promise<Proposed> {
    const flight = this.#flights.get(name)
    if (flight) {
      const shared = await abortable(
        flight.catch(() => undefined),
        deadline.signal,
      )
      return shared?.degraded.length === 0 ? shared : run()
    }
    const own = run()
    this.#flights.set(name, own)
    try {
      return await own
    } finally {
      if (this.#flights.get(name) === own) this.#flights.delete(name)
    }
  }
}

/** The proposal of a query holds its tenant, collection, words, vector, filter, legs and how they are fused. */
function nameOf({ query, generations, depth }: Proposal): string {
  const live = generations.map(({ id }) => id)
  return `q:${sha256(query.proposal, JSON.stringify([live, depth]))}`
}

function marksOf({ collection }: Scope): { settled: string; unsettled: string } {
  return { settled: `settled:${collection}`, unsettled: `unsettled:${collection}` }
}

interface Entry {
  readonly mark: string
  readonly exhausted: boolean
  readonly found: string
}

/** Undefined for what `keep` has not stored: whoever can write to Redis may have. */
function candidatesIn({ found }: Entry, proposal: string): Proposed['candidates'] | undefined {
  try {
    return decodeCursor(found, proposal).map((one) => ({ ...one, document: '', legs: {} }))
  } catch {
    return undefined
  }
}

/** What `keep` stored; what else there is under the name is none of ours. */
function entryIn(held: Json | undefined): Entry | undefined {
  const entry = held as Partial<Entry> | null | undefined
  return typeof entry?.mark === 'string' && typeof entry.found === 'string' ? (entry as Entry) : undefined
}
