import type { z as Zod } from 'zod'
import { Secret } from '../core/secret'
import type { VariableName } from './variables'

const mostPort = 65_535
const mostSeconds = 2_147_483

/** Checks each variable by itself; what holds between them is in read.ts. Given zod, which is loaded on first use. */
export function environmentSchema(z: typeof Zod) {
  const whole = (least: number, most = Number.MAX_SAFE_INTEGER) =>
    z.string().transform((text, context) => {
      const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
      if (value >= least && value <= most) return value
      const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
      context.addIssue({ code: 'custom', message: `must be a whole number ${range}` })
      return z.NEVER
    })

  const port = whole(1, mostPort)
  const seconds = whole(1, mostSeconds).transform((value) => value * 1_000)
  const secret = z.string().transform((text) => new Secret(text))
  const matching = (pattern: RegExp, message: string) => z.string().regex(pattern, message)

  /** Parts of names in the engines: what Qdrant, Elasticsearch and S3 all take. */
  const prefix = matching(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'must be 1 to 40 characters of [a-z0-9_-]')

  const isUrl = (text: string, schemes: readonly string[]): boolean =>
    schemes.some((scheme) => text.startsWith(`${scheme}://`)) && URL.canParse(text)

  const url = (schemes: readonly string[], message: string) =>
    z.string().refine((text) => isUrl(text, schemes), `must be ${message}`)

  const urls = (schemes: readonly string[], message: string) =>
    z.string().transform((text, context) => {
      const all = text.split(',').map((part) => part.trim())
      if (all.every((part) => isUrl(part, schemes))) return all.map((part) => new Secret(part))
      context.addIssue({ code: 'custom', message: `must be ${message}, or several with commas between` })
      return z.NEVER
    })

  const web = ['http', 'https']
  const postgres = ['postgres', 'postgresql']
  const postgresForm = 'postgres://user:password@host:port/database'

  const shape = {
    HEADWATER_PROFILE: z.enum(['embedded', 'postgres'], 'must be embedded or postgres').optional(),
    HEADWATER_PATH: z.string().default('./.headwater'),
    NODE_ENV: z.string().default('production'),

    DATABASE_URL: url(postgres, postgresForm)
      .transform((text) => new Secret(text))
      .optional(),
    POSTGRES_HOST: matching(/^[^\s/?#@]+$|^\/[^\s]*$/, 'must be a name, an address or a socket folder').optional(),
    POSTGRES_PORT: port.default(5432),
    POSTGRES_USER: z.string().optional(),
    POSTGRES_PASSWORD: secret.optional(),
    POSTGRES_DB: z.string().optional(),
    DATABASE_REPLICA_URL: urls(postgres, postgresForm).default([]),
    DATABASE_MIGRATION_URL: url(postgres, postgresForm)
      .transform((text) => new Secret(text))
      .optional(),
    DATABASE_SCHEMA: matching(/^(?!pg_)[^\0]{1,63}$/, 'must be 1 to 63 characters that do not begin with pg_').default(
      'headwater',
    ),
    DATABASE_POOL_SIZE: whole(1, 10_000).optional(),
    DATABASE_MAX_OVERFLOW: whole(0, 10_000).optional(),
    DATABASE_POOL_TIMEOUT: seconds.default(30_000),
    DATABASE_POOL_RECYCLE: whole(1, mostSeconds).default(3_600),

    QDRANT_URL: url(web, 'http://host:port').optional(),
    QDRANT_HOST: matching(/^[^\s/?#@]+$/, 'must be a name or an address').optional(),
    QDRANT_PORT: port.default(6333),
    QDRANT_GRPC_PORT: port.default(6334),
    QDRANT_API_KEY: secret.optional(),
    QDRANT_COLLECTION_NAME: prefix.default('headwater'),
    VECTOR_SEARCH_BATCH_SIZE: whole(1, 10_000).default(250),
    VECTOR_SEARCH_TIMEOUT: seconds.default(30_000),

    ELASTICSEARCH_URL: urls(web, 'http://host:port').default([]),
    ELASTICSEARCH_API_KEY: secret.optional(),
    ELASTICSEARCH_USER: z.string().optional(),
    ELASTICSEARCH_PASSWORD: secret.optional(),
    ELASTICSEARCH_CA_FINGERPRINT: matching(
      /^([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$/,
      'must be 64 hex digits',
    ).optional(),
    ELASTICSEARCH_INDEX: prefix.default('headwater'),

    REDIS_URL: url(['redis', 'rediss'], 'redis://user:password@host:port/database')
      .transform((text) => new Secret(text))
      .optional(),
    REDIS_CACHE_TTL: seconds.default(3_600_000),

    S3_ENDPOINT: url(web, 'https://host:port').optional(),
    S3_ACCESS_KEY: secret.optional(),
    S3_SECRET_KEY: secret.optional(),
    S3_REGION: z.string().default('us-east-1'),
    S3_BUCKET_PREFIX: prefix.default('headwater'),

    EMBEDDING_MODEL: z.string().optional(),
    DEFAULT_EMBEDDING_MODEL: z.string().optional(),
    HEADWATER_MODEL_DIR: z.string().optional(),
    OPENAI_API_KEY: secret.optional(),
    OPENAI_BASE_URL: url(web, 'https://host/v1').default('https://api.openai.com/v1'),
    BATCH_SIZE: whole(1, 10_000).default(64),
    EMBEDDING_CACHE_SIZE: whole(1).default(10_000),
    EMBEDDING_CACHE_TTL: seconds.default(7_200_000),

    RATE_LIMIT_REQUESTS: whole(1).default(1_000),
    RATE_LIMIT_WINDOW: seconds.default(3_600_000),

    MAX_WORKERS: whole(1, 1_000).default(4),
    LOG_LEVEL: z
      .enum(
        ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
        'must be trace, debug, info, warn, error, fatal or silent',
      )
      .default('info'),
    PROMETHEUS_PORT: port.optional(),
    PROMETHEUS_HOST: matching(/^[^\s/?#@]+$/, 'must be a name or an address').default('127.0.0.1'),
  } satisfies Record<VariableName, Zod.ZodType>
  return z.object(shape)
}

export type CheckedEnvironment = Zod.output<ReturnType<typeof environmentSchema>>
