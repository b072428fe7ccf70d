import type { ElasticsearchOptions } from '../connections/elasticsearch/options'
import type { PostgresOptions } from '../connections/postgres/options'
import type { QdrantOptions } from '../connections/qdrant/options'
import type { RedisOptions } from '../connections/redis/options'
import type { S3Options } from '../connections/s3/options'
import type { Clock } from '../core/clock'
import { HeadwaterError } from '../core/errors'
import { collectionName } from '../core/ids'
import type { JsonObject } from '../core/json'
import { type KnownOptions, refuseUnknown } from '../core/known-options'
import type { Random } from '../core/random'
import type { Embedder } from '../embeddings/embedder'
import { type EmbedderOption, embedderOf } from '../embeddings/select'
import type { MetadataDeclaration } from '../filter/metadata'
import type { ElasticsearchTextOptions } from '../repositories/elasticsearch/options'
import type { QdrantVectorOptions } from '../repositories/qdrant/options'
import type { RedisCacheOptions } from '../repositories/redis/cache'
import type { RedisVectorCacheOptions } from '../repositories/redis/vectors'
import type { S3BlobOptions } from '../repositories/s3/blobs'
import type { HedgeOptions } from '../resilience/hedge'
import type { Reranker } from '../search/query'
import { type SplitterOptions, splitterOf } from '../splitter/select'
import type { Splitter } from '../splitter/splitter'
import { type CollectionPlan, type WriterOptions, writerDefaults } from '../writer/ports'

/** What a collection is made with. Embedder, splitter and language are recorded: another one is refused later. */
export interface CollectionOptions<M = JsonObject> {
  /** What `defineMetadata` made: types, checks and datetimes. Schemaless without it. */
  metadata?: MetadataDeclaration<M> | undefined
  /** A name of `embedders`, or an embedder; the store's default when left out. */
  embedder?: string | EmbedderOption | undefined
  /**
   * Embeds queries while the embedder fails: a name of `embedders`, or an embedder; the store's when left out. It is of
   * another space, and answers from a standby generation of its own: `rebuild({ target: 'vector', embedder, as: 'standby' })`.
   */
  fallback?: string | EmbedderOption | undefined
  /** Sizes of the default splitter, or one of your own; the store's when left out. */
  splitter?: SplitterOptions | Splitter | undefined
  /** Postgres text search configuration; `english` by default. */
  language?: string | undefined
}

/** Options of `openStore`. `C` maps each collection to its metadata type. */
export interface StoreOptions<C extends object = { documents: JsonObject }> {
  /** Everything within this process, in a folder or `':memory:'`. The default, with `./.headwater`. */
  embedded?: { path?: string | undefined } | undefined
  /** A server by `url`, or a `pool` of your own; `schema` is `headwater` by default. */
  postgres?: (Omit<PostgresOptions, 'embedded'> & { schema?: string | undefined }) | undefined
  /** Vectors in Qdrant instead of Postgres. `prefix` starts the names of its collections, `headwater` by default. */
  qdrant?: (QdrantOptions & { prefix?: string | undefined; vectors?: QdrantVectorOptions | undefined }) | undefined
  /** Texts in Elasticsearch instead of Postgres. `prefix` starts the names of its indexes, `headwater` by default. */
  elasticsearch?:
    | (ElasticsearchOptions & {
        prefix?: string | undefined
        texts?: Omit<ElasticsearchTextOptions, 'prefix'> | undefined
      })
    | undefined
  /**
   * The cache in Redis instead of this process, shared by all processes of this database: give it to each of them. Query
   * vectors are kept there too, 86,400,000 ms unless `vectors` says otherwise.
   */
  redis?:
    | (RedisOptions & {
        cache?: Omit<RedisCacheOptions, 'clock' | 'random' | 'epoch' | 'namespace'> | undefined
        vectors?: Pick<RedisVectorCacheOptions, 'ttlMs' | 'jitter'> | undefined
      })
    | undefined
  /** Blobs in an S3-compatible store instead of a folder. */
  s3?: (S3Options & { blobs?: S3BlobOptions | undefined }) | undefined
  /** Named embedders, for `embedder` and `rebuild`. */
  embedders?: Readonly<Record<string, EmbedderOption>> | undefined
  /** Default of every collection: a name of `embedders`, or an embedder. When left out, a model in the cache, else hashing. */
  embedder?: string | EmbedderOption | undefined
  /** Default of every collection: what embeds queries, in a standby generation of its own, while `embedder` fails. */
  fallback?: string | EmbedderOption | undefined
  /** Default of every collection: sizes of the splitter for text and Markdown, or one of your own. */
  splitter?: SplitterOptions | Splitter | undefined
  /** By name; `documents` is always there. */
  collections?: { [K in keyof C]?: CollectionOptions<C[K]> } | undefined
  /** 'auto' migrates under an advisory lock; 'check' refuses a database that needs it; 'off' does not look. */
  migrate?: 'auto' | 'check' | 'off' | undefined
  /** 'background' applies and drains in this process too; 'external' leaves it to workers. */
  relay?: 'background' | 'external' | undefined
  /** Folder of the blobs; beside the database when embedded. */
  blobs?: { path: string } | undefined
  /** Of the cache in this process: 10,000 entries of all tenants, kept for 3,600,000 ms, by default. */
  cache?: { maxEntries?: number | undefined; ttlMs?: number | undefined } | undefined
  /** What searches keep for the next ones. */
  search?:
    | {
        /**
         * Keeps what the indexes proposed for page one, ids and scores: in Redis if there is one, else in this process
         * (10,000 searches unless `maxEntries` says otherwise). Each hit is still read from Postgres. For 3,600,000 ms by
         * default; false by default.
         */
        cache?: boolean | { ttlMs?: number | undefined; maxEntries?: number | undefined } | undefined
        /** Vectors of queries in this process: 10,000, for 7,200,000 ms, by default. */
        vectors?: { maxEntries?: number | undefined; ttlMs?: number | undefined } | undefined
        /** How long a search waits for each answer of Redis before it goes on without, ms; 100 by default. */
        cacheTimeoutMs?: number | undefined
        /** Orders the best hits of every search that brings no `rerank` of its own. None by default. */
        rerank?: Reranker | undefined
        /**
         * A leg that takes unusually long is asked once more, and the first answer counts: after `afterMs`, or after the
         * `percentile` (0.95) of its latest 100 answers; at most `budget` (0.05) of all requests are such. Off by default.
         */
        hedge?: HedgeOptions | undefined
      }
    | undefined
  /** Sizes and times of the writer and the relay. */
  writer?: Partial<Omit<WriterOptions, 'relay'>> | undefined
  /** Time, for tests; the system's by default. */
  clock?: Clock | undefined
  /** Randomness, for tests; the system's by default. */
  random?: Random | undefined
}

