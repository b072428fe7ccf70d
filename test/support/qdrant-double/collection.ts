import { type CollectionConfig, spacesOf, updateConfig } from './collection-config'
import { notFound } from './failure'
import { compileFilter, type Predicate } from './filter'
import type { JsonObject } from './json'
import { indexedValues, type PayloadIndex } from './payload-index'
import { compareIds, type PointId } from './point-id'
import type { VectorSpace, Vectors } from './vectors'

export interface Point {
  readonly id: PointId
  payload: JsonObject
  vectors: Vectors
  /** The operation that changed it last. */
  version: number
}

/** A collection: settings, payload indexes, points. */
export class Collection {
  readonly name: string
  readonly config: CollectionConfig
  readonly indexes = new Map<string, PayloadIndex>()
  readonly spaces: ReadonlyMap<string, VectorSpace>
  readonly #points = new Map<PointId, Point>()
  #ordered: Point[] | undefined
  operation = 0
  /** How often a condition without an index has read the payload of a point. */
  unindexedReads = 0

  constructor(name: string, config: CollectionConfig) {
    this.name = name
    this.config = config
    this.spaces = spacesOf(config)
  }

  get size(): number {
    return this.#points.size
  }

  get(id: PointId): Point | undefined {
    return this.#points.get(id)
  }

  put(point: Point): void {
    // Kept in order: sorting a hundred thousand after every write would be all that the double does.
    this.#ordered?.splice(this.#position(point.id), this.#points.has(point.id) ? 1 : 0, point)
    this.#points.set(point.id, point)
  }

  remove(id: PointId): void {
    if (!this.#points.has(id)) return
    this.#ordered?.splice(this.#position(id), 1)
    this.#points.delete(id)
  }

  /** All points by ascending id. */
  ordered(): readonly Point[] {
    this.#ordered ??= [...this.#points.values()].sort((a, b) => compareIds(a.id, b.id))
    return this.#ordered
  }

  /** Points by ascending id from this id on. */
  orderedFrom(id: PointId): readonly Point[] {
    return this.ordered().slice(this.#position(id))
  }

  matching(filter: Predicate): Point[] {
    return this.ordered().filter(filter)
  }

  predicate(filter: unknown, request?: string, onKey?: (key: string) => void): Predicate {
    return compileFilter(filter, this.indexes, request, onKey, () => {
      this.unindexedReads++
    })
  }

  require(id: PointId): Point {
    const point = this.get(id)
    if (!point) throw notFound(`No point with id ${id} found`)
    return point
  }

  update(body: JsonObject): void {
    updateConfig(this.config, body)
  }

  info(optimizing: boolean): JsonObject {
    const schema = [...this.indexes].map(([field, index]) => {
      const points = this.ordered().filter((point) => indexedValues(index, point.payload).length > 0).length
      return [field, { data_type: index.type, ...(index.params && { params: index.params }), points }]
    })
    return {
      status: optimizing ? 'yellow' : 'green',
      optimizer_status: 'ok',
      indexed_vectors_count: optimizing ? 0 : this.#indexedVectors(),
      points_count: this.size,
      segments_count: 2 * Number(this.config.params['shard_number'] ?? 1),
      config: this.config,
      payload_schema: Object.fromEntries(schema),
      update_queue: { length: 0 },
    }
  }

  // The threshold is in KB of 32-bit floats; below it the server searches without an index.
  #indexedVectors(): number {
    const threshold = Number(this.config.optimizer_config['indexing_threshold'] ?? 0)
    const sizes = [...this.spaces.values()].map((space) => space.size)
    const kilobytes = (this.size * Math.max(0, ...sizes) * 4) / 1024
    return threshold > 0 && kilobytes >= threshold ? this.size * sizes.length : 0
  }

  #position(id: PointId): number {
    const points = this.ordered()
    let low = 0
    let high = points.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareIds(points[middle]!.id, id) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
