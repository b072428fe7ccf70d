import path from 'node:path'
import { ElasticsearchConnection } from '../connections/elasticsearch/connection'
import type { PostgresConnection } from '../connections/postgres/connection'
import { QdrantConnection } from '../connections/qdrant/connection'
import { RedisConnection } from '../connections/redis/connection'
import { redisDefaults } from '../connections/redis/options'
import { S3Connection } from '../connections/s3/connection'
import type { CallOptions } from '../core/abort'
import { tenantId } from '../core/ids'
import { closeWithin } from '../core/lifecycle'
import type { MetadataDeclaration } from '../filter/metadata'
import type { BlobRepository } from '../repositories/blobs'
import { PostgresTextRepository } from '../repositories/bm25/texts'
import { DirectoryBlobRepository } from '../repositories/directory/blobs'
import { ElasticsearchTextRepository } from '../repositories/elasticsearch/texts'
import type { IndexEngines, OtherEngine, TargetEngines } from '../repositories/index-engines'
import { MemoryBlobRepository } from '../repositories/memory/blobs'
import { PostgresVectorRepository } from '../repositories/pgvector/vectors'
import { QdrantVectorRepository } from '../repositories/qdrant/vectors'
import { S3BlobRepository } from '../repositories/s3/blobs'
import type { TextRepository } from '../repositories/texts'
import type { VectorRepository } from '../repositories/vectors'
import { type CachePlace, type Caches, ownCaches, sharedCaches } from './caches'
import type { StoreOptions } from './store-options'
import type { ConnectionHealth } from './store-parts'

/** Names of the engines of each target that a process has, that of new indexes first. */
export type Topology = { readonly vector: readonly string[]; readonly text: readonly string[] }

/** The stores beside the truth: those that the options name, else what Postgres and this process offer. */
export interface Engines extends Caches {
  readonly vectors: VectorRepository
  readonly texts: TextRepository
  /** Their names, and what the options allow beside them. */
  readonly engines: IndexEngines
  readonly blobs: BlobRepository | undefined
  /** Start of the names of vector collections. */
  readonly vectorPrefix: string
  readonly checks: Readonly<Record<string, (call: CallOptions) => Promise<ConnectionHealth>>>
  close(): Promise<void>
}

/** What the engines are put together from. */
export interface EnginePlace extends CachePlace {
  readonly postgres: PostgresConnection
  readonly schema: string
  /** Folder of an embedded store. */
  readonly folder: string | undefined
  /** Of this database, so that two of them never share an index on one engine. */
  readonly installation: string
  readonly metadataOf: (collection: string) => MetadataDeclaration | undefined
}

interface Connection {
  health(call: CallOptions): Promise<object>
  close(): Promise<void>
  destroy(): Promise<void>
}

const defaultPrefix = 'headwater'
/** A store closes when its calls have ended: what an engine is still asked then is nobody's, ms. */
const graceMs = 1_000

export function topologyOf(options: StoreOptions<object>): Topology {
  const { vectors, texts } = options.repositories ?? {}
  const own = (one: { readonly engine?: string | undefined } | undefined) => (one ? [one.engine ?? 'own'] : [])
  return {
    vector: [...own(vectors), ...(options.qdrant ? ['qdrant'] : []), 'postgres'],
    text: [...own(texts), ...(options.elasticsearch ? ['elasticsearch'] : []), 'postgres'],
  }
}

/** The first is where new indexes are made; Postgres is the last that there always is. */
function choiceOf<R>(names: readonly string[], made: Readonly<Record<string, OtherEngine<R>>>, own: R | undefined) {
  const all = names.map((name) => [name, made[name] ?? { repository: own! }] as const)
  const [[main, { repository, prefix = '' }], ...others] = all as [(typeof all)[0], ...typeof all]
  const engines: TargetEngines<R> = { main, others: new Map(others) }
  return { repository, prefix, engines }
}