export interface ResolvedCollections {
  readonly plans: Map<string, CollectionPlan>
  /** By fingerprint. */
  readonly embedders: Map<string, Embedder>
  /** By the name in the options. */
  readonly named: ReadonlyMap<string, Embedder>
  /** True when no embedder was named and hashing stands in. */
  readonly fallback: boolean
}

const known = {
  embedded: true,
  postgres: true,
  qdrant: true,
  elasticsearch: true,
  redis: true,
  s3: true,
  embedders: true,
  embedder: true,
  fallback: true,
  splitter: true,
  collections: true,
  migrate: true,
  relay: true,
  blobs: true,
  cache: true,
  search: true,
  writer: true,
  clock: true,
  random: true,
} satisfies KnownOptions<StoreOptions>

const knownOfCollection = {
  metadata: true,
  embedder: true,
  fallback: true,
  splitter: true,
  language: true,
} satisfies KnownOptions<CollectionOptions>

const sizes = { maxEntries: true, ttlMs: true } satisfies KnownOptions<NonNullable<StoreOptions['cache']>>
const knownOfSearch = {
  cache: true,
  vectors: true,
  cacheTimeoutMs: true,
  rerank: true,
  hedge: true,
} satisfies KnownOptions<NonNullable<StoreOptions['search']>>
const knownOfHedge = { afterMs: true, percentile: true, budget: true } satisfies KnownOptions<HedgeOptions>
const { relay: _, ...knownOfWriter } = writerDefaults

