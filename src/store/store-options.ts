import type { ElasticsearchOptions } from '../connections/elasticsearch/options'
import type { PostgresOptions } from '../connections/postgres/options'
import type { QdrantOptions } from '../connections/qdrant/options'
import type { RedisOptions } from '../connections/redis/options'
import type { S3Options } from '../connections/s3/options'
import type { Clock } from '../core/clock'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { collectionName } from '../core/ids'
import type { JsonObject } from '../core/json'
import { type Limits, limitKinds } from '../core/limits'
import {
  anything,
  checkOptions,
  flag,
  flagOr,
  group,
  having,
  identifier,
  type Kind,
  list,
  method,
  milliseconds,
  type OptionKinds,
  oneOf,
  share,
  table,
  text,
  whole,
} from '../core/option-kinds'
import type { Random } from '../core/random'
import type { Embedder } from '../embeddings/embedder'
import { type EmbedderOption, embedderOf } from '../embeddings/select'
import type { EntityDeclarations, NoEntities } from '../entities/entity-map'
import { defineMetadata, type MetadataDeclaration } from '../filter/metadata'
import type { ErrorListener, Logger } from '../observability/troubles'
import type { BlobRepository } from '../repositories/blobs'
import type { ElasticsearchTextOptions } from '../repositories/elasticsearch/options'
import type { QdrantVectorOptions } from '../repositories/qdrant/options'
import { rateLimitKinds } from '../repositories/rate-limits'
import type { RedisCacheOptions } from '../repositories/redis/cache'
import type { RedisVectorCacheOptions } from '../repositories/redis/vectors'
import type { S3BlobOptions } from '../repositories/s3/blobs'
import type { TextRepository } from '../repositories/texts'
import type { VectorRepository } from '../repositories/vectors'
import type { HedgeOptions } from '../resilience/hedge'
import type { Reranker } from '../search/query'
import { type SplitterOptions, splitterOf } from '../splitter/select'
import type { Splitter } from '../splitter/splitter'
import type { CollectionPlan, WriterOptions } from '../writer/ports'

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
  /** `english` by default; docs/search.md has the names, and what each backend does with them. */
  language?: string | undefined
  /**
   * True (default): words are found without regard to case and accents, by Unicode. False keeps both apart. Recorded with
   * the text index: a change needs `rebuild({ target: 'text', folding })`.
   */
  folding?: boolean | undefined
  /**
   * Writes down who changed which document, before and after, in the same transaction: its declared metadata, or the paths
   * of it that are named, and never texts. False by default.
   */
  audit?: boolean | { fields: readonly string[] } | undefined
}

/** Options of `openStore`. `C` maps each collection to its metadata type, `X` each entity to its declaration. */
export interface StoreOptions<C extends object = { documents: JsonObject }, X extends EntityDeclarations = NoEntities> {
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
    | false
    | undefined
  /** Blobs in an S3-compatible store instead of a folder. */
  s3?: (S3Options & { blobs?: S3BlobOptions | undefined }) | undefined
  /**
   * Backends of your own, where new indexes are made in place of those that the other options would make; they have to
   * pass the contract suites of `headwater/testing`. They are never closed here, and recorded by the name that their
   * `engine` says. With \`qdrant\` or \`elasticsearch\` beside it an index can move there: `rebuild({ target, engine })`.
   */
  repositories?:
    | {
        vectors?: VectorRepository | undefined
        texts?: TextRepository | undefined
        blobs?: BlobRepository | undefined
      }
    | undefined
  /** Named embedders, for `embedder` and `rebuild`. */
  embedders?: Readonly<Record<string, EmbedderOption>> | undefined
  /** Default of every collection: a name of `embedders`, or an embedder. When left out, a model in the cache, else hashing. */
  embedder?: string | EmbedderOption | undefined
  /** Default of every collection: what embeds queries, in a standby generation of its own, while `embedder` fails. */
  fallback?: string | EmbedderOption | undefined
  /** Default of every collection: sizes of the splitter for text and Markdown, or one of your own. */
  splitter?: SplitterOptions | Splitter | undefined
  /**
   * Named splitters, for `rebuild({ splitter })`: those of your own that documents are cut by before or after it. Give
   * them to every process beforehand; the default splitter is known to all.
   */
  splitters?: Readonly<Record<string, SplitterOptions | Splitter>> | undefined
  /** By name; `documents` is always there. */
  collections?: { [K in keyof C]?: CollectionOptions<C[K]> } | undefined
  /** What `defineEntity` made, by name: tables of rows beside the documents, `acme.entities.NAME`. */
  entities?: X | undefined
  /** 'auto' migrates under an advisory lock; 'check' refuses a database that needs it; 'off' does not look. */
  migrate?: 'auto' | 'check' | 'off' | undefined
  /** 'background' applies and drains in this process too; 'external' leaves it to workers. */
  relay?: 'background' | 'external' | undefined
  /** Folder of the blobs; beside the database when embedded. */
  blobs?: { path: string } | undefined
  /** Of the cache in this process: 10,000 entries of all tenants, kept for 3,600,000 ms, by default. */
  cache?: { maxEntries?: number | undefined; ttlMs?: number | undefined } | undefined
  /**
   * What `acme.limits.take` lets a caller have: 1,000 requests in a window of 3,600,000 ms, unless a take says otherwise.
   * `unavailable` says what becomes of takes while neither Redis nor Postgres counts: 'open', the default, counts in this
   * process alone; 'closed' refuses them.
   */
  rateLimit?:
    | {
        requests?: number | undefined
        windowMs?: number | undefined
        unavailable?: 'open' | 'closed' | undefined
      }
    | undefined
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
  /**
   * What work in the background says: that it met something (`warn`, or `error` where somebody has to act), and that it
   * is well again (`info`). pino's and console's shapes fit. Without it and `onError` what it met is a warning of the
   * process, code and all.
   */
  logger?: Logger | undefined
  /** Called with what work in the background met, once and again when its code changes; what it throws is only told. */
  onError?: ErrorListener | undefined
  /** How much a call may ask for; as in docs/settings.md by default. */
  limits?: Partial<Limits> | undefined
  /** Time, for tests; the system's by default. */
  clock?: Clock | undefined
  /** Randomness, for tests; the system's by default. */
  random?: Random | undefined
}

