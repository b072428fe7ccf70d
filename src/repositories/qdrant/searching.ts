import type { QdrantConnection } from '../../connections/qdrant/connection'
import type { CallOptions } from '../../core/abort'
import { checkVector } from '../../embeddings/vector-codec'
import type { IndexHit } from '../index-entry'
import type { VectorIndex, VectorQuery } from '../vectors'
import { field, hitOf, listOf } from './answers'
import { searchParameters } from './collection-settings'
import type { QdrantFilter } from './conditions'
import { tenantFilter } from './filter-qdrant'
import { vectorName } from './names'
import type { ResolvedQdrantVectorOptions } from './options'
import { hitKeys, keys, payloadFormat } from './payload'

/** Results beyond the limit that are asked for at once, to see whether a tie goes across it. */
const beyond = 8
/** No more than this are looked at to order a tie. */
const mostBeyond = 1_024

/** The hits of one document, best first. */
export interface DocumentHits {
  readonly document: string
  readonly hits: readonly IndexHit[]
}

/** Searches of one connection: bodies, ties in order of their ids, answers. */
export class QdrantSearching {
  readonly #connection: QdrantConnection
  readonly #options: ResolvedQdrantVectorOptions

  constructor(connection: QdrantConnection, options: ResolvedQdrantVectorOptions) {
    this.#connection = connection
    this.#options = options
  }

  /** The filter of a query, checked; false when nothing can match. */
  filterOf(index: VectorIndex, query: VectorQuery): QdrantFilter | false {
    checkVector(query.vector, index.dimensions)
    return query.limit > 0 && tenantFilter(query.tenant, query.filter, payloadFormat(index))
  }

  async one(
    index: VectorIndex,
    collection: string,
    query: VectorQuery,
    filter: QdrantFilter,
    call: CallOptions,
  ): Promise<IndexHit[]> {
    for (let extra = beyond; ; extra *= 4) {
      const body = this.#body(index, query, filter, query.limit + extra)
      const result = await this.#ask('queryPoints', collection, body, call)
      const hits = this.#hits(field(result, 'points'))
      if (isSettled(hits, query.limit, extra) || extra >= mostBeyond) return hits.slice(0, query.limit)
    }
  }

  /** In one request; a query whose tie goes further than usual is asked again by itself. */
  async many(
    index: VectorIndex,
    collection: string,
    queries: readonly { readonly query: VectorQuery; readonly filter: QdrantFilter }[],
    call: CallOptions,
  ): Promise<IndexHit[][]> {
    const searches = queries.map(({ query, filter }) => this.#body(index, query, filter, query.limit + beyond))
    const answers = listOf(await this.#ask('queryBatchPoints', collection, { searches }, call))
    return Promise.all(
      queries.map(({ query, filter }, i) => {
        const hits = this.#hits(field(answers[i], 'points'))
        if (isSettled(hits, query.limit, beyond)) return hits.slice(0, query.limit)
        return this.one(index, collection, query, filter, call)
      }),
    )
  }

  async grouped(
    index: VectorIndex,
    collection: string,
    query: VectorQuery & { readonly groupSize: number },
    filter: QdrantFilter,
    call: CallOptions,
  ): Promise<DocumentHits[]> {
    const body = {
      ...this.#body(index, query, filter, query.limit),
      group_by: keys.document,
      group_size: query.groupSize,
    }
    const result = await this.#ask('queryPointsGroups', collection, body, call)
    return listOf(field(result, 'groups')).map((group) => ({
      document: String(field(group, 'id')),
      hits: this.#hits(field(group, 'hits')),
    }))
  }

  #body(index: VectorIndex, query: VectorQuery, filter: QdrantFilter, limit: number): object {
    return {
      query: Array.from(query.vector),
      using: vectorName(index),
      filter,
      limit,
      params: searchParameters(this.#options),
      with_payload: hitKeys,
    }
  }

  /** The server is told when to give up, too. */
  #ask(
    operation: 'queryPoints' | 'queryBatchPoints' | 'queryPointsGroups',
    collection: string,
    body: object,
    call: CallOptions,
  ): Promise<unknown> {
    const timeout = Math.max(1, Math.ceil((call.timeoutMs ?? this.#options.searchTimeoutMs) / 1_000))
    return this.#connection.call({ operation, collection, query: { timeout }, body }, call)
  }

  #hits(points: unknown): IndexHit[] {
    const isDistance = this.#options.distance === 'euclid'
    return listOf(points)
      .map((point) => hitOf(point, isDistance))
      .sort(bestFirst)
  }
}

/** True when the hits beyond the limit, or their absence, show that no equal one is left out. */
function isSettled(hits: readonly IndexHit[], limit: number, extra: number): boolean {
  return hits.length < limit + extra || hits[limit - 1]!.score !== hits.at(-1)!.score
}

function bestFirst(a: IndexHit, b: IndexHit): number {
  return b.score - a.score || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