/**
 * Refuses each option that is wrong, by making all that `engines` makes and letting go of it: nothing of it is open
 * before its first call. HW_INVALID_OPTIONS.
 */
export function checkEngines(
  options: StoreOptions<object>,
  place: Omit<EnginePlace, 'installation' | 'metadataOf'>,
): void {
  const made = engines(options, { ...place, installation: '00000000', metadataOf: () => undefined })
  made.sharedQueries?.(tenantId('none'), 'none')
}

/** Opens nothing yet: every connection waits for its first call. */
export function engines(options: StoreOptions<object>, place: EnginePlace): Engines {
  const { clock, random, schema, installation } = place
  const ports = { clock, random }
  const connections: Record<string, Connection> = {}
  const open = <T extends Connection>(name: string, connection: T): T => {
    connections[name] = connection
    return connection
  }
  const { qdrant, elasticsearch, redis, s3, repositories: own = {} } = options

  const names = topologyOf(options)
  const vectors: Record<string, OtherEngine<VectorRepository>> = {
    postgres: { repository: new PostgresVectorRepository(place.postgres, { schema }) },
  }
  if (qdrant) {
    const { prefix = defaultPrefix, vectors: settings, ...where } = qdrant
    const connection = open('qdrant', new QdrantConnection(where, ports))
    const repository = new QdrantVectorRepository(connection, { metadataOf: place.metadataOf, ...settings })
    vectors['qdrant'] = { repository, prefix: `${prefix}_${installation}_` }
  }
  const texts: Record<string, OtherEngine<TextRepository>> = {
    postgres: { repository: new PostgresTextRepository(place.postgres, { schema }) },
  }
  if (elasticsearch) {
    const { prefix = defaultPrefix, texts: settings, ...where } = elasticsearch
    const connection = open('elasticsearch', new ElasticsearchConnection(where, ports))
    const named = { ...settings, prefix: `${prefix}_${installation}` }
    texts['elasticsearch'] = { repository: new ElasticsearchTextRepository(connection, named) }
  }
  const ofVectors = choiceOf(names.vector, vectors, own.vectors)
  const ofTexts = choiceOf(names.text, texts, own.texts)
  let caches: Caches
  if (redis) {
    const { cache: _cache, vectors: _vectors, ...where } = redis
    // What may be cached must come back.
    const { maxAnswerBytes = Math.max(redisDefaults.maxAnswerBytes, 2 * (options.limits?.valueBytes ?? 0)) } = where
    const connection = open('redis', new RedisConnection({ ...where, maxAnswerBytes }, ports))
    caches = sharedCaches(options, connection, installation, place)
  } else caches = ownCaches(options, place)
  let blobs = own.blobs ?? blobsOf(options, place)
  if (s3) {
    const { blobs: settings, ...where } = s3
    blobs = new S3BlobRepository(open('s3', new S3Connection(where, ports)), settings)
  }

  return {
    vectors: ofVectors.repository,
    texts: ofTexts.repository,
    engines: { vector: ofVectors.engines, text: ofTexts.engines },
    ...caches,
    blobs,
    vectorPrefix: ofVectors.prefix,
    checks: Object.fromEntries(
      Object.entries(connections).map(([name, connection]) => [
        name,
        async (call) => ({ ...(await connection.health(call)) }) as ConnectionHealth,
      ]),
    ),
    close: async () => {
      await Promise.all(Object.values(connections).map((one) => closeWithin(clock, graceMs, one)))
    },
  }
}

function blobsOf({ blobs }: StoreOptions<object>, { folder, clock }: EnginePlace): BlobRepository | undefined {
  if (blobs) return new DirectoryBlobRepository({ path: blobs.path, clock })
  if (folder === undefined) return undefined
  if (folder === ':memory:') return new MemoryBlobRepository({ clock })
  return new DirectoryBlobRepository({ path: path.join(folder, 'blobs'), clock })
}
