/** An environment variable that is read, as `.env.example` and docs/settings.md show it. */
export interface Variable {
  /** Value when it is not set, as it would be written; empty when there is none. */
  readonly fallback: string
  readonly about: string
  /** Never shown, not even in the message that refuses it. */
  readonly secret?: true
  /**
   * It decides where data lies or goes, or who is trusted: a value that is none stops the service under the shared name
   * too, instead of giving way to the default.
   */
  readonly strict?: true
  /** Read and checked, and not used. */
  readonly later?: true
}

/** Every variable, by group. Empty and blank values count as not set. */
export const variableGroups = {
  Profile: {
    HEADWATER_PROFILE: {
      fallback: '',
      about:
        '"embedded" (everything in this process, in a folder) or "postgres"; told by the Postgres settings if unset',
    },
    HEADWATER_PATH: { fallback: './.headwater', about: 'Folder of the embedded profile' },
    NODE_ENV: { fallback: 'production', about: '"development" makes the pool small (5 and 10 below)' },
  },
  Postgres: {
    DATABASE_URL: { fallback: '', about: 'postgres://user:password@host:port/database', secret: true, strict: true },
    POSTGRES_HOST: {
      fallback: 'localhost',
      about: 'Instead of DATABASE_URL, with the four below; a name or address',
      strict: true,
    },
    POSTGRES_PORT: { fallback: '5432', about: 'Port', strict: true },
    POSTGRES_USER: { fallback: '', about: 'User', strict: true },
    POSTGRES_PASSWORD: { fallback: '', about: 'Password', secret: true, strict: true },
    POSTGRES_DB: { fallback: '', about: 'Database', strict: true },
    DATABASE_REPLICA_URL: {
      fallback: '',
      about: 'Read replicas, comma-separated',
      secret: true,
      later: true,
      strict: true,
    },
    DATABASE_MIGRATION_URL: {
      fallback: '',
      about: 'The role that owns the tables: `headwater init` and `migrate` use it, and a store then only checks',
      secret: true,
      strict: true,
    },
    DATABASE_SCHEMA: { fallback: 'headwater', about: 'Schema of all tables', strict: true },
    DATABASE_POOL_SIZE: { fallback: '20', about: 'Connections, 5 in development' },
    DATABASE_MAX_OVERFLOW: {
      fallback: '30',
      about: 'Connections beyond these, 10 in development; the sum is the most',
    },
    DATABASE_POOL_TIMEOUT: { fallback: '30', about: 'Longest wait for a connection, seconds' },
    DATABASE_POOL_RECYCLE: { fallback: '3600', about: 'Age at which a connection is replaced, seconds' },
  },
  Qdrant: {
    QDRANT_URL: { fallback: '', about: 'http://host:6333' },
    QDRANT_HOST: { fallback: 'localhost', about: 'Instead of QDRANT_URL, with QDRANT_PORT' },
    QDRANT_PORT: { fallback: '6333', about: 'REST port' },
    QDRANT_GRPC_PORT: { fallback: '6334', about: 'Read for compatibility and unused: REST only', later: true },
    QDRANT_API_KEY: { fallback: '', about: 'API key', secret: true },
    QDRANT_COLLECTION_NAME: { fallback: 'headwater', about: 'Start of the names of collections', strict: true },
    VECTOR_SEARCH_BATCH_SIZE: { fallback: '250', about: 'Points of one upsert' },
    VECTOR_SEARCH_TIMEOUT: { fallback: '30', about: 'Longest time of a vector search, seconds' },
  },
  Elasticsearch: {
    ELASTICSEARCH_URL: { fallback: '', about: 'Nodes, comma-separated', secret: true },
    ELASTICSEARCH_API_KEY: { fallback: '', about: 'API key, or user and password', secret: true },
    ELASTICSEARCH_USER: { fallback: '', about: 'User' },
    ELASTICSEARCH_PASSWORD: { fallback: '', about: 'Password', secret: true },
    ELASTICSEARCH_CA_FINGERPRINT: { fallback: '', about: 'SHA-256 of the authority, hex', strict: true },
    ELASTICSEARCH_INDEX: { fallback: 'headwater', about: 'Start of the names of indexes', strict: true },
  },
  Redis: {
    REDIS_URL: {
      fallback: '',
      about: 'redis://user:password@host:port/database, or rediss:',
      secret: true,
    },
    REDIS_CACHE_TTL: { fallback: '3600', about: 'How long a cached value lives, seconds' },
  },
  S3: {
    S3_ENDPOINT: { fallback: '', about: 'https://host:port', strict: true },
    S3_ACCESS_KEY: { fallback: '', about: 'Access key', secret: true },
    S3_SECRET_KEY: { fallback: '', about: 'Secret key', secret: true },
    S3_REGION: { fallback: 'us-east-1', about: 'Region' },
    S3_BUCKET_PREFIX: { fallback: 'headwater', about: 'Start of the names of buckets', strict: true },
  },
  Embeddings: {
    EMBEDDING_MODEL: {
      fallback: 'all-MiniLM-L6-v2',
      about:
        'Embedding model: "hashing", one in HEADWATER_MODEL_DIR or in the cache, a "text-embedding-..." of OpenAI, or "own:NAME/DIMENSIONS" for vectors of your own; unset, hashing stands in for it',
    },
    DEFAULT_EMBEDDING_MODEL: { fallback: '', about: 'Another name of EMBEDDING_MODEL' },
    HEADWATER_MODEL_DIR: { fallback: '', about: 'Folder of ONNX models, each in a folder by its name' },
    OPENAI_API_KEY: { fallback: '', about: 'API key of an OpenAI-compatible server', secret: true },
    OPENAI_BASE_URL: { fallback: 'https://api.openai.com/v1', about: 'Where that server is', strict: true },
    BATCH_SIZE: { fallback: '64', about: 'Texts of one embedding request to that server' },
    EMBEDDING_CACHE_SIZE: { fallback: '10000', about: 'Vectors of queries kept in process' },
    EMBEDDING_CACHE_TTL: { fallback: '7200', about: 'How long they are kept, seconds' },
  },
  'Rate limits': {
    RATE_LIMIT_REQUESTS: { fallback: '1000', about: 'What a caller may take in a window (`acme.limits.take`)' },
    RATE_LIMIT_WINDOW: { fallback: '3600', about: 'How long a window is, seconds' },
  },
  Worker: {
    MAX_WORKERS: { fallback: '4', about: 'Batches that a worker has under way at once for each target, at most' },
    LOG_LEVEL: {
      fallback: 'info',
      about: 'How much `headwater relay` says: trace, debug, info, warn, error, fatal or silent',
    },
    PROMETHEUS_PORT: {
      fallback: '',
      about: 'Where `headwater relay` serves /metrics and /health, usually 8001; nowhere if unset',
    },
    PROMETHEUS_HOST: {
      fallback: '127.0.0.1',
      about: 'Address that it listens at there: 0.0.0.0 lets other machines in',
    },
  },
} as const satisfies Record<string, Record<string, Variable>>

