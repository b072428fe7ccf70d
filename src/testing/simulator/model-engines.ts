import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import type { IndexPayload, IndexRemoval, IndexScan } from '../../repositories/index-entry'
import type { IndexMarker } from '../../repositories/index-marker'
import type { MemoryAlias } from '../../repositories/memory/alias'
import type { HeldEntry, IndexGuard } from '../../repositories/memory/index-table'
import { type HeldText, MemoryTextRepository } from '../../repositories/memory/texts'
import { type HeldPoint, MemoryVectorRepository } from '../../repositories/memory/vectors'
import type { TextEntry, TextIndex, TextQuery, TextRepository } from '../../repositories/texts'
import type { VectorIndex, VectorPoint, VectorQuery, VectorRepository } from '../../repositories/vectors'
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

abstract class ModelEngine<M> {
  protected readonly memory: M
  protected readonly network: Network
  protected readonly observe: WriteObserver

  /** With the guard removed, an index tells the marker that was written last, whatever became of it since. */
  readonly #told: Map<string, IndexMarker> | undefined

  constructor(memory: M, network: Network, observe: WriteObserver, withoutGuard: ModelGuard | undefined) {
    this.memory = memory
    this.network = network
    this.observe = observe
    this.#told = withoutGuard === 'marker' ? new Map() : undefined
  }

  protected async mark(index: string, marker: IndexMarker, work: () => Promise<void>): Promise<void> {
    this.#told?.set(index, marker)
    return work()
  }

  protected async marker(index: string, work: () => Promise<IndexMarker | null>): Promise<IndexMarker | null> {
    return this.#told?.get(index) ?? work()
  }

  /** As an engine does that takes the alias from the old index and gives it to the new one in two steps. */
  protected async lead<I extends { readonly name: string }>(
    aliases: MemoryAlias<I>,
    alias: string,
    index: I,
  ): Promise<void> {
    if (!this.network.breaksOff()) return aliases.set(alias, index)
    aliases.lose(alias)
    throw new HeadwaterError('HW_TIMEOUT', `The alias ${alias} was left half done`)
  }

  /** The index is gone; with `anew`, an empty one of nobody stands in its place. */
  abstract wipe(generation: Generation, anew: boolean): void

  /** What it holds now, marker included; what that returns brings it all back, but for the aliases. */
  abstract snapshot(generation: Generation): () => void

  /** What the index holds, for checkers. */
  abstract raw(name: string): ReadonlyMap<string, HeldEntry>

  protected async write(
    target: 'vector' | 'text',
    index: string,
    ids: readonly { readonly id: string }[],
    work: () => Promise<void>,
  ): Promise<void> {
    const held = this.raw(index)
    const before = new Map(ids.map(({ id }) => [id, held.get(id)]))
    const done = work()
    this.observe(target, index, before)
    return done
  }
}

/** A guard of the indexes, or `marker`: an index that is not what it was has no marker, or another. @internal */
type ModelGuard = IndexGuard | 'marker'

function ofIndex(withoutGuard: ModelGuard | undefined): { withoutGuard?: IndexGuard } {
  return withoutGuard === undefined || withoutGuard === 'marker' ? {} : { withoutGuard }
}

/** Does at once what repositories in memory do at once. */
function now(...work: Promise<unknown>[]): void {
  for (const each of work) each.catch(() => undefined)
}

/** Qdrant as seen over a network: forgets what it deletes, fences included, so that a late upsert resurrects. */
export class ModelVectorEngine extends ModelEngine<MemoryVectorRepository> {
  constructor(network: Network, observe: WriteObserver, withoutGuard?: ModelGuard) {
    super(new MemoryVectorRepository(ofIndex(withoutGuard)), network, observe, withoutGuard)
  }

  raw(name: string): ReadonlyMap<string, HeldPoint> {
    return this.memory.has(name) ? this.memory.raw(name) : new Map()
  }

  leadsTo(alias: string, generation: Generation): Promise<boolean> {
    return this.memory.alias.leadsTo(alias, vectorIndexOf(generation))
  }

  loseAlias(generation: Generation): void {
    this.memory.alias.forget(vectorIndexOf(generation))
  }

  wipe(generation: Generation, anew: boolean): void {
    const index = vectorIndexOf(generation)
    now(this.memory.drop(index))
    if (anew) now(this.memory.create(index))
  }

  snapshot(generation: Generation): () => void {
    const index = vectorIndexOf(generation)
    const points = [...this.raw(index.name).values()].map((point) => ({ ...point, fence: point.fence ?? 0 }))
    const marker = this.memory.markerOf(index.name)
    return () => {
      this.wipe(generation, true)
      now(this.memory.upsert(index, points))
      if (marker) now(this.memory.mark(index, marker))
    }
  }

