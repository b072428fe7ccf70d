import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import type { IndexEntry, IndexPayload, IndexRemoval, IndexScan } from '../../repositories/index-entry'
import type { IndexFormat } from '../../repositories/index-format'
import type { IndexAlias, IndexMarker } from '../../repositories/index-marker'
import type { HeldEntry, IndexGuard } from '../../repositories/memory/index-table'
import type { MemoryIndexes } from '../../repositories/memory/indexes'
import { type HeldText, MemoryTextRepository } from '../../repositories/memory/texts'
import { type HeldPoint, MemoryVectorRepository } from '../../repositories/memory/vectors'
import type { TextIndex, TextRepository } from '../../repositories/texts'
import type { VectorIndex, VectorRepository } from '../../repositories/vectors'
import type { ModelSites } from './model-sites'
import type { Network } from './network'
import type { SimProcess } from './sim-process'

/** Called around each write to an index, with what it held of the entries before. */
export type WriteObserver = (
  target: 'vector' | 'text',
  index: string,
  before: ReadonlyMap<string, HeldEntry | undefined>,
) => void

/** A mapping that no engine accepts: the document is refused, whatever is sent with it too. */
function refusePoison(entries: readonly { readonly payload: IndexPayload }[]): void {
  const poisoned = entries.find(({ payload }) => payload.document.startsWith('poison'))
  if (poisoned) throw new HeadwaterError('HW_DATABASE', `The engine refuses ${poisoned.payload.document}`)
}

/** A guard of the indexes, or `marker`: an index that is not what it was has no marker, or another. @internal */
type ModelGuard = IndexGuard | 'marker'

/** What both kinds of projection do alike over the network of one process. */
interface SharedCalls<I> {
  readonly format: IndexFormat
  create(index: I, call?: CallOptions): Promise<void>
  drop(index: I, call?: CallOptions): Promise<void>
  exists(index: I, call?: CallOptions): Promise<boolean>
  mark(index: I, marker: IndexMarker, call?: CallOptions): Promise<void>
  marker(index: I, call?: CallOptions): Promise<IndexMarker | null>
  readonly alias: IndexAlias<I>
  remove(index: I, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void>
  scan(index: I, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]>
  refresh(index: I, call?: CallOptions): Promise<void>
  count(index: I, tenant?: TenantId, call?: CallOptions): Promise<number>
}

interface FencedIndexes<I> {
  remove(index: I, removals: readonly IndexRemoval[]): Promise<void>
}

abstract class ModelEngine<
  I extends { readonly name: string },
  E extends HeldEntry,
  M extends MemoryIndexes<I, E> & FencedIndexes<I>,
> {
  protected readonly memory: M
  protected readonly network: Network
  readonly #observe: WriteObserver
  /** With the guard removed, an index tells the marker that was written last, whatever became of it since. */
  readonly #told: Map<string, IndexMarker> | undefined

  constructor(memory: M, network: Network, observe: WriteObserver, withoutGuard: ModelGuard | undefined) {
    this.memory = memory
    this.network = network
    this.#observe = observe
    this.#told = withoutGuard === 'marker' ? new Map() : undefined
  }

  protected abstract readonly target: 'vector' | 'text'
  protected abstract indexOf(generation: Generation): I
  /** Puts back what an index held. */
  protected abstract restore(index: I, entries: readonly (E & { readonly fence: number })[]): Promise<void>

  /** What the index holds, for checkers. */
  raw(name: string): ReadonlyMap<string, E> {
    return this.memory.has(name) ? this.memory.raw(name) : new Map()
  }

  leadsTo(alias: string, generation: Generation): Promise<boolean> {
    return this.memory.alias.leadsTo(alias, this.indexOf(generation))
  }

  loseAlias(generation: Generation): void {
    this.memory.alias.forget(this.indexOf(generation))
  }

  /** The index is gone; with `anew`, an empty one of nobody stands in its place. */
  wipe(generation: Generation, anew: boolean): void {
    const index = this.indexOf(generation)
    now(this.memory.drop(index))
    if (anew) now(this.memory.create(index))
  }

  /** What it holds now, marker included; what that returns brings it all back, but for the aliases. */
  snapshot(generation: Generation): () => void {
    const index = this.indexOf(generation)
    const entries = [...this.raw(index.name).values()].map((entry) => ({ ...entry, fence: entry.fence ?? 0 }))
    const marker = this.memory.markerOf(index.name)
    return () => {
      this.wipe(generation, true)
      now(this.restore(index, entries))
      if (marker) now(this.memory.mark(index, marker))
    }
  }

  protected shared(process: SimProcess): SharedCalls<I> {
    const { memory, network } = this
    const send = <T>(what: string, call: CallOptions | undefined, serve: () => Promise<T>): Promise<T> =>
      network.call(process, what, call, serve)
    return {
      format: memory.format,
      create: (index, call) => send('create', call, () => memory.create(index)),
      drop: (index, call) => send('drop', call, () => memory.drop(index)),
      exists: (index, call) => send('exists', call, () => memory.exists(index)),
      mark: (index, marker, call) =>
        send('mark', call, () => {
          this.#told?.set(index.name, marker)
          return memory.mark(index, marker)
        }),
      marker: (index, call) => send('marker', call, async () => this.#told?.get(index.name) ?? memory.marker(index)),
      alias: {
        leadsTo: (alias, index, call) => send('leadsTo', call, () => memory.alias.leadsTo(alias, index)),
        set: (alias, index, call) => send('setAlias', call, () => this.#lead(alias, index)),
      },
      remove: (index, removals, call) =>
        send(`remove ${removals.length}`, call, () =>
          this.#observed(index, removals, () => memory.remove(index, removals)),
        ),
      scan: (index, scan, call) => send('scan', call, () => memory.scan(index, scan)),
      refresh: (index, call) => send('refresh', call, () => memory.refresh(index)),
      count: (index, tenant, call) => send('count', call, () => memory.count(index, tenant)),
    }
  }

  /** A write of entries, as a request. */
  protected write<W extends { readonly id: string; readonly payload: IndexPayload }>(
    process: SimProcess,
    what: string,
    work: (index: I, entries: readonly W[]) => Promise<void>,
  ): (index: I, entries: readonly W[], call?: CallOptions) => Promise<void> {
    return (index, entries, call) =>
      this.network.call(process, `${what} ${entries.length}`, call, () =>
        this.#observed(index, entries, async () => {
          refusePoison(entries)
          await work(index, entries)
        }),
      )
  }

  #observed(index: I, ids: readonly { readonly id: string }[], work: () => Promise<void>): Promise<void> {
    const held = this.raw(index.name)
    const before = new Map(ids.map(({ id }) => [id, held.get(id)]))
    const done = work()
    this.#observe(this.target, index.name, before)
    return done
  }