type Groups = typeof variableGroups
type KeysOf<T> = T extends unknown ? keyof T & string : never
export type VariableName = KeysOf<Groups[keyof Groups]>

export const variables = Object.freeze(
  Object.assign({}, ...Object.values(variableGroups)) as Readonly<Record<VariableName, Variable>>,
)

/** Before a name that others read too, it makes the variable ours alone. */
const prefix = 'HEADWATER_'

/** The name that wins over the shared one; undefined for a variable that is ours alone by its own name. */
export function ownName(name: VariableName): string | undefined {
  return name.startsWith(prefix) ? undefined : `${prefix}${name}`
}

/** The text of `.env.example`. `given` are set, the others stand as comments with their defaults. */
export function renderEnvironment(given: Partial<Record<VariableName, string>>): string {
  const lines = [
    '# Settings of headwater: every variable with its default. See docs/settings.md.',
    '# HEADWATER_ before a name that others read too makes it ours alone, and it wins: HEADWATER_LOG_LEVEL over LOG_LEVEL.',
  ]
  for (const [group, members] of Object.entries(variableGroups)) {
    lines.push('', `# ${group}`)
    for (const [name, { about, fallback, later }] of Object.entries<Variable>(members)) {
      const value = given[name as VariableName]
      lines.push(`# ${about}${later ? ' (not used)' : ''}`)
      lines.push(value === undefined ? `# ${name}=${quoted(fallback)}` : `${name}=${quoted(value)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** As `util.parseEnv` and the tools like it read it back. */
function quoted(value: string): string {
  if (!/[\s#'"`\\$]/.test(value)) return value
  return value.includes("'") ? `"${value}"` : `'${value}'`
}
