/**
 * A vector backend of your own: here arrays in this process, elsewhere the engine that you have. It is held to what
 * every backend promises by the contract suite, under node:test, and then serves a store.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  HeadwaterError,
  type IndexMarker,
  type IndexRemoval,
  type IndexScan,
  matchesFilter,
  openStore,
  type VectorIndex,
  type VectorPoint,
  type VectorQuery,
  type VectorRepository,
} from 'headwater'
import { vectorRepositoryContract } from 'headwater/testing'

interface Collection {
  readonly points: Map<string, VectorPoint>
  marker: IndexMarker | null
}

class ArrayVectors implements VectorRepository {
  /** By this name the database remembers who holds its vectors. */
  readonly engine = 'arrays'
  readonly format = { words: 1, payload: 2 }
  readonly #collections = new Map<string, Collection>()

  async create({ name }: VectorIndex): Promise<void> {
    if (!this.#collections.has(name)) this.#collections.set(name, { points: new Map(), marker: null })
  }
  async drop({ name }: VectorIndex): Promise<void> {
    this.#collections.delete(name)
  }
  async exists({ name }: VectorIndex): Promise<boolean> {
    return this.#collections.has(name)
  }
  async mark(index: VectorIndex, marker: IndexMarker): Promise<void> {
    this.#held(index).marker = { ...marker }
  }
  async marker(index: VectorIndex): Promise<IndexMarker | null> {
    return this.#held(index).marker
  }

  /** A point with a higher fence is left alone: a write that came late must not undo a newer one. */
  async upsert(index: VectorIndex, points: readonly VectorPoint[], call?: { signal?: AbortSignal }): Promise<void> {
    const { points: held } = this.#held(index, call)
    for (const { vector } of points) checkVector(index, vector)
    for (const point of points) {
      if ((held.get(point.id)?.fence ?? 0) <= point.fence) held.set(point.id, structuredClone(point))
    }
  }

  /** Payloads only, and only beside a vector of the same text, which the first half of the stamp tells. */
  async setPayload(index: VectorIndex, points: readonly Omit<VectorPoint, 'vector'>[]): Promise<void> {
    const { points: held } = this.#held(index)
    for (const point of points) {
      const now = held.get(point.id)
      if (!now || now.fence > point.fence || now.stamp.slice(0, 16) !== point.stamp.slice(0, 16)) continue
      held.set(point.id, { ...structuredClone(point), vector: now.vector })
    }
  }

  async remove(index: VectorIndex, removals: readonly IndexRemoval[]): Promise<void> {
    const { points: held } = this.#held(index)
    for (const { id, tenant, fence, when } of removals) {
      const now = held.get(id)
      if (now?.payload.tenant !== tenant || fence === null) continue
      if (when === 'exactly' ? now.fence === fence : now.fence <= fence) held.delete(id)
    }
  }

  async search(index: VectorIndex, { tenant, vector, filter, limit }: VectorQuery, call?: { signal?: AbortSignal }) {
    const { points: held } = this.#held(index, call)
    checkVector(index, vector)
    return [...held.values()]
      .filter(({ payload }) => payload.tenant === tenant && matchesFilter(filter, { id: payload.document, ...payload }))
      .map(({ id, fence, payload, vector: other }) => {
        return { id, fence, document: payload.document, score: cosine(vector, other) }
      })
      .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
      .slice(0, limit)
  }

  async scan(index: VectorIndex, { after = '', upTo = '\uffff', limit }: IndexScan) {
    return [...this.#held(index).points.values()]
      .filter(({ id }) => id > after && id <= upTo)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit)
      .map(({ id, fence, stamp, payload: { tenant, document } }) => ({ id, tenant, document, fence, stamp }))
  }

  async read(index: VectorIndex, ids: readonly string[]): Promise<VectorPoint[]> {
    const { points: held } = this.#held(index)
    return ids.flatMap((id) => structuredClone(held.get(id)) ?? [])
  }
  async refresh(index: VectorIndex): Promise<void> {
    this.#held(index)
  }
  async count(index: VectorIndex, tenant?: string): Promise<number> {
    const all = [...this.#held(index).points.values()]
    return all.filter(({ payload }) => tenant === undefined || payload.tenant === tenant).length
  }

  #held({ name }: VectorIndex, call?: { signal?: AbortSignal }): Collection {
    if (call?.signal?.aborted) throw new HeadwaterError('HW_ABORTED', 'The caller gave up')
    const found = this.#collections.get(name)
    if (found) return found
    throw new HeadwaterError('HW_GENERATION_MISSING', `There is no collection ${name}`)
  }
}

function checkVector({ dimensions }: VectorIndex, vector: Float32Array): void {
  if (vector.length === dimensions && vector.every(Number.isFinite)) return
  throw new HeadwaterError('HW_INVALID_VECTOR', `vector: must be ${dimensions} finite numbers`)
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, i) => sum + value * y[i]!, 0)
  return dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1)
}

/** The few matchers of the suites over node:assert; those of vitest and jest fit as they are. */
const expect = (actual: unknown) => ({
  toBe: (expected: unknown) => assert.equal(actual, expected),
  toEqual: (expected: unknown) => assert.deepEqual(actual, expected),
  toBeCloseTo: (expected: number, digits = 2) => assert.ok(Math.abs(Number(actual) - expected) < 10 ** -digits / 2),
  toBeGreaterThan: (expected: number) => assert.ok(Number(actual) > expected),
  toBeGreaterThanOrEqual: (expected: number) => assert.ok(Number(actual) >= expected),
  toBeLessThan: (expected: number) => assert.ok(Number(actual) < expected),
})

vectorRepositoryContract({ describe, it, expect }, async () => ({
  vectors: new ArrayVectors(),
  dispose: async () => {},
}))

it('serves a store', async () => {
  const store = await openStore({
    embedded: { path: ':memory:' },
    embedder: { hashing: {} },
    repositories: { vectors: new ArrayVectors() },
  })
  try {
    const acme = store.forTenant('acme')
    await acme.waitFor(await acme.documents.put({ id: 'leave', text: 'Parental leave is sixteen weeks.' }))
    const { hits } = await acme.search({ query: 'parental leave', mode: 'vector' })
    assert.equal(hits[0]?.documentId, 'leave')
  } finally {
    await store.close()
  }
})