/** Refuses what is misspelt or contradictory, naming the path. */
export function checkStoreOptions(options: StoreOptions<object>): void {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'must be an object')
  refuseUnknown(options, known, '')
  for (const name of ['postgres', 'qdrant', 'elasticsearch', 'redis', 's3'] as const) {
    // Not the value: it may be a URL with a password.
    if (options[name] !== undefined && (typeof options[name] !== 'object' || options[name] === null)) {
      throw invalid(name, 'must be an object of options, such as { url }')
    }
  }
  refuseUnknown(options.embedded, { path: true }, 'embedded')
  refuseUnknown(options.blobs, { path: true }, 'blobs')
  refuseUnknown(options.cache, sizes, 'cache')
  refuseUnknown(options.search, knownOfSearch, 'search')
  refuseUnknown(options.search?.vectors, sizes, 'search.vectors')
  refuseUnknown(options.search?.hedge, knownOfHedge, 'search.hedge')
  if (typeof options.search?.cache !== 'boolean') refuseUnknown(options.search?.cache, sizes, 'search.cache')
  refuseUnknown(options.writer, knownOfWriter, 'writer')
  for (const [name, collection] of Object.entries(options.collections ?? {})) {
    refuseUnknown(collection, knownOfCollection, `collections.${name}`)
  }
  if (options.embedded && options.postgres) throw invalid('embedded', 'give either embedded or postgres, not both')
  if (options.blobs && options.s3) throw invalid('blobs', 'give either blobs.path or s3, not both')
  const { cache, vectors } = options.search ?? {}
  positive('search.cache.ttlMs', typeof cache === 'object' ? cache.ttlMs : undefined)
  positive('search.cache.maxEntries', typeof cache === 'object' ? cache.maxEntries : undefined)
  positive('search.hedge.afterMs', options.search?.hedge?.afterMs)
  share('search.hedge.percentile', options.search?.hedge?.percentile)
  share('search.hedge.budget', options.search?.hedge?.budget)
  positive('search.cacheTimeoutMs', options.search?.cacheTimeoutMs)
  const rank: unknown = options.search?.rerank?.rank
  if (options.search?.rerank && typeof rank !== 'function') throw invalid('search.rerank.rank', 'must be a function')
  positive('search.vectors.ttlMs', vectors?.ttlMs)
  positive('search.vectors.maxEntries', vectors?.maxEntries)
  for (const [name, value] of Object.entries(options.writer ?? {})) {
    if (!name.endsWith('Ms')) positive(`writer.${name}`, value)
    else if (value !== undefined && !(typeof value === 'number' && value >= 0)) {
      throw invalid(`writer.${name}`, `must be a number of milliseconds from 0, got ${value}`)
    }
  }
  const { prefix } = options.qdrant ?? {}
  if (prefix !== undefined && !/^[A-Za-z0-9._-]{1,64}$/.test(prefix)) {
    throw invalid('qdrant.prefix', `must be 1 to 64 characters of [A-Za-z0-9._-], got ${JSON.stringify(prefix)}`)
  }
  oneOf('migrate', options.migrate, ['auto', 'check', 'off'])
  oneOf('relay', options.relay, ['background', 'external'])
}

/** The plan of each collection; `documents` is always there. */
export function resolveCollections(options: StoreOptions<object>): ResolvedCollections {
  const named = new Map(
    Object.entries(options.embedders ?? {}).map(([name, option]) => [name, embedderOf(option, `embedders.${name}`)]),
  )
  const pick = (choice: string | EmbedderOption | undefined, path: string): Embedder => {
    if (typeof choice !== 'string') return embedderOf(choice ?? { hashing: {} }, path)
    const found = named.get(choice)
    if (found) return found
    throw invalid(
      path,
      `no embedder ${JSON.stringify(choice)} in embedders (${[...named.keys()].join(', ') || 'none'})`,
    )
  }
  const standard = pick(options.embedder, 'embedder')
  const substitute = options.fallback === undefined ? undefined : pick(options.fallback, 'fallback')
  const given = options.collections as Record<string, CollectionOptions | undefined> | undefined
  const plans = new Map<string, CollectionPlan>()
  const declared: Record<string, CollectionOptions | undefined> = { documents: undefined, ...given }
  for (const [name, collection] of Object.entries(declared)) {
    const path = `collections.${name}`
    const embedder = collection?.embedder === undefined ? standard : pick(collection.embedder, `${path}.embedder`)
    const standIn = collection?.fallback === undefined ? substitute : pick(collection.fallback, `${path}.fallback`)
    if (standIn && collection?.fallback !== undefined && standIn.fingerprint === embedder.fingerprint) {
      throw invalid(`${path}.fallback`, `is of the embedder's own space: use embedder: { fallback: [...] }`)
    }
    plans.set(name, {
      name: collectionName(name),
      embedder,
      fallback: standIn?.fingerprint === embedder.fingerprint ? undefined : standIn,
      splitter: collection?.splitter
        ? splitterOf(collection.splitter, `${path}.splitter`)
        : splitterOf(options.splitter, 'splitter'),
      metadata: collection?.metadata as MetadataDeclaration | undefined,
      language: collection?.language ?? 'english',
    })
  }
  const all = [
    standard,
    ...named.values(),
    ...[...plans.values()].flatMap(({ embedder, fallback }) => (fallback ? [embedder, fallback] : [embedder])),
  ]
  return {
    plans,
    embedders: new Map(all.map((embedder) => [embedder.fingerprint, embedder])),
    named,
    fallback: options.embedder === undefined,
  }
}

function positive(path: string, value: number | undefined): void {
  if (value === undefined || (Number.isInteger(value) && value > 0)) return
  throw invalid(path, `must be a whole number above 0, got ${value}`)
}

function share(path: string, value: number | undefined): void {
  if (value === undefined || (value > 0 && value < 1)) return
  throw invalid(path, `must be between 0 and 1, got ${value}`)
}

function oneOf(path: string, value: string | undefined, values: readonly string[]): void {
  if (value === undefined || values.includes(value)) return
  throw invalid(path, `must be one of ${values.join(', ')}, got ${JSON.stringify(value)}`)
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
