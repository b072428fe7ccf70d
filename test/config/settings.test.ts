import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { settingsFromEnv } from '../../src/config/from-env'
import type { Environment } from '../../src/config/settings'
import { HeadwaterError } from '../../src/core/errors'
import { storeOptionsFrom } from '../../src/store/store-settings'

const server = { DATABASE_URL: 'postgres://me:hush@db:5432/app' }

async function problemsOf(env: Environment): Promise<string[]> {
  const error = await Promise.resolve()
    .then(() => settingsFromEnv(env))
    .then(
      () => undefined,
      (reason: unknown) => reason,
    )
  if (!(error instanceof HeadwaterError)) throw new Error('It was accepted')
  expect(error.code).toBe('HW_INVALID_SETTINGS')
  const problems = error.details!['problems'] as { variable: string; problem: string }[]
  for (const { variable, problem } of problems) expect(error.message).toContain(`${variable} ${problem}`)
  return problems.map(({ variable, problem }) => `${variable} ${problem}`)
}

describe('settings from the environment', () => {
  it('never opens an empty store because a variable was forgotten', async () => {
    for (const env of [{}, { DATABASE_URL: '  ' }, { HEADWATER_PROFILE: 'postgres' }, { POSTGRES_PORT: '5432' }]) {
      expect(await problemsOf(env)).toEqual([expect.stringMatching(/^DATABASE_URL is missing/)])
    }
    const settings = await settingsFromEnv({ HEADWATER_PROFILE: 'embedded' })
    expect(settings).toMatchObject({ profile: 'embedded', path: './.headwater' })
    expect(settings.postgres.url).toBeUndefined()
  })

  it('has the defaults that are written down', async () => {
    const settings = await settingsFromEnv(server)
    expect(settings).toMatchObject({
      profile: 'postgres',
      development: false,
      postgres: {
        replicaUrls: [],
        schema: 'headwater',
        max: 50,
        connectionTimeoutMs: 30_000,
        maxLifetimeSeconds: 3_600,
      },
      embeddings: { batchSize: 64, cacheSize: 10_000, cacheTtlMs: 7_200_000 },
      worker: { maxWorkers: 4, logLevel: 'info', prometheusPort: undefined, prometheusHost: '127.0.0.1' },
    })
    for (const absent of [settings.qdrant, settings.elasticsearch, settings.redis, settings.s3]) {
      expect(absent).toBeUndefined()
    }
    const small = await settingsFromEnv({ ...server, NODE_ENV: 'development' })
    expect(small).toMatchObject({ development: true, postgres: { max: 15 } })
    const own = await settingsFromEnv({ ...server, DATABASE_POOL_SIZE: '3', DATABASE_MAX_OVERFLOW: '0' })
    expect(own.postgres.max).toBe(3)
  })

  it('composes the URL from its parts, whatever is in them', async () => {
    const urlOf = async (env: Environment) => (await settingsFromEnv(env)).postgres.url!.reveal()
    expect(await urlOf({ POSTGRES_HOST: 'db' })).toBe('postgres://db:5432/')
    const env = { POSTGRES_HOST: '::1', POSTGRES_PORT: '6000', POSTGRES_USER: 'a@b', POSTGRES_PASSWORD: 'p/w:#1 %' }
    const url = new URL(await urlOf({ ...env, POSTGRES_DB: 'my db' }))
    expect([url.hostname, url.port, url.pathname]).toEqual(['[::1]', '6000', '/my%20db'])
    expect([url.username, url.password].map(decodeURIComponent)).toEqual(['a@b', 'p/w:#1 %'])
    expect(await urlOf({ POSTGRES_HOST: '/var/run/pg', POSTGRES_DB: 'app' })).toBe(
      'postgres://%2Fvar%2Frun%2Fpg:5432/app',
    )
    expect(await urlOf({ ...server, POSTGRES_HOST: 'other' })).toBe(server.DATABASE_URL)
  })

  it('reports every problem at once, by name, with the value', async () => {
    const problems = await problemsOf({
      HEADWATER_PROFILE: 'cloud',
      POSTGRES_PORT: '70000',
      HEADWATER_DATABASE_POOL_SIZE: '1e3',
      DATABASE_SCHEMA: 'pg_mine',
      HEADWATER_QDRANT_URL: 'qdrant:6333',
      HEADWATER_LOG_LEVEL: 'loud',
      HEADWATER_REDIS_CACHE_TTL: '0',
      EMBEDDING_MODEL: 'a',
      DEFAULT_EMBEDDING_MODEL: 'b',
      S3_ENDPOINT: 'https://s3',
      ELASTICSEARCH_USER: 'elastic',
    })
    const named = problems.map((problem) => problem.split(' ')[0]).sort()
    expect(named).toEqual(
      [
        'HEADWATER_PROFILE',
        'DATABASE_URL',
        'POSTGRES_PORT',
        'HEADWATER_DATABASE_POOL_SIZE',
        'DATABASE_SCHEMA',
        'HEADWATER_QDRANT_URL',
        'HEADWATER_LOG_LEVEL',
        'HEADWATER_REDIS_CACHE_TTL',
        'DEFAULT_EMBEDDING_MODEL',
        'S3_ACCESS_KEY',
        'S3_SECRET_KEY',
        'ELASTICSEARCH_PASSWORD',
      ].sort(),
    )
    expect(problems).toContain('POSTGRES_PORT must be a whole number from 1 to 65535, got "70000"')
  })

  it('refuses the embedded profile beside a server', async () => {
    expect(await problemsOf({ ...server, HEADWATER_PROFILE: 'embedded' })).toEqual([
      'DATABASE_URL is set and HEADWATER_PROFILE=embedded too; keep one',
    ])
  })

  it('shows of an address no more than scheme and host, however it is misspelt', async () => {
    const problems = await problemsOf({
      ...server,
      HEADWATER_QDRANT_URL: 'htp://me:hush@qdrant.example/?key=hush#hush',
      S3_ENDPOINT: 'hush',
      OPENAI_BASE_URL: 'http:hush',
      POSTGRES_HOST: 'a b hush',
    })
    expect(problems.join('\n')).toContain('htp://qdrant.example')
    expect(problems.join('\n')).not.toContain('hush')
  })

  it('shows no secret, neither in what it refuses nor in what it gives', async () => {
    const secrets = {
      DATABASE_URL: 'mysql://me:hush-1@db/app',
      DATABASE_REPLICA_URL: 'postgres://a/b,hush-2',
      DATABASE_MIGRATION_URL: 'hush-3',
      HEADWATER_ELASTICSEARCH_URL: 'elastic:hush-4@es',
      HEADWATER_REDIS_URL: 'http://:hush-5@redis',
    }
    const problems = await problemsOf(secrets)
    expect(problems).toHaveLength(5)
    expect(problems.join('\n')).not.toContain('hush')
    const settings = await settingsFromEnv({
      POSTGRES_HOST: 'db',
      POSTGRES_PASSWORD: 'hush-1',
      DATABASE_REPLICA_URL: 'postgres://a:hush-2@r1/app, postgres://a:hush-2@r2/app',
      QDRANT_URL: 'http://qdrant:6333',
      QDRANT_API_KEY: 'hush-3',
      ELASTICSEARCH_URL: 'http://e:hush-4@es1:9200,http://es2:9200',
      REDIS_URL: 'rediss://:hush-5@redis/1',
      S3_ENDPOINT: 'http://s3:9000',
      S3_ACCESS_KEY: 'hush-6',
      S3_SECRET_KEY: 'hush-7',
      OPENAI_API_KEY: 'hush-8',
    })
    expect(JSON.stringify(settings) + inspect(settings, { depth: null })).not.toContain('hush')
    expect(settings.postgres.replicaUrls.map((url) => url.reveal())).toEqual([
      'postgres://a:hush-2@r1/app',
      'postgres://a:hush-2@r2/app',
    ])
    expect(settings).toMatchObject({ qdrant: { batchSize: 250 }, redis: { ttlMs: 3_600_000 } })
    expect(settings.elasticsearch!.nodes).toHaveLength(2)
  })
})

