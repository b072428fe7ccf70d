import type { z as Zod } from 'zod'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { Secret } from '../core/secret'
import { type CheckedEnvironment, environmentSchema } from './schema'
import type { Environment, Settings } from './settings'
import { ownName, type VariableName, variables } from './variables'

interface Problem {
  /** The name that was read, or is missing. */
  readonly variable: string
  readonly problem: string
}

const poolOf = { development: { size: 5, overflow: 10 }, otherwise: { size: 20, overflow: 30 } } as const

/** A value, and the name that it was read from. */
interface Given {
  readonly text: string
  readonly from: string
}

type GivenAll = Partial<Record<VariableName, Given>>

/** `settingsFromEnv`, given zod. */
export function readSettings(env: Environment, z: typeof Zod): Settings {
  const schema = environmentSchema(z)
  const given = present(env)
  const problems: Problem[] = []
  const ignored: string[] = []
  for (const { path, message } of schema.safeParse(textsOf(given)).error?.issues ?? []) {
    const name = path[0] as VariableName
    const { from, text } = given[name] ?? { from: name, text: undefined }
    const problem = `${message}${shown(name, text)}`
    if (from === ownName(name) || !ownName(name) || variables[name].strict) {
      problems.push({ variable: from, problem })
      continue
    }
    delete given[name]
    const instead = places.has(name) ? 'none' : variables[name].fallback || 'none'
    ignored.push(`${from} ${problem}: ignored, ${instead} is used; ${ownName(name)} is for this alone`)
  }
  problems.push(...contradictions(given))
  if (problems.length > 0) throw refused(problems)
  return settingsOf(schema.parse(textsOf(given)), ignored)
}

function textsOf(given: GivenAll): Partial<Record<VariableName, string>> {
  return Object.fromEntries(Object.entries(given).map(([name, { text }]) => [name, text]))
}

/** A refused value, without what may be a credential in it. */
function shown(variable: VariableName, value: string | undefined): string {
  if (variables[variable].secret || value === undefined) return ''
  // Whatever is meant as an address may hold a password, however it is misspelt.
  if (/(URL|ENDPOINT|HOST)$/.test(variable)) return shownAddress(value)
  return `, got ${describeValue(value)}`
}

function shownAddress(value: string): string {
  try {
    const { protocol, host } = new URL(value)
    // Without the slashes a password may be where the host is.
    return host === '' || !value.includes('://') ? '' : `, got ${protocol}//${host}`
  } catch {
    return ''
  }
}

/** What stands for one another: a name of ours keeps a shared one of the other from being used. */
const alternatives: readonly (readonly [VariableName, VariableName])[] = [
  ['DATABASE_URL', 'POSTGRES_HOST'],
  ['QDRANT_URL', 'QDRANT_HOST'],
  ['EMBEDDING_MODEL', 'DEFAULT_EMBEDDING_MODEL'],
]
/** Places that `none` under a name of ours takes away, whatever the shared name says. */
const places: ReadonlySet<VariableName> = new Set([
  'QDRANT_URL',
  'QDRANT_HOST',
  'ELASTICSEARCH_URL',
  'REDIS_URL',
  'S3_ENDPOINT',
])

/** The variables that are set and not blank, each from the name of ours where that is there. */
function present(env: Environment): GivenAll {
  const given: GivenAll = {}
  for (const name of Object.keys(variables) as VariableName[]) {
    for (const from of [ownName(name), name]) {
      const text = from === undefined ? undefined : env[from]?.trim()
      if (!from || !text) continue
      if (from === name || text !== 'none' || !places.has(name)) given[name] = { text, from }
      break
    }
  }
  const isOwn = (name: VariableName): boolean => given[name] !== undefined && given[name].from === ownName(name)
  for (const [one, other] of alternatives) {
    if (isOwn(one) && !isOwn(other)) delete given[other]
    else if (isOwn(other) && !isOwn(one)) delete given[one]
  }
  return given
}

/** What is wrong between variables, each of which may be right by itself. */
function contradictions(given: GivenAll): Problem[] {
  const problems: Problem[] = []
  const server = given.DATABASE_URL ?? given.POSTGRES_HOST
  if (given.HEADWATER_PROFILE?.text === 'embedded') {
    if (server) problems.push({ variable: server.from, problem: 'is set and HEADWATER_PROFILE=embedded too; keep one' })
  } else if (!server) {
    const problem = 'is missing: set it, or POSTGRES_HOST, or HEADWATER_PROFILE=embedded for a store in a folder'
    problems.push({ variable: 'DATABASE_URL', problem })
  }
  const { EMBEDDING_MODEL: model, DEFAULT_EMBEDDING_MODEL: alias } = given
  if (model && alias && model.text !== alias.text) {
    problems.push({ variable: alias.from, problem: `is ${alias.text} and ${model.from} is ${model.text}` })
  }
  const together: [VariableName, VariableName][] = [
    ['S3_ENDPOINT', 'S3_ACCESS_KEY'],
    ['S3_ENDPOINT', 'S3_SECRET_KEY'],
    ['S3_ACCESS_KEY', 'S3_SECRET_KEY'],
    ['S3_SECRET_KEY', 'S3_ACCESS_KEY'],
    ['ELASTICSEARCH_USER', 'ELASTICSEARCH_PASSWORD'],
    ['ELASTICSEARCH_PASSWORD', 'ELASTICSEARCH_USER'],
  ]
  for (const [one, other] of together) {
    const told = problems.some(({ variable }) => variable === other)
    const beside = given[one]?.from
    if (beside && !given[other] && !told) problems.push({ variable: other, problem: `is missing beside ${beside}` })
  }
  return problems
}

