import { QdrantConnection } from '../../../connections/qdrant/connection'
import type { QdrantOptions } from '../../../connections/qdrant/options'
import { throwIfAborted } from '../../../core/abort'
import { isPlainObject } from '../../../core/json'
import { field, listOf } from '../../../repositories/qdrant/answers'
import type { ImportSource, SourceDistance, SourceRow } from '../source'

/** Points of one page, with their vectors. */
const pageSize = 500

export interface QdrantSourceOptions extends QdrantOptions {
  readonly collection: string
  /** Of the payload, the paths that are read; all of it by default. */
  readonly only?: readonly string[] | undefined
  /** False leaves the vectors out. */
  readonly vectors?: boolean | undefined
}

const distances: Readonly<Record<string, SourceDistance>> = {
  Cosine: 'cosine',
  Dot: 'dot',
  Euclid: 'euclid',
  Manhattan: 'manhattan',
}

/** A collection of Qdrant's, by ascending ids of its points, of which the last one is the cursor. */
export function qdrantSource({ collection, only, vectors = true, ...where }: QdrantSourceOptions): ImportSource {
  const connection = new QdrantConnection(where)
  return {
    kind: 'qdrant',
    async parts(call) {
      const found = await connection.call({ operation: 'getCollection', collection }, call)
      const params = field(field(found, 'config'), 'params')
      const rows = field(found, 'points_count')
      return [
        {
          name: collection,
          rows: typeof rows === 'number' ? rows : null,
          distances: distancesOf(field(params, 'vectors')),
          lost: lostOf(params),
        },
      ]
    },
    async *rows(_, { after = null, signal }) {
      let offset: unknown = after
      while (offset !== undefined) {
        throwIfAborted(signal)
        const wanted = { with_payload: only ? { include: only } : true, with_vector: vectors }
        const body = { limit: pageSize, ...wanted, ...(offset !== null && { offset }) }
        const page = await connection.call({ operation: 'scrollPoints', collection, body }, { signal })
        for (const point of listOf(field(page, 'points'))) {
          if (field(point, 'id') !== after) yield rowOf(point)
        }
        offset = field(page, 'next_page_offset') ?? undefined
      }
    },
    stamp: async () => '',
    close: () => connection.close(),
  }
}

/** The unnamed vector as `vector`, named ones as `vectors.NAME`. */
function rowOf(point: unknown): SourceRow {
  const id = field(point, 'id')
  if (typeof id !== 'string' && typeof id !== 'number')
    return { values: {}, cursor: null, problem: 'a point has no id' }
  const payload = field(point, 'payload') ?? {}
  const vector = field(point, 'vector')
  const vectors = isPlainObject(vector) ? { vectors: vector } : { vector }
  return { values: { id, payload, ...vectors }, cursor: id }
}

function distancesOf(config: unknown): Record<string, SourceDistance> {
  if (!isPlainObject(config)) return {}
  const entries: [string, unknown][] =
    'size' in config ? [['vector', config]] : Object.entries(config).map(([name, one]) => [`vectors.${name}`, one])
  const known = entries.map(([path, one]) => [path, distances[String(field(one, 'distance'))]] as const)
  return Object.fromEntries(known.filter(([, distance]) => distance !== undefined)) as Record<string, SourceDistance>
}

function lostOf(params: unknown): string[] {
  const sparse = Object.keys(field(params, 'sparse_vectors') ?? {})
  const dense = field(params, 'vectors')
  const named = isPlainObject(dense) && !('size' in dense) ? Object.entries(dense) : [['vector', dense] as const]
  const multi = named.filter(([, one]) => field(one, 'multivector_config')).map(([name]) => name)
  return [
    ...(sparse.length > 0
      ? [`Sparse vectors (${sparse.join(', ')}) stay behind: words are found by the text index`]
      : []),
    ...(multi.length > 0 ? [`Multivectors (${multi.join(', ')}) cannot be kept: a chunk has one vector`] : []),
    ...(named.length > 1 ? [`Of ${named.length} named vectors one is kept, that of fields.vector`] : []),
    'Settings of the index and payload indexes stay behind: headwater makes its own',
  ]
}