  /** As an engine does that takes the alias from the old index and gives it to the new one in two steps. */
  async #lead(alias: string, index: I): Promise<void> {
    if (!this.network.breaksOff()) return this.memory.alias.set(alias, index)
    this.memory.alias.lose(alias)
    throw new HeadwaterError('HW_TIMEOUT', `The alias ${alias} was left half done`)
  }
}

function ofIndex(withoutGuard: ModelGuard | undefined): { withoutGuard?: IndexGuard } {
  return withoutGuard === undefined || withoutGuard === 'marker' ? {} : { withoutGuard }
}

/** Does at once what repositories in memory do at once. */
function now(...work: Promise<unknown>[]): void {
  for (const each of work) each.catch(() => undefined)
}

/** Qdrant as seen over a network: forgets what it deletes, fences included, so that a late upsert resurrects. */
export class ModelVectorEngine extends ModelEngine<VectorIndex, HeldPoint, MemoryVectorRepository> {
  protected readonly target = 'vector'

  constructor(network: Network, observe: WriteObserver, withoutGuard?: ModelGuard) {
    super(new MemoryVectorRepository(ofIndex(withoutGuard)), network, observe, withoutGuard)
  }

  for(process: SimProcess): VectorRepository {
    const { memory, network } = this
    return {
      ...this.shared(process),
      upsert: this.write(process, 'upsert', memory.upsert.bind(memory)),
      setPayload: this.write(process, 'setPayload', memory.setPayload.bind(memory)),
      search: (index, query, call) => network.call(process, 'search', call, () => memory.search(index, query)),
      read: (index, ids, call) => network.call(process, 'read', call, () => memory.read(index, ids)),
    }
  }

  protected indexOf(generation: Generation): VectorIndex {
    return vectorIndexOf(generation)
  }

  protected restore(index: VectorIndex, points: readonly (HeldPoint & { readonly fence: number })[]): Promise<void> {
    return this.memory.upsert(index, points)
  }
}

/** Elasticsearch as seen over a network; its deletes are as forgetful. */
export class ModelTextEngine extends ModelEngine<TextIndex, HeldText, MemoryTextRepository> {
  protected readonly target = 'text'

  constructor(network: Network, observe: WriteObserver, withoutGuard?: ModelGuard) {
    super(new MemoryTextRepository(ofIndex(withoutGuard)), network, observe, withoutGuard)
  }

  for(process: SimProcess): TextRepository {
    const { memory, network } = this
    return {
      ...this.shared(process),
      upsert: this.write(process, 'upsert', memory.upsert.bind(memory)),
      search: (index, query, call) => network.call(process, 'search', call, () => memory.search(index, query)),
      facets: (index, query, call) => network.call(process, 'facets', call, () => memory.facets(index, query)),
      read: (index, ids, call) => network.call(process, 'read', call, () => memory.read(index, ids)),
    }
  }

  protected indexOf(generation: Generation): TextIndex {
    return textIndexOf(generation)
  }

  protected restore(index: TextIndex, entries: readonly (HeldText & { readonly fence: number })[]): Promise<void> {
    return this.memory.upsert(index, entries)
  }
}

export type VectorSites = ModelSites<VectorRepository, HeldPoint>
export type TextSites = ModelSites<TextRepository, HeldText>
