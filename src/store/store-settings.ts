import { basename, join, resolve } from 'node:path'
import type { Settings } from '../config/settings'
import { HeadwaterError } from '../core/errors'
import type { JsonObject } from '../core/json'
import { type OpenAiEmbedderOptions, openAiDefaults } from '../embeddings/http/options'
import { cachedModel, defaultCacheFolder } from '../embeddings/onnx/model-cache'
import { isModelFolder } from '../embeddings/onnx/model-folder'
import { defaultModel } from '../embeddings/onnx/options'
import type { EntityDeclarations, NoEntities } from '../entities/entity-map'
import type { StoreOptions } from './store-options'

/**
 * Options of `openStore` from settings, and over them `more`: options that no variable has, or that the program knows
 * better. Groups such as `writer`, `search` and `qdrant` are merged at every depth, an embedder is replaced, and
 * `undefined` takes away what the settings say. Where a migration URL is given, this role does not migrate: the store
 * checks, and `headwater migrate up` is a step of the deployment. HW_INVALID_SETTINGS.
 */
export function storeOptionsFrom<
  C extends object = { documents: JsonObject },
  X extends EntityDeclarations = NoEntities,
>(settings: Settings, more: StoreOptions<C, X> = {}): StoreOptions<C, X> {
  // A named model that is not here is no matter where another embedder is given.
  const embedder = Object.hasOwn(more, 'embedder') ? {} : embedderFrom(settings)
  return merged({ ...optionsFrom(settings), ...embedder }, { ...more }) as StoreOptions<C, X>
}

/** `more` over `base`, and within each group that both have. */
function merged(base: Group, more: Group): Group {
  const result = { ...base }
  for (const [name, value] of Object.entries(more)) {
    const given = base[name]
    result[name] = isGroup(given) && isGroup(value) ? merged(given, value) : value
  }
  return result
}

type Group = Readonly<Record<string, unknown>>

/** False for clients, embedders and the like, which are objects of a class. */
function isGroup(value: unknown): value is Group {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function optionsFrom(settings: Settings): StoreOptions {
  const { url, schema, max, connectionTimeoutMs, maxLifetimeSeconds, migrationUrl } = settings.postgres
  const place: StoreOptions = url
    ? { postgres: { url: url.reveal(), schema, max, connectionTimeoutMs, maxLifetimeSeconds } }
    : { embedded: { path: settings.path } }
  return {
    ...place,
    ...enginesFrom(settings),
    ...(migrationUrl && { migrate: 'check' as const }),
    rateLimit: settings.rateLimit,
    writer: { maxWorkers: settings.worker.maxWorkers },
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

/**
 * A model that is named and cannot be had must not become another space in silence. When none is named, the default one
 * is taken where HEADWATER_MODEL_DIR has it; `openStore` knows what to do otherwise.
 */
function embedderFrom({ embeddings }: Settings): Pick<StoreOptions, 'embedder'> {
  const { model, modelFolder } = embeddings
  if (model === 'hashing') return { embedder: { hashing: {} } }
  const [, name, dimensions] = /^own:([A-Za-z0-9._-]{1,128})\/(\d{1,5})$/.exec(model ?? '') ?? []
  if (name !== undefined) return { embedder: { own: { name, dimensions: Number(dimensions) } } }
  const path = modelFolder === undefined ? undefined : modelIn(modelFolder, model ?? defaultModel)
  if (path !== undefined) return { embedder: { onnx: { path } } }
  if (model === undefined) return {}
  if (model.startsWith('text-embedding-')) return { embedder: { openai: openAiFrom(embeddings, model) } }
  if (cachedModel(defaultCacheFolder(), model) !== undefined) return { embedder: { onnx: { model } } }
  const looked = [...(modelFolder === undefined ? [] : [modelFolder]), defaultCacheFolder()].join(' and ')
  throw new HeadwaterError(
    'HW_INVALID_SETTINGS',
    `EMBEDDING_MODEL: there is no ${JSON.stringify(model)} in ${looked}; set HEADWATER_MODEL_DIR to the folder that has it, or EMBEDDING_MODEL to hashing, to own:NAME/DIMENSIONS or to a text-embedding-... of OpenAI`,
    { path: 'EMBEDDING_MODEL' },
  )
}

/** OpenAI's own names: asked of OpenAI, or of what stands in for it at OPENAI_BASE_URL. */
function openAiFrom({ openai, batchSize }: Settings['embeddings'], model: string): OpenAiEmbedderOptions {
  const { apiKey, baseUrl } = openai
  if (apiKey === undefined && baseUrl === openAiDefaults.baseUrl) {
    throw new HeadwaterError('HW_INVALID_SETTINGS', `OPENAI_API_KEY: is missing, and EMBEDDING_MODEL is ${model}`, {
      path: 'OPENAI_API_KEY',
    })
  }
  return { model, baseUrl, apiKey, batchSize }
}

/** A folder of models, or of this one. */
function modelIn(folder: string, model: string): string | undefined {
  const within = join(folder, model)
  if (isModelFolder(within)) return within
  return basename(resolve(folder)) === basename(model) && isModelFolder(folder) ? folder : undefined
}
