import type { QdrantConnection } from '../../connections/qdrant/connection'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import { isHeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { checkVector } from '../../embeddings/vector-codec'
import type { IndexEntry, IndexHit, IndexRemoval, IndexScan } from '../index-entry'
import type { IndexFormat } from '../index-format'
import type { IndexAlias, IndexMarker } from '../index-marker'
import type { VectorIndex, VectorPoint, VectorQuery, VectorRepository } from '../vectors'
import { field, listOf, pointOf } from './answers'
import { batchesOf, checkFences, distinctPoints, eachOf, sizeOf } from './batches'
import { QdrantCollections } from './collections'
import { payloadFence, removalFilter, upsertFence } from './fences'
import { tenantFilter } from './filter-qdrant'
import { vectorName } from './names'
import { type QdrantVectorOptions, type ResolvedQdrantVectorOptions, resolveQdrantVectorOptions } from './options'
import { encodePayload, payloadFormat, qdrantFormat } from './payload'
import { scanCollection } from './scanning'
import { type DocumentHits, QdrantSearching } from './searching'
import { QdrantSnapshots } from './snapshots'
import { type QdrantCollectionStats, statsOf, waitUntilIndexed } from './status'
import { type EncodedPoint, upsertRequest } from './upsert-request'

/** Points of one `read` request. */
const readBatch = 256
/** Removals of one request. */
const removalBatch = 1_000

/**
 * Vectors in Qdrant. Every write waits, is fenced on the server and fails unless it was completed; nothing is ever read
 * to decide what to write. Missing collections are HW_GENERATION_MISSING. With cosine distance the server keeps vectors
 * at length 1, so `read` gives them back scaled. With `per-tenant`, `scan` and `read` ask every tenant's collection.
 */
export class QdrantVectorRepository implements VectorRepository {
  readonly format: IndexFormat = qdrantFormat
  /** Snapshots of an index's collection. */
  readonly snapshots: QdrantSnapshots
  readonly #connection: QdrantConnection
  readonly #options: ResolvedQdrantVectorOptions
  readonly #collections: QdrantCollections
  readonly #searching: QdrantSearching

  constructor(connection: QdrantConnection, options: QdrantVectorOptions = {}) {
    this.#connection = connection
    this.#options = resolveQdrantVectorOptions(options)
    this.#collections = new QdrantCollections(connection, this.#options)
    this.#searching = new QdrantSearching(connection, this.#options)
    this.snapshots = new QdrantSnapshots(connection, this.#collections, this.#options)
  }

  async create(index: VectorIndex, call?: CallOptions): Promise<void> {
    await this.#connection.within(call, (inner) => this.#collections.create(index, inner))
  }

  async drop(index: VectorIndex, call?: CallOptions): Promise<void> {
    await this.#connection.within(call, (inner) => this.#collections.drop(index, inner))
  }

  async exists(index: VectorIndex, call?: CallOptions): Promise<boolean> {
    return this.#connection.within(call, (inner) => this.#collections.exists(index, inner))
  }

  mark(index: VectorIndex, marker: IndexMarker, call?: CallOptions): Promise<void> {
    return this.#connection.within(call, (inner) => this.#collections.mark(index, marker, inner))
  }

  marker(index: VectorIndex, call?: CallOptions): Promise<IndexMarker | null> {
    return this.#connection.within(call, (inner) => this.#collections.marker(index, inner))
  }

  get alias(): IndexAlias<VectorIndex> {
    return this.#collections.alias
  }

  async upsert(index: VectorIndex, points: readonly VectorPoint[], call?: CallOptions): Promise<void> {
    for (const [i, point] of points.entries()) checkVector(point.vector, index.dimensions, `points[${i}].vector`)
    checkFences(points)
    const name = vectorName(index)
    await this.#write(index, points, index.dimensions, call, (collection, batch, inner) => {
      const request = upsertRequest(name, batch, upsertFence(batch.map(({ point }) => point)))
      return this.#connection.write({ operation: 'upsertPoints', collection, ...request }, inner)
    })
  }

  async setPayload(
    index: VectorIndex,
    points: readonly Omit<VectorPoint, 'vector'>[],
    call?: CallOptions,
  ): Promise<void> {
    checkFences(points)
    await this.#write(index, points, 0, call, (collection, batch, inner) => {
      const operations = batch.map(({ point, payload }) => ({
        overwrite_payload: { payload, filter: payloadFence(point) },
      }))
      return this.#connection.write({ operation: 'batchUpdate', collection, body: { operations } }, inner)
    })
  }

  async remove(index: VectorIndex, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void> {
    if (removals.length === 0) return
    await this.#connection.within(
      call,
      async (inner) => {
        for (const [tenant, ofTenant] of this.#byCollection(removals, ({ tenant }) => tenant)) {
          const batches = batchesOf(ofTenant, { ...this.#options.batch, points: removalBatch }, () => 64)
          await eachOf(batches, async (batch) => {
            const filter = removalFilter(batch)
            if (!filter) return
            const none = undefined
            await this.#collections.read<void>(
              index,
              tenant,
              none,
              (collection) =>
                this.#connection.write({ operation: 'deletePoints', collection, body: { filter } }, inner),
              inner,
            )
          })
        }
      },
      Number.POSITIVE_INFINITY,
    )
  }

  async search(index: VectorIndex, query: VectorQuery, call?: CallOptions): Promise<IndexHit[]> {
    const filter = this.#searching.filterOf(index, query)
    return this.#connection.within(
      call,
      async (inner) => {
        if (!filter) return []
        const work = (collection: string) => this.#searching.one(index, collection, query, filter, inner)
        return this.#collections.read<IndexHit[]>(index, query.tenant, [], work, inner)
      },
      this.#options.searchTimeoutMs,
    )
  }

  /** Several searches in one request, answered in their order. */
  async searchMany(index: VectorIndex, queries: readonly VectorQuery[], call?: CallOptions): Promise<IndexHit[][]> {
    const answers: IndexHit[][] = queries.map(() => [])
    const asked = queries.flatMap((query, at) => {
      const filter = this.#searching.filterOf(index, query)
      return filter ? [{ at, query, filter }] : []
    })
    return this.#connection.within(
      call,
      async (inner) => {
        for (const [tenant, ofTenant] of this.#byCollection(asked, ({ query }) => query.tenant)) {
          const work = (collection: string) => this.#searching.many(index, collection, ofTenant, inner)
          const found = await this.#collections.read<IndexHit[][]>(index, tenant, [], work, inner)
          for (const [i, { at }] of ofTenant.entries()) answers[at] = found[i] ?? []
        }
        return answers
      },
      this.#options.searchTimeoutMs,
    )
  }

  /** The best `limit` documents, each with its best `groupSize` hits. */
  async searchGroups(
    index: VectorIndex,
    query: VectorQuery & { readonly groupSize: number },
    call?: CallOptions,
  ): Promise<DocumentHits[]> {
    const filter = this.#searching.filterOf(index, query)
    return this.#connection.within(
      call,
      async (inner) => {
        if (!filter) return []
        const work = (collection: string) => this.#searching.grouped(index, collection, query, filter, inner)
        return this.#collections.read<DocumentHits[]>(index, query.tenant, [], work, inner)
      },
      this.#options.searchTimeoutMs,
    )
  }

  async scan(index: VectorIndex, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]> {
    return this.#connection.within(call, async (inner) => {
      const pages: IndexEntry[][] = []
      for (const collection of await this.#collections.all(index, inner)) {
        pages.push(await scanCollection(this.#connection, collection, scan, inner))
      }
      if (pages.length === 1) return pages[0]!
      const merged = pages.flat().sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
      return merged.slice(0, scan.limit)
    })
  }

  async read(index: VectorIndex, ids: readonly string[], call?: CallOptions): Promise<VectorPoint[]> {
    if (ids.length === 0) return []
    const name = vectorName(index)
    return this.#connection.within(call, async (inner) => {
      const found = new Map<string, VectorPoint>()
      for (const collection of await this.#collections.all(index, inner)) {
        await eachOf(
          batchesOf(ids, { points: readBatch, bytes: Number.POSITIVE_INFINITY }, () => 0),
          async (batch) => {
            const body = { ids: batch, with_payload: true, with_vector: [name] }
            const points = await this.#connection.call({ operation: 'getPoints', collection, body }, inner)
            for (const point of listOf(points).map((one) => pointOf(one, name))) found.set(point.id, point)
          },
        )
      }
      return ids.flatMap((id) => found.get(id) ?? [])
    })
  }

  /**
   * A write that was completed is visible. A call that may take its time, as before a switch, also waits until searches
   * need not go through all that was written, for `indexingTimeoutMs` at most.
   */
  async refresh(index: VectorIndex, call: CallOptions = {}): Promise<void> {
    if (call.timeoutMs !== undefined) return this.#connection.within(call, async () => {})
    try {
      await this.waitForIndexing(index, call)
    } catch (error) {
      throwIfAborted(call.signal)
      // Searches are right all the same.
      if (!isHeadwaterError(error, 'HW_TIMEOUT') && !isHeadwaterError(error, 'HW_DATABASE')) throw error
    }
  }

  async count(index: VectorIndex, tenant?: TenantId, call?: CallOptions): Promise<number> {
    return this.#connection.within(call, async (inner) => {
      const count = async (collection: string): Promise<number> => {
        const filter = tenant === undefined ? undefined : tenantFilter(tenant, undefined, payloadFormat(index))
        const body = { exact: true, ...(filter && { filter }) }
        return Number(
          field(await this.#connection.call({ operation: 'countPoints', collection, body }, inner), 'count'),
        )
      }
      if (tenant !== undefined) return this.#collections.read(index, tenant, 0, count, inner)
      let total = 0
      for (const collection of await this.#collections.all(index, inner)) total += await count(collection)
      return total
    })
  }

  /** One for each collection of the index: with `per-tenant`, one a tenant. */
  async stats(index: VectorIndex, call?: CallOptions): Promise<QdrantCollectionStats[]> {
    return this.#connection.within(call, async (inner) => {
      const stats: QdrantCollectionStats[] = []
      for (const collection of await this.#collections.all(index, inner)) {
        stats.push(await statsOf(this.#connection, collection, inner))
      }
      return stats
    })
  }

  /**
   * Waits until everything written is in the graph or small enough to need none: searches are right meanwhile, only
   * slower. HW_TIMEOUT after `indexingTimeoutMs` or the call's own `timeoutMs`.
   */
  async waitForIndexing(index: VectorIndex, call?: CallOptions): Promise<QdrantCollectionStats[]> {
    return this.#connection.within(
      call,
      async (inner) => {
        const stats: QdrantCollectionStats[] = []
        for (const collection of await this.#collections.all(index, inner)) {
          stats.push(await waitUntilIndexed(this.#connection, collection, inner))
        }
        return stats
      },
      this.#options.indexingTimeoutMs,
    )
  }

  /** Batches of points by collection, each sent once the server is proved to heed fences. */
  async #write<P extends Omit<VectorPoint, 'vector'>>(
    index: VectorIndex,
    points: readonly P[],
    dimensions: number,
    call: CallOptions | undefined,
    send: (collection: string, batch: readonly EncodedPoint<P>[], call: CallOptions) => Promise<void>,
  ): Promise<void> {
    if (points.length === 0) return
    const format = payloadFormat(index)
    const encoded = distinctPoints(points).map((point): EncodedPoint<P> => {
      const payload = encodePayload(point, format)
      return { point, payload, json: JSON.stringify(payload) }
    })
    await this.#connection.within(
      call,
      async (inner) => {
        await this.#connection.fenced(inner)
        for (const [tenant, ofTenant] of this.#byCollection(encoded, ({ point }) => point.payload.tenant)) {
          const batches = batchesOf(ofTenant, this.#options.batch, ({ json }) => sizeOf(dimensions, json))
          await eachOf(batches, (batch) =>
            this.#collections.write(index, tenant, (collection) => send(collection, batch, inner), inner),
          )
        }
      },
      Number.POSITIVE_INFINITY,
    )
  }

  /** One group where all tenants share a collection. The key is a tenant of the group. */
  #byCollection<T>(items: readonly T[], tenantOf: (item: T) => string): [tenant: string, items: T[]][] {
    const groups = new Map<string, [string, T[]]>()
    for (const item of items) {
      const tenant = tenantOf(item)
      const key = this.#collections.perTenant ? tenant : ''
      const group = groups.get(key)
      if (group) group[1].push(item)
      else groups.set(key, [tenant, [item]])
    }
    return [...groups.values()]
  }
}
