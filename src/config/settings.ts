import type { Secret } from '../core/secret'

/** What the environment says, checked and with defaults filled in. Times in ms. Secrets print as `[secret]`. */
export interface Settings {
  readonly profile: 'embedded' | 'postgres'
  /** `NODE_ENV` is `development`. */
  readonly development: boolean
  /** Folder of the embedded profile. */
  readonly path: string
  readonly postgres: PostgresSettings
  /** Undefined unless QDRANT_URL or QDRANT_HOST is set; so are the three below without theirs. */
  readonly qdrant: QdrantSettings | undefined
  readonly elasticsearch: ElasticsearchSettings | undefined
  readonly redis: RedisSettings | undefined
  readonly s3: S3Settings | undefined
  readonly embeddings: EmbeddingSettings
  readonly rateLimit: RateLimitSettings
  readonly worker: WorkerSettings
  /** Variables under a name shared with others whose value is none of ours, with what was used instead. */
  readonly ignored: readonly string[]
}

export interface PostgresSettings {
  /** Undefined in the embedded profile. */
  readonly url: Secret | undefined
  readonly replicaUrls: readonly Secret[]
  /** Of the role that owns the tables, where the other one may not migrate. */
  readonly migrationUrl: Secret | undefined
  readonly schema: string
  /** Pool size and overflow together. */
  readonly max: number
  readonly connectionTimeoutMs: number
  readonly maxLifetimeSeconds: number
}

export interface QdrantSettings {
  readonly url: string
  readonly apiKey: Secret | undefined
  readonly collectionPrefix: string
  readonly batchSize: number
  readonly searchTimeoutMs: number
}

export interface ElasticsearchSettings {
  readonly nodes: readonly Secret[]
  readonly apiKey: Secret | undefined
  readonly user: string | undefined
  readonly password: Secret | undefined
  readonly caFingerprint: string | undefined
  readonly indexPrefix: string
}

export interface RedisSettings {
  readonly url: Secret
  readonly ttlMs: number
}

export interface S3Settings {
  readonly endpoint: string
  readonly accessKey: Secret
  readonly secretKey: Secret
  readonly region: string
  readonly bucketPrefix: string
}

export interface EmbeddingSettings {
  /** Undefined when none is named. */
  readonly model: string | undefined
  readonly modelFolder: string | undefined
  readonly openai: { readonly apiKey: Secret | undefined; readonly baseUrl: string }
  readonly batchSize: number
  readonly cacheSize: number
  readonly cacheTtlMs: number
}

export interface RateLimitSettings {
  readonly requests: number
  readonly windowMs: number
}

export interface WorkerSettings {
  /** Batches under way at once for each target, at most. */
  readonly maxWorkers: number
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  /** Undefined when it is not set: then nothing is served. */
  readonly prometheusPort: number | undefined
  /** The address it listens at. */
  readonly prometheusHost: string
}

/** Names and values, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>
