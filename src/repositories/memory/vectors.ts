import { type CallOptions, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { matches } from '../../filter/predicate'
import { type IndexEntry, type IndexHit, type IndexRemoval, type IndexScan, inputOf } from '../index-entry'
import type { IndexMarker } from '../index-marker'
import type { VectorIndex, VectorPoint, VectorQuery, VectorRepository } from '../vectors'
import { MemoryAlias } from './alias'
import { copyPayload, type HeldEntry, type IndexGuard, IndexTable, missingIndex, subjectOf } from './index-table'

/** A point as held; its fence is null only where a test took it away. @internal */
export interface HeldPoint extends HeldEntry {
  readonly vector: Float32Array
  /** Euclidean length of the vector. */
  readonly length: number
}

interface Collection {
  readonly index: VectorIndex
  readonly table: IndexTable<HeldPoint>
  marker: IndexMarker | null
}

/** Points in memory, searched exactly by cosine. Everything is visible at once: `refresh` has nothing to do. */
export class MemoryVectorRepository implements VectorRepository {
  readonly alias = new MemoryAlias<VectorIndex>((index) => this.#collection(index))
  readonly #collections = new Map<string, Collection>()
  readonly #withoutGuard: IndexGuard | undefined

  constructor(options: { /** @internal */ withoutGuard?: IndexGuard } = {}) {
    this.#withoutGuard = options.withoutGuard
  }

  /** The points of a collection by id, for tests that reach behind the repository. @internal */
  raw(name: string): Map<string, HeldPoint> {
    return this.#existing(name).table.entries
  }

  /** @internal */
  has(name: string): boolean {
    return this.#collections.has(name)
  }

  /** @internal */
  markerOf(name: string): IndexMarker | null {
    return this.#collections.get(name)?.marker ?? null
  }

  async create(index: VectorIndex, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    if (this.#collections.has(index.name)) this.#collection(index)
    else this.#collections.set(index.name, { index: { ...index }, table: new IndexTable(), marker: null })
  }

  async drop(index: VectorIndex, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    this.#collections.delete(index.name)
    this.alias.forget(index)
  }

  async exists(index: VectorIndex, call?: CallOptions): Promise<boolean> {
    throwIfAborted(call?.signal)
    return this.#collections.has(index.name)
  }

  async mark(index: VectorIndex, marker: IndexMarker, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    this.#collection(index).marker = { ...marker }
  }

  async marker(index: VectorIndex, call?: CallOptions): Promise<IndexMarker | null> {
    throwIfAborted(call?.signal)
    return this.#collection(index).marker
  }

  async upsert(index: VectorIndex, points: readonly VectorPoint[], call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    const { table } = this.#collection(index)
    for (const point of points) checkVector(index, point.vector)
    for (const { id, fence, stamp, payload, vector } of points) {
      if (!table.accepts(table.get(id), fence, this.#withoutGuard)) continue
      const copy = vector.slice()
      table.set({ id, fence, stamp, payload: copyPayload(payload), vector: copy, length: length(copy) })
    }
  }

  async setPayload(
    index: VectorIndex,
    points: readonly Omit<VectorPoint, 'vector'>[],
    call?: CallOptions,
  ): Promise<void> {
    throwIfAborted(call?.signal)
    const { table } = this.#collection(index)
    for (const { id, fence, stamp, payload } of points) {
      const held = table.get(id)
      if (!held || !table.accepts(held, fence, this.#withoutGuard)) continue
      if (inputOf(held.stamp) !== inputOf(stamp)) continue
      table.set({ ...held, fence, stamp, payload: copyPayload(payload) })
    }
  }

  async remove(index: VectorIndex, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    const { table } = this.#collection(index)
    for (const removal of removals) table.remove(removal, this.#withoutGuard)
  }

  async search(index: VectorIndex, query: VectorQuery, call?: CallOptions): Promise<IndexHit[]> {
    throwIfAborted(call?.signal)
    const { table } = this.#collection(index)
    checkVector(index, query.vector)
    const queryLength = length(query.vector)
    const hits: IndexHit[] = []
    for (const point of table.entries.values()) {
      if (point.payload.tenant !== query.tenant) continue
      if (query.filter && !matches(query.filter, subjectOf(point.payload))) continue
      const scale = point.length * queryLength
      const score = scale === 0 ? 0 : dot(point.vector, query.vector) / scale
      hits.push({ id: point.id, document: point.payload.document, score, fence: point.fence ?? 0 })
    }
    return hits.sort(bestFirst).slice(0, query.limit)
  }

  async scan(index: VectorIndex, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]> {
    throwIfAborted(call?.signal)
    return this.#collection(index).table.scan(scan)
  }

  async read(index: VectorIndex, ids: readonly string[], call?: CallOptions): Promise<VectorPoint[]> {
    throwIfAborted(call?.signal)
    const { table } = this.#collection(index)
    return ids.flatMap((id) => {
      const held = table.get(id)
      if (!held) return []
      const { fence, stamp, payload, vector } = held
      return [{ id, fence: fence ?? 0, stamp, payload: copyPayload(payload), vector: vector.slice() }]
    })
  }

  async refresh(index: VectorIndex, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    this.#collection(index)
  }

  async count(index: VectorIndex, tenant?: TenantId, call?: CallOptions): Promise<number> {
    throwIfAborted(call?.signal)
    return this.#collection(index).table.count(tenant)
  }

  #existing(name: string): Collection {
    const collection = this.#collections.get(name)
    if (!collection) throw missingIndex(name)
    return collection
  }

  #collection(index: VectorIndex): Collection {
    const collection = this.#existing(index.name)
    const made = collection.index
    if (made.fingerprint === index.fingerprint && made.dimensions === index.dimensions) return collection
    throw new HeadwaterError(
      'HW_FINGERPRINT_MISMATCH',
      `The index ${JSON.stringify(index.name)} holds ${made.fingerprint} (${made.dimensions} dimensions), ` +
        `not ${index.fingerprint} (${index.dimensions})`,
      { path: 'index.fingerprint' },
    )
  }
}

function checkVector(index: VectorIndex, vector: Float32Array): void {
  if (vector.length === index.dimensions && vector.every(Number.isFinite)) return
  throw new HeadwaterError(
    'HW_INVALID_VECTOR',
    vector.length === index.dimensions
      ? 'vector: holds a number that is not finite'
      : `vector: has ${vector.length} dimensions, the index ${JSON.stringify(index.name)} has ${index.dimensions}`,
    { path: 'vector' },
  )
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function length(vector: Float32Array): number {
  return Math.sqrt(dot(vector, vector))
}

/** Descending score, ties by id. */
export function bestFirst(a: IndexHit, b: IndexHit): number {
  return b.score - a.score || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