export interface ResolvedCollections {
  readonly plans: Map<string, CollectionPlan>
  /** By fingerprint. */
  readonly embedders: Map<string, Embedder>
  /** Named ones by id. */
  readonly splitters: Map<string, Splitter>
  /** By the name in the options. */
  readonly named: ReadonlyMap<string, Embedder>
  /** True when no embedder was named and hashing stands in. */
  readonly fallback: boolean
}

type Of<K extends keyof StoreOptions> = NonNullable<StoreOptions[K]>

/** An object that is checked, with all it holds, where it is used. Its value is not shown: it may hold a password. */
const place: Kind = (value, path) => {
  if (typeof value === 'object' && value !== null) return { ...value }
  throw invalid(path, 'must be an object of options, such as { url }')
}
const sizes = { maxEntries: whole(1), ttlMs: whole(1, Number.MAX_SAFE_INTEGER) } satisfies OptionKinds<Of<'cache'>>
const folder = group({ path: anything })
/** As it is, since it may be of a class of the user's own. */
const reranker: Kind = (value, path, code) => {
  if (typeof value !== 'object' || value === null)
    throw invalid(path, `must be a reranker, got ${describeValue(value)}`)
  method(Reflect.get(value, 'rank'), `${path}.rank`, code)
  return value
}
const declaration: Kind = (value, path) => {
  const fields: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'fields') : undefined
  if (typeof fields === 'object' && fields !== null) return defineMetadata(fields as MetadataDeclaration['fields'])
  throw invalid(path, `must be what defineMetadata() made, got ${describeValue(value)}`)
}

const indexMethods = [
  'create',
  'drop',
  'exists',
  'mark',
  'marker',
  'upsert',
  'remove',
  'search',
  'scan',
  'read',
] as const
const vectorMethods = [...indexMethods, 'setPayload', 'refresh', 'count'] as const
const textMethods = [...indexMethods, 'facets', 'refresh', 'count'] as const
const blobMethods = ['put', 'get', 'delete'] as const

const kinds = {
  embedded: folder,
  postgres: place,
  qdrant: place,
  elasticsearch: place,
  redis: (value, path, code) => (value === false ? value : place(value, path, code)),
  s3: place,
  repositories: group({
    vectors: having(...vectorMethods),
    texts: having(...textMethods),
    blobs: having(...blobMethods),
  } satisfies OptionKinds<Of<'repositories'>>),
  embedders: table(anything),
  embedder: anything,
  fallback: anything,
  splitter: anything,
  splitters: table(anything),
  collections: table(
    group({
      metadata: declaration,
      embedder: anything,
      fallback: anything,
      splitter: anything,
      language: text(63),
      folding: flag,
      audit: flagOr(group({ fields: list(text(1_024), 1_000) })),
    } satisfies OptionKinds<CollectionOptions>),
  ),
  entities: anything,
  migrate: oneOf('auto', 'check', 'off'),
  relay: oneOf('background', 'external'),
  blobs: folder,
  cache: group(sizes),
  rateLimit: group({
    ...rateLimitKinds,
    unavailable: oneOf('open', 'closed'),
  } satisfies OptionKinds<Of<'rateLimit'>>),
  search: group({
    cache: flagOr(group(sizes)),
    vectors: group(sizes),
    cacheTimeoutMs: whole(1),
    rerank: reranker,
    hedge: group({ afterMs: whole(1), percentile: share, budget: share } satisfies OptionKinds<HedgeOptions>),
  } satisfies OptionKinds<Of<'search'>>),
  writer: group({
    inlineTimeoutMs: milliseconds(),
    leaseMs: milliseconds(1),
    pollMs: milliseconds(1),
    checkMs: milliseconds(1),
    markMs: milliseconds(1),
    sweepMs: milliseconds(1),
    sweepSlice: whole(1),
    copyBatch: whole(1, 100_000),
    retentionMs: milliseconds(),
    claimBatch: whole(1, 100_000),
    maxWorkers: whole(1, 1_000),
    maxAttempts: whole(1),
    backoffMs: milliseconds(),
    backoffMaxMs: milliseconds(),
    batchDocuments: whole(1, 100_000),
    batchBytes: whole(1),
    tombstoneMs: milliseconds(),
    keyMs: milliseconds(),
    maxTextBytes: whole(1),
    maxMetadataBytes: whole(1),
  } satisfies OptionKinds<Of<'writer'>>),
  logger: having('debug', 'info', 'warn', 'error'),
  onError: method,
  limits: group(limitKinds),
  clock: having('now', 'monotonic', 'timer'),
  random: having('next', 'bytes'),
} satisfies OptionKinds<StoreOptions>