describe('names that others read too', () => {
  const warnings: Error[] = []
  const note = (warning: Error) => void warnings.push(warning)
  const read = (env: Environment) => settingsFromEnv({ ...server, ...env })

  beforeEach(() => {
    warnings.length = 0
    process.on('warning', note)
  })
  afterEach(() => void process.off('warning', note))

  it('give way to the same name with HEADWATER_ before it', () => {
    const settings = read({
      LOG_LEVEL: 'warn',
      HEADWATER_LOG_LEVEL: 'debug',
      QDRANT_URL: 'http://others:6333',
      HEADWATER_QDRANT_HOST: 'ours',
      HEADWATER_DATABASE_URL: 'postgres://ours/app',
      HEADWATER_MAX_WORKERS: ' ',
      MAX_WORKERS: '7',
      DEFAULT_EMBEDDING_MODEL: 'others',
      HEADWATER_EMBEDDING_MODEL: 'hashing',
    })
    expect(settings.worker).toMatchObject({ logLevel: 'debug', maxWorkers: 7 })
    expect(settings.qdrant!.url).toBe('http://ours:6333')
    expect(settings.postgres.url!.reveal()).toBe('postgres://ours/app')
    expect(settings.embeddings.model).toBe('hashing')
    expect(read({ HEADWATER_POSTGRES_HOST: 'db2' }).postgres.url!.reveal()).toBe('postgres://db2:5432/')
    expect(settings.ignored).toEqual([])
  })

  it('take a place away that is meant for others', () => {
    const env = { QDRANT_URL: 'http://q', REDIS_URL: 'redis://r', ELASTICSEARCH_URL: 'http://e' }
    const none = { HEADWATER_QDRANT_URL: 'none', HEADWATER_REDIS_URL: 'none', HEADWATER_ELASTICSEARCH_URL: 'none' }
    expect(read({ ...env, ...none })).toMatchObject({ qdrant: undefined, redis: undefined, elasticsearch: undefined })
  })

  it('are warned of by name where their value is none of ours, and the default is used', async () => {
    const settings = read({
      LOG_LEVEL: 'verbose',
      BATCH_SIZE: 'many',
      QDRANT_URL: 'grpc://me:hush@others:6334',
      QDRANT_HOST: 'a/b',
      REDIS_URL: 'sentinel://:hush@others',
      PROMETHEUS_PORT: 'tcp://10.0.0.1:9090',
    })
    expect(settings).toMatchObject({
      qdrant: undefined,
      redis: undefined,
      embeddings: { batchSize: 64 },
      worker: { logLevel: 'info', prometheusPort: undefined },
    })
    expect(settings.ignored).toHaveLength(6)
    expect(settings.ignored).toContain(
      'LOG_LEVEL must be trace, debug, info, warn, error, fatal or silent, got "verbose": ignored, info is used; ' +
        'HEADWATER_LOG_LEVEL is for this alone',
    )
    expect(settings.ignored.join('\n')).not.toContain('hush')
    await new Promise(setImmediate)
    expect(warnings.map(({ message }) => message)).toEqual(settings.ignored)
    expect(warnings[0]).toMatchObject({ name: 'HeadwaterWarning', code: 'HW_INVALID_SETTINGS' })
  })

  it('are errors under the name of ours, and where data would lie or go elsewhere', async () => {
    const ours = { HEADWATER_LOG_LEVEL: 'verbose', LOG_LEVEL: 'info', HEADWATER_S3_ENDPOINT: 'x' }
    expect((await problemsOf({ ...server, ...ours })).map((problem) => problem.split(' ')[0])).toEqual([
      'HEADWATER_S3_ENDPOINT',
      'HEADWATER_LOG_LEVEL',
      'S3_ACCESS_KEY',
      'S3_SECRET_KEY',
    ])
    const strict = {
      DATABASE_URL: 'mysql://db/app',
      POSTGRES_PORT: '0',
      DATABASE_SCHEMA: 'pg_x',
      QDRANT_COLLECTION_NAME: 'A',
      ELASTICSEARCH_CA_FINGERPRINT: 'x',
      ELASTICSEARCH_INDEX: 'A',
      S3_BUCKET_PREFIX: 'A',
      OPENAI_BASE_URL: 'others',
    }
    expect((await problemsOf(strict)).map((problem) => problem.split(' ')[0])).toEqual(Object.keys(strict))
  })
})