  for(process: SimProcess): VectorRepository {
    const { memory, network } = this
    const send = <T>(what: string, call: CallOptions | undefined, serve: () => Promise<T>): Promise<T> =>
      network.call(process, what, call, serve)
    const write = (index: VectorIndex, ids: readonly { readonly id: string }[], work: () => Promise<void>) => () =>
      this.write('vector', index.name, ids, work)
    return {
      create: (index, call) => send('create', call, () => memory.create(index)),
      drop: (index, call) => send('drop', call, () => memory.drop(index)),
      exists: (index, call) => send('exists', call, () => memory.exists(index)),
      mark: (index, marker, call) =>
        send('mark', call, () => this.mark(index.name, marker, () => memory.mark(index, marker))),
      marker: (index, call) => send('marker', call, () => this.marker(index.name, () => memory.marker(index))),
      alias: {
        leadsTo: (alias, index, call) => send('leadsTo', call, () => memory.alias.leadsTo(alias, index)),
        set: (alias, index, call) => send('setAlias', call, () => this.lead(memory.alias, alias, index)),
      },
      upsert: (index, points: readonly VectorPoint[], call) =>
        send(
          `upsert ${points.length}`,
          call,
          write(index, points, async () => {
            refusePoison(points)
            await memory.upsert(index, points)
          }),
        ),
      setPayload: (index, points, call) =>
        send(
          `setPayload ${points.length}`,
          call,
          write(index, points, async () => {
            refusePoison(points)
            await memory.setPayload(index, points)
          }),
        ),
      remove: (index, removals: readonly IndexRemoval[], call) =>
        send(
          `remove ${removals.length}`,
          call,
          write(index, removals, () => memory.remove(index, removals)),
        ),
      search: (index, query: VectorQuery, call) => send('search', call, () => memory.search(index, query)),
      scan: (index, scan: IndexScan, call) => send('scan', call, () => memory.scan(index, scan)),
      read: (index, ids, call) => send('read', call, () => memory.read(index, ids)),
      refresh: (index, call) => send('refresh', call, () => memory.refresh(index)),
      count: (index, tenant, call) => send('count', call, () => memory.count(index, tenant)),
    }
  }
}

/** Elasticsearch as seen over a network; its deletes are as forgetful. */
export class ModelTextEngine extends ModelEngine<MemoryTextRepository> {
  constructor(network: Network, observe: WriteObserver, withoutGuard?: ModelGuard) {
    super(new MemoryTextRepository(ofIndex(withoutGuard)), network, observe, withoutGuard)
  }

  raw(name: string): ReadonlyMap<string, HeldText> {
    return this.memory.has(name) ? this.memory.raw(name) : new Map()
  }

  leadsTo(alias: string, generation: Generation): Promise<boolean> {
    return this.memory.alias.leadsTo(alias, textIndexOf(generation))
  }

  loseAlias(generation: Generation): void {
    this.memory.alias.forget(textIndexOf(generation))
  }

  wipe(generation: Generation, anew: boolean): void {
    const index = textIndexOf(generation)
    now(this.memory.drop(index))
    if (anew) now(this.memory.create(index))
  }

  snapshot(generation: Generation): () => void {
    const index = textIndexOf(generation)
    const entries = [...this.raw(index.name).values()].map((entry) => ({ ...entry, fence: entry.fence ?? 0 }))
    const marker = this.memory.markerOf(index.name)
    return () => {
      this.wipe(generation, true)
      now(this.memory.upsert(index, entries))
      if (marker) now(this.memory.mark(index, marker))
    }
  }

  for(process: SimProcess): TextRepository {
    const { memory, network } = this
    const send = <T>(what: string, call: CallOptions | undefined, serve: () => Promise<T>): Promise<T> =>
      network.call(process, what, call, serve)
    const write = (index: TextIndex, ids: readonly { readonly id: string }[], work: () => Promise<void>) => () =>
      this.write('text', index.name, ids, work)
    return {
      create: (index, call) => send('create', call, () => memory.create(index)),
      drop: (index, call) => send('drop', call, () => memory.drop(index)),
      exists: (index, call) => send('exists', call, () => memory.exists(index)),
      mark: (index, marker, call) =>
        send('mark', call, () => this.mark(index.name, marker, () => memory.mark(index, marker))),
      marker: (index, call) => send('marker', call, () => this.marker(index.name, () => memory.marker(index))),
      alias: {
        leadsTo: (alias, index, call) => send('leadsTo', call, () => memory.alias.leadsTo(alias, index)),
        set: (alias, index, call) => send('setAlias', call, () => this.lead(memory.alias, alias, index)),
      },
      upsert: (index, entries: readonly TextEntry[], call) =>
        send(
          `upsert ${entries.length}`,
          call,
          write(index, entries, async () => {
            refusePoison(entries)
            await memory.upsert(index, entries)
          }),
        ),
      remove: (index, removals: readonly IndexRemoval[], call) =>
        send(
          `remove ${removals.length}`,
          call,
          write(index, removals, () => memory.remove(index, removals)),
        ),
      search: (index, query: TextQuery, call) => send('search', call, () => memory.search(index, query)),
      facets: (index, query, call) => send('facets', call, () => memory.facets(index, query)),
      scan: (index, scan: IndexScan, call) => send('scan', call, () => memory.scan(index, scan)),
      read: (index, ids, call) => send('read', call, () => memory.read(index, ids)),
      refresh: (index, call) => send('refresh', call, () => memory.refresh(index)),
      count: (index, tenant, call) => send('count', call, () => memory.count(index, tenant)),
    }
  }
}