const ours: ReadonlySet<string> = new Set(['postgres', 'qdrant', 'elasticsearch'])

/** The options, read once; refuses what is misspelt, of another kind or contradictory, naming the path. */
export function checkStoreOptions<C extends object, X extends EntityDeclarations = NoEntities>(
  given: StoreOptions<C, X>,
): StoreOptions<C, X> {
  if (typeof given !== 'object' || given === null) throw invalid('options', 'must be an object')
  const options = checkOptions(given as StoreOptions, kinds, '') as StoreOptions<C, X>
  if (options.embedded && options.postgres) throw invalid('embedded', 'give either embedded or postgres, not both')
  const { vectors, texts, blobs } = options.repositories ?? {}
  if (blobs && (options.blobs || options.s3)) throw invalid('repositories.blobs', 'give it, blobs.path or s3, only one')
  for (const [name, own] of Object.entries({ vectors, texts })) {
    if (own?.engine === undefined) continue
    text(63)(own.engine, `repositories.${name}.engine`, 'HW_INVALID_OPTIONS')
    if (!ours.has(own.engine)) continue
    throw invalid(`repositories.${name}.engine`, `${own.engine} is the name of a backend that comes with headwater`)
  }
  if (options.blobs && options.s3) throw invalid('blobs', 'give either blobs.path or s3, not both')
  const { postgres, qdrant, elasticsearch } = options
  const prefix = qdrant?.prefix
  const name = text(63)
  if (postgres?.schema !== undefined) identifier(postgres.schema, 'postgres.schema', 'HW_INVALID_OPTIONS')
  if (elasticsearch?.prefix !== undefined) name(elasticsearch.prefix, 'elasticsearch.prefix', 'HW_INVALID_OPTIONS')
  if (prefix !== undefined) name(prefix, 'qdrant.prefix', 'HW_INVALID_OPTIONS')
  if (prefix !== undefined && !/^[A-Za-z0-9._-]{1,64}$/.test(prefix)) {
    throw invalid('qdrant.prefix', `must be 1 to 64 characters of [A-Za-z0-9._-], got ${describeValue(prefix)}`)
  }
  return options
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
    throw invalid(path, `no embedder ${describeValue(choice)} in embedders (${[...named.keys()].join(', ') || 'none'})`)
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
        ? splitterOf(collection.splitter, `${path}.splitter`, embedder)
        : splitterOf(options.splitter, 'splitter', embedder),
      splitterFrom: originOf(collection?.splitter ?? options.splitter),
      metadata: collection?.metadata as MetadataDeclaration | undefined,
      language: collection?.language ?? 'english',
      folding: collection?.folding ?? true,
      audit: auditOf(collection, `${path}.audit`),
    })
  }
  const all = [
    standard,
    ...named.values(),
    ...[...plans.values()].flatMap(({ embedder, fallback }) => (fallback ? [embedder, fallback] : [embedder])),
  ]
  const splitters = Object.entries(options.splitters ?? {}).map(([name, option]) => {
    return splitterOf(option, `splitters.${name}`, standard)
  })
  return {
    plans,
    splitters: new Map(splitters.map((splitter) => [splitter.id, splitter])),
    embedders: new Map(all.map((embedder) => [embedder.fingerprint, embedder])),
    named,
    fallback: options.embedder === undefined,
  }
}

/** Paths of metadata that an audit shows; texts are none of them. */
function auditOf({ audit, metadata }: CollectionOptions = {}, path: string): string[] | undefined {
  if (audit === undefined || audit === false) return undefined
  const shown = Object.entries(metadata?.fields ?? {}).flatMap(([name, kind]) => (/^text\b/.test(kind) ? [] : [name]))
  if (audit === true) return shown
  for (const [at, field] of audit.fields.entries()) {
    if (shown.includes(field)) continue
    const known = shown.join(', ') || 'none'
    throw invalid(`${path}.fields[${at}]`, `${describeValue(field)} is not among the declared metadata (${known})`)
  }
  return [...audit.fields]
}

function originOf(option: SplitterOptions | Splitter | undefined): CollectionPlan['splitterFrom'] {
  if (option === undefined) return 'default'
  return 'split' in option ? 'own' : 'sizes'
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