function refused(problems: readonly Problem[]): HeadwaterError {
  const lines = problems.map(({ variable, problem }) => `  ${variable} ${problem}`)
  return new HeadwaterError('HW_INVALID_SETTINGS', `Settings from the environment:\n${lines.join('\n')}`, {
    path: problems[0]?.variable,
    details: { problems },
  })
}

function settingsOf(env: CheckedEnvironment, ignored: readonly string[]): Settings {
  const development = env.NODE_ENV === 'development'
  const pool = development ? poolOf.development : poolOf.otherwise
  const url = env.DATABASE_URL ?? composed(env)
  const qdrant = env.QDRANT_URL ?? (env.QDRANT_HOST && `http://${bracketed(env.QDRANT_HOST)}:${env.QDRANT_PORT}`)
  return Object.freeze<Settings>({
    profile: url ? 'postgres' : 'embedded',
    development,
    path: env.HEADWATER_PATH,
    postgres: {
      url,
      replicaUrls: env.DATABASE_REPLICA_URL,
      migrationUrl: env.DATABASE_MIGRATION_URL,
      schema: env.DATABASE_SCHEMA,
      max: (env.DATABASE_POOL_SIZE ?? pool.size) + (env.DATABASE_MAX_OVERFLOW ?? pool.overflow),
      connectionTimeoutMs: env.DATABASE_POOL_TIMEOUT,
      maxLifetimeSeconds: env.DATABASE_POOL_RECYCLE,
    },
    qdrant: qdrant
      ? {
          url: qdrant,
          apiKey: env.QDRANT_API_KEY,
          collectionPrefix: env.QDRANT_COLLECTION_NAME,
          batchSize: env.VECTOR_SEARCH_BATCH_SIZE,
          searchTimeoutMs: env.VECTOR_SEARCH_TIMEOUT,
        }
      : undefined,
    elasticsearch:
      env.ELASTICSEARCH_URL.length > 0
        ? {
            nodes: env.ELASTICSEARCH_URL,
            apiKey: env.ELASTICSEARCH_API_KEY,
            user: env.ELASTICSEARCH_USER,
            password: env.ELASTICSEARCH_PASSWORD,
            caFingerprint: env.ELASTICSEARCH_CA_FINGERPRINT,
            indexPrefix: env.ELASTICSEARCH_INDEX,
          }
        : undefined,
    redis: env.REDIS_URL ? { url: env.REDIS_URL, ttlMs: env.REDIS_CACHE_TTL } : undefined,
    s3:
      env.S3_ENDPOINT && env.S3_ACCESS_KEY && env.S3_SECRET_KEY
        ? {
            endpoint: env.S3_ENDPOINT,
            accessKey: env.S3_ACCESS_KEY,
            secretKey: env.S3_SECRET_KEY,
            region: env.S3_REGION,
            bucketPrefix: env.S3_BUCKET_PREFIX,
          }
        : undefined,
    embeddings: {
      model: env.EMBEDDING_MODEL ?? env.DEFAULT_EMBEDDING_MODEL,
      modelFolder: env.HEADWATER_MODEL_DIR,
      openai: { apiKey: env.OPENAI_API_KEY, baseUrl: env.OPENAI_BASE_URL },
      batchSize: env.BATCH_SIZE,
      cacheSize: env.EMBEDDING_CACHE_SIZE,
      cacheTtlMs: env.EMBEDDING_CACHE_TTL,
    },
    rateLimit: { requests: env.RATE_LIMIT_REQUESTS, windowMs: env.RATE_LIMIT_WINDOW },
    worker: {
      maxWorkers: env.MAX_WORKERS,
      logLevel: env.LOG_LEVEL,
      prometheusPort: env.PROMETHEUS_PORT,
      prometheusHost: env.PROMETHEUS_HOST,
    },
    ignored: Object.freeze(ignored),
  })
}

function composed(env: CheckedEnvironment): Secret | undefined {
  const { POSTGRES_HOST: host, POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: database } = env
  if (!host) return undefined
  const login = user
    ? `${encodeURIComponent(user)}${password ? `:${encodeURIComponent(password.reveal())}` : ''}@`
    : password
      ? `:${encodeURIComponent(password.reveal())}@`
      : ''
  const place = host.startsWith('/') ? encodeURIComponent(host) : bracketed(host)
  return new Secret(`postgres://${login}${place}:${env.POSTGRES_PORT}/${encodeURIComponent(database ?? '')}`)
}

/** An IPv6 address stands in brackets in a URL. */
function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
