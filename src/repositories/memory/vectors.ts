import { type CallOptions, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { matches } from '../../filter/predicate'
import { inputOf } from '../entry-stamp'
import type { IndexHit, IndexRemoval } from '../index-entry'
import type { VectorIndex, VectorPoint, VectorQuery, VectorRepository } from '../vectors'
import { copyPayload, type HeldEntry, IndexTable, subjectOf } from './index-table'
import { type MemoryIndex, MemoryIndexes } from './indexes'

/** A point as held; its fence is null only where a test took it away. @internal */
export interface HeldPoint extends HeldEntry {
  readonly vector: Float32Array
  /** Euclidean length of the vector. */
  readonly length: number
}

/** Points in memory, searched exactly by cosine. Everything is visible at once: `refresh` has nothing to do. */
export class MemoryVectorRepository extends MemoryIndexes<VectorIndex, HeldPoint> implements VectorRepository {
  async upsert(index: VectorIndex, points: readonly VectorPoint[], call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    const { table } = this.held(index)
    for (const point of points) checkVector(index, point.vector)
    for (const { id, fence, stamp, payload, vector } of points) {
      if (!table.accepts(table.get(id), fence, this.withoutGuard)) continue
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
    const { table } = this.held(index)
    for (const { id, fence, stamp, payload } of points) {
      const held = table.get(id)
      if (!held || !table.accepts(held, fence, this.withoutGuard)) continue
      if (inputOf(held.stamp) !== inputOf(stamp)) continue
      table.set({ ...held, fence, stamp, payload: copyPayload(payload) })
    }
  }

  async remove(index: VectorIndex, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    const { table } = this.held(index)
    for (const removal of removals) table.remove(removal, this.withoutGuard)
  }

  async search(index: VectorIndex, query: VectorQuery, call?: CallOptions): Promise<IndexHit[]> {
    throwIfAborted(call?.signal)
    const { table } = this.held(index)
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

  async read(index: VectorIndex, ids: readonly string[], call?: CallOptions): Promise<VectorPoint[]> {
    throwIfAborted(call?.signal)
    const { table } = this.held(index)
    return ids.flatMap((id) => {
      const held = table.get(id)
      if (!held) return []
      const { fence, stamp, payload, vector } = held
      return [{ id, fence: fence ?? 0, stamp, payload: copyPayload(payload), vector: vector.slice() }]
    })
  }

  protected override make(index: VectorIndex): MemoryIndex<VectorIndex, HeldPoint> {
    return { index, table: new IndexTable(), marker: null }
  }

  protected override check(made: VectorIndex, index: VectorIndex): void {
    if (made.fingerprint === index.fingerprint && made.dimensions === index.dimensions) return
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