describe('options of a store from settings', () => {
  const search = { vectors: { maxEntries: 10_000, ttlMs: 7_200_000 } }
  const writer = { maxWorkers: 4 }
  const rateLimit = { requests: 1_000, windowMs: 3_600_000 }

  it('takes the server, the pool and the schema', async () => {
    const env = { ...server, DATABASE_SCHEMA: 'mine', DATABASE_POOL_TIMEOUT: '5' }
    expect(storeOptionsFrom(await settingsFromEnv(env))).toEqual({
      postgres: {
        url: server.DATABASE_URL,
        schema: 'mine',
        max: 50,
        connectionTimeoutMs: 5_000,
        maxLifetimeSeconds: 3_600,
      },
      rateLimit,
      search,
      writer,
    })
  })

  it('takes the folder, and leaves migrations to their own role', async () => {
    const env = { HEADWATER_PROFILE: 'embedded', HEADWATER_PATH: '/data', EMBEDDING_MODEL: 'hashing' }
    expect(storeOptionsFrom(await settingsFromEnv(env))).toEqual({
      embedded: { path: '/data' },
      embedder: { hashing: {} },
      rateLimit,
      search,
      writer,
    })
    const roles = { ...server, DATABASE_MIGRATION_URL: 'postgres://owner@db/app' }
    expect(storeOptionsFrom(await settingsFromEnv(roles))).toMatchObject({ migrate: 'check' })
  })

  it('merges what the program gives into what the environment says', () => {
    const env = { ...server, QDRANT_URL: 'http://q:6333', VECTOR_SEARCH_BATCH_SIZE: '7', MAX_WORKERS: '2' }
    const settings = settingsFromEnv({
      ...env,
      EMBEDDING_MODEL: 'hashing',
      REDIS_URL: 'redis://r',
      REDIS_CACHE_TTL: '9',
    })
    const rerank = { rank: async () => [] }
    const options = storeOptionsFrom(settings, {
      relay: 'external',
      writer: { pollMs: 5 },
      search: { rerank, vectors: { ttlMs: 1 } },
      qdrant: { vectors: { distance: 'dot', batch: { bytes: 8 } } },
      cache: { maxEntries: 3 },
      embedder: { hashing: { dimensions: 16 } },
    })
    expect(options).toMatchObject({
      relay: 'external',
      writer: { pollMs: 5, maxWorkers: 2 },
      search: { vectors: { maxEntries: 10_000, ttlMs: 1 } },
      cache: { maxEntries: 3, ttlMs: 9_000 },
      postgres: { url: server.DATABASE_URL },
    })
    expect(options.search!.rerank).toBe(rerank)
    expect(options.qdrant).toMatchObject({
      url: 'http://q:6333',
      vectors: { distance: 'dot', batch: { points: 7, bytes: 8 }, searchTimeoutMs: 30_000 },
    })
    expect(options.embedder).toEqual({ hashing: { dimensions: 16 } })
    // The settings are not changed by it.
    expect(storeOptionsFrom(settings).writer).toEqual({ maxWorkers: 2 })
  })

  it('takes away what the program says is not to be, and needs no model where it brings an embedder', () => {
    const settings = settingsFromEnv({ ...server, QDRANT_URL: 'http://q:6333', EMBEDDING_MODEL: 'no-such-model' })
    const pool = new (class {
      connect = () => Promise.reject(new Error('unused'))
    })() as never
    const embedder = { hashing: {} }
    const options = storeOptionsFrom(settings, { qdrant: undefined, postgres: { url: undefined, pool }, embedder })
    expect(options.qdrant).toBeUndefined()
    expect(options.postgres).toMatchObject({ url: undefined, max: 50 })
    expect(options.postgres!.pool).toBe(pool)
  })

  it('takes a model from its folder, and the default one where it is there', async () => {
    const models = await mkdtemp(join(tmpdir(), 'headwater-settings-'))
    const optionsOf = async (env: Environment) => storeOptionsFrom(await settingsFromEnv({ ...server, ...env }))
    try {
      expect(await optionsOf({ HEADWATER_MODEL_DIR: models })).not.toHaveProperty('embedder')
      for (const name of ['all-MiniLM-L6-v2', 'other']) {
        await mkdir(join(models, name))
        for (const file of ['tokenizer.json', 'model.onnx']) await writeFile(join(models, name, file), '')
      }
      const path = join(models, 'all-MiniLM-L6-v2')
      for (const env of [{ HEADWATER_MODEL_DIR: models }, { HEADWATER_MODEL_DIR: path }]) {
        expect(await optionsOf(env)).toMatchObject({ embedder: { onnx: { path } } })
      }
      const named = { HEADWATER_MODEL_DIR: models, EMBEDDING_MODEL: 'other' }
      expect(await optionsOf(named)).toMatchObject({ embedder: { onnx: { path: join(models, 'other') } } })
      const hashing = { HEADWATER_MODEL_DIR: models, EMBEDDING_MODEL: 'hashing' }
      expect(await optionsOf(hashing)).toMatchObject({ embedder: { hashing: {} } })
      await expect(optionsOf({ HEADWATER_MODEL_DIR: models, EMBEDDING_MODEL: 'third' })).rejects.toThrow(models)
    } finally {
      await rm(models, { recursive: true })
    }
  })

  it('refuses a model that it has not, instead of another space in silence', async () => {
    const settings = await settingsFromEnv({ ...server, EMBEDDING_MODEL: 'no-such-model' })
    expect(() => storeOptionsFrom(settings)).toThrow(/EMBEDDING_MODEL/)
  })

  it("takes OpenAI's models from OpenAI with its key, or from another address", async () => {
    const named = { ...server, EMBEDDING_MODEL: 'text-embedding-3-large', BATCH_SIZE: '32' }
    expect(() => storeOptionsFrom(settingsFromEnv(named))).toThrow(/OPENAI_API_KEY: is missing/)
    const options = storeOptionsFrom(settingsFromEnv({ ...named, OPENAI_API_KEY: 'hush-9' }))
    expect(options.embedder).toMatchObject({ openai: { model: 'text-embedding-3-large', batchSize: 32 } })
    expect(inspect(options, { depth: null }) + JSON.stringify(options.embedder)).not.toContain('hush-9')
    const local = storeOptionsFrom(settingsFromEnv({ ...named, OPENAI_BASE_URL: 'http://localhost:8080/v1' }))
    expect(local.embedder).toMatchObject({ openai: { baseUrl: 'http://localhost:8080/v1' } })
  })
})
