import { HeadwaterError } from '../core/errors'
import type { StoreOptions } from '../store-options'
import type { Settings } from './settings'

/**
 * Options of `openStore` from settings; add collections, embedders and the like by spreading. Where a migration URL is
 * given, this role does not migrate: the store checks, and `headwater migrate up` is a step of the deployment.
 */
export function storeOptionsFrom(settings: Settings): StoreOptions {
  const { url, schema, max, connectionTimeoutMs, maxLifetimeSeconds, migrationUrl } = settings.postgres
  const place: StoreOptions = url
    ? { postgres: { url: url.reveal(), schema, max, connectionTimeoutMs, maxLifetimeSeconds } }
    : { embedded: { path: settings.path } }
  return {
    ...place,
    ...enginesFrom(settings),
    ...(migrationUrl && { migrate: 'check' as const }),
    ...embedderFrom(settings),
    search: { vectors: { maxEntries: settings.embeddings.cacheSize, ttlMs: settings.embeddings.cacheTtlMs } },
  }
}

/** The stores beside Postgres, each where its variables are set. */
function enginesFrom({ qdrant, elasticsearch, redis, s3 }: Settings): StoreOptions {
  return {
    ...(qdrant && {
      qdrant: {
        url: qdrant.url,
        apiKey: qdrant.apiKey?.reveal(),
        prefix: qdrant.collectionPrefix,
        vectors: { batch: { points: qdrant.batchSize }, searchTimeoutMs: qdrant.searchTimeoutMs },
      },
    }),
    ...(elasticsearch && {
      elasticsearch: {
        url: elasticsearch.nodes.map((node) => node.reveal()).join(','),
        apiKey: elasticsearch.apiKey?.reveal(),
        username: elasticsearch.user,
        password: elasticsearch.password?.reveal(),
        caFingerprint: elasticsearch.caFingerprint,
        prefix: elasticsearch.indexPrefix,
      },
    }),
    ...(s3 && {
      s3: {
        endpoint: s3.endpoint,
        accessKey: s3.accessKey.reveal(),
        secretKey: s3.secretKey.reveal(),
        region: s3.region,
        bucketPrefix: s3.bucketPrefix,
      },
    }),
    ...(redis && { redis: { url: redis.url.reveal() }, cache: { ttlMs: redis.ttlMs } }),
  }
}

/** A model that is named and cannot be had must not become another space in silence. */
function embedderFrom({ embeddings: { model } }: Settings): Pick<StoreOptions, 'embedder'> {
  if (model === undefined) return {}
  if (model === 'hashing') return { embedder: { hashing: {} } }
  throw new HeadwaterError(
    'HW_INVALID_SETTINGS',
    `EMBEDDING_MODEL: this version has no ${JSON.stringify(model)}; set hashing, or leave it out and pass an embedder of your own`,
    { path: 'EMBEDDING_MODEL' },
  )
}
