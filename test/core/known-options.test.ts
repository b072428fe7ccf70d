import { describe, expect, it } from 'vitest'
import { resolveElasticsearchOptions } from '../../src/connections/elasticsearch/options'
import { resolvePostgresOptions } from '../../src/connections/postgres/options'
import { QdrantConnection } from '../../src/connections/qdrant/connection'
import { RedisConnection } from '../../src/connections/redis/connection'
import { S3Connection } from '../../src/connections/s3/connection'
import { refuseUnknown } from '../../src/core/known-options'
import { openEmbedder } from '../../src/embeddings/open-models'
import { embedderOf } from '../../src/embeddings/select'
import { resolveTextOptions } from '../../src/repositories/elasticsearch/options'
import { resolveQdrantVectorOptions } from '../../src/repositories/qdrant/options'
import { RedisCacheRepository } from '../../src/repositories/redis/cache'
import { S3BlobRepository } from '../../src/repositories/s3/blobs'
import { splitterOf } from '../../src/splitter/select'
import { checkStoreOptions } from '../../src/store/store-options'
import { createTestStore } from '../../src/testing/test-store'

// biome-ignore lint/suspicious/noExplicitAny: what is passed is wrong on purpose
type Any = any

const pg = { url: 'postgres://x/y' }
const http = { url: 'http://x' }
const redis = { url: 'redis://x' }
const s3 = { endpoint: 'http://x', accessKey: 'a', secretKey: 'b' }
const model = { baseUrl: 'http://localhost/v1', model: 'm', dimensions: 8 }
const ofPostgres = (more: object) => () => resolvePostgresOptions({ ...pg, ...more })
const ofQdrant = (more: object) => () => new QdrantConnection({ ...http, ...more })
const ofElasticsearch = (more: object) => () => resolveElasticsearchOptions({ ...http, ...more })
const ofRedis = (more: object) => () => new RedisConnection({ ...redis, ...more })
const ofS3 = (more: object) => () => new S3Connection({ ...s3, ...more })
const ofVectors = (options: object) => () => resolveQdrantVectorOptions(options)
const ofTexts = (options: object) => () => resolveTextOptions(options)
const ofCache = (options: object) => () => new RedisCacheRepository(new RedisConnection(redis), options)
const ofBlobs = (options: object) => () => new S3BlobRepository(new S3Connection(s3), options)
const ofEmbedder = (option: object) => () => embedderOf(option as Any)
const ofModel = (option: object) => () => openEmbedder(option as Any)
const ofSplitter = (option: object) => () => splitterOf(option as Any)
const ofStore = (options: object) => () => checkStoreOptions(options)

/** Where the slip is, what takes the options, and what was meant, if it can be told. */
const rows: [string, () => unknown, string | undefined][] = [
  ['postgres.poolSize', ofPostgres({ poolSize: 3 }), 'pool'],
  ['postgres.statementTimeout', ofPostgres({ statementTimeout: 3 }), 'statementTimeoutMs'],
  ['postgres.roles.wroker', ofPostgres({ roles: { wroker: 'x' } }), 'worker'],
  ['postgres.embedded.pth', () => resolvePostgresOptions({ embedded: { path: 'x', pth: 'y' } as Any }), 'path'],
  ['postgres.retry.attempts', ofPostgres({ retry: { attempts: 3 } }), 'maxAttempts'],
  ['qdrant.apikey', ofQdrant({ apikey: 'x' }), 'apiKey'],
  ['qdrant.tls.servername', ofQdrant({ tls: { servername: 'x' } }), 'serverName'],
  ['qdrant.breaker.opensMs', ofQdrant({ breaker: { opensMs: 1 } }), 'openMs'],
  ['qdrant.vectors.tenancy', ofVectors({ tenancy: 'x' }), undefined],
  ['qdrant.vectors.hnsw.ef_construct', ofVectors({ hnsw: { ef_construct: 1 } }), 'efConstruct'],
  ['qdrant.vectors.optimizers.indexing', ofVectors({ optimizers: { indexing: 1 } }), 'indexingThreshold'],
  ['qdrant.vectors.batch.point', ofVectors({ batch: { point: 1 } }), 'points'],
  ['qdrant.vectors.quantization.oversample', ofVectors({ quantization: { oversample: 1 } }), 'oversampling'],
  ['elasticsearch.user', ofElasticsearch({ user: 'x' }), 'username'],
  ['elasticsearch.tls.verfiy', ofElasticsearch({ tls: { verfiy: true } }), 'verify'],
  ['elasticsearch.budget.ration', ofElasticsearch({ budget: { ration: 1 } }), 'ratio'],
  ['elasticsearch.texts.analyzer', ofTexts({ analyzer: 'x' }), undefined],
  ['elasticsearch.texts.shrads', ofTexts({ shrads: 1 }), 'shards'],
  ['redis.timeoutMs', ofRedis({ timeoutMs: 1 }), 'commandTimeoutMs'],
  ['redis.tls.verify', ofRedis({ url: 'rediss://x', tls: { verify: true } }), undefined],
  ['redis.cache.tllMs', ofCache({ tllMs: 1 }), 'ttlMs'],
  ['redis.cache.loadsWhileDown.concurency', ofCache({ loadsWhileDown: { concurency: 1 } }), 'concurrency'],
  ['s3.acessKey', ofS3({ acessKey: 'x' }), 'accessKey'],
  ['s3.tls.cacert', ofS3({ endpoint: 'https://x', tls: { cacert: 'x' } }), 'cert'],
  ['s3.blobs.versionning', ofBlobs({ versionning: true }), 'versioning'],
  ['embedder.dimensions', ofEmbedder({ hashing: {}, dimensions: 16 }), undefined],
  ['embedder.hashing.dimension', ofEmbedder({ hashing: { dimension: 16 } }), 'dimensions'],
  ['embedder.http.batch', ofEmbedder({ http: { ...model, batch: 1 } }), 'batchSize'],
  ['embedder.http.retry.jitter', ofEmbedder({ http: { ...model, retry: { jitter: 1 } } }), undefined],
  ['embedder.openai.key', ofEmbedder({ openai: { apiKey: 'x', key: 'x' } }), 'apiKey'],
  ['embedder.patience', ofEmbedder({ fallback: [{ hashing: {} }], patience: 1 }), 'patienceMs'],
  ['embedder.onnx.modle', ofModel({ onnx: { modle: 'x' } }), 'model'],
  [
    'embedder.onnx.model.sha',
    ofModel({ onnx: { model: { hub: 'a/b', revision: 'c', files: {}, sha: 'd' } } }),
    undefined,
  ],
  ['embedder.threads', ofModel({ onnx: { path: 'x' }, threads: 2 }), undefined],
  ['splitter.chunkSize', ofSplitter({ chunkSize: 100 }), 'size'],
  ['embeded', ofStore({ embeded: {} }), 'embedded'],
  ['embedded.folder', ofStore({ embedded: { folder: 'x' } }), undefined],
  ['blobs.paht', ofStore({ blobs: { path: 'x', paht: 'x' } }), 'path'],
  ['cache.ttl', ofStore({ cache: { ttl: 1 } }), 'ttlMs'],
  ['search.chache', ofStore({ search: { chache: true } }), 'cache'],
  ['search.cache.ttlS', ofStore({ search: { cache: { ttlS: 1 } } }), 'ttlMs'],
  ['search.vectors.max', ofStore({ search: { vectors: { max: 1 } } }), 'maxEntries'],
  ['writer.leaseMS', ofStore({ writer: { leaseMS: 1 } }), 'leaseMs'],
  ['writer.relay', ofStore({ writer: { relay: 'external' } }), undefined],
  ['collections.notes.embeder', ofStore({ collections: { notes: { embeder: 'x' } } }), 'embedder'],
]

describe('a misspelt option is refused', () => {
  it.each(rows)('%s', async (path, take, meant) => {
    const error: unknown = await new Promise((resolve) => resolve(take())).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS', path, message: expect.stringContaining(`${path}: `) })
    expect(/did you mean (\w+)\?/.exec(String(error))?.[1]).toBe(meant)
  })

  it('where an object is wanted, what is none', () => {
    expect(() => checkStoreOptions({ writer: 'fast' as Any })).toThrow(/writer: must be an object, got "fast"/)
    expect(() => checkStoreOptions({ cache: null as Any })).toThrow(/cache: must be an object, got null/)
  })

  it('and no name of a prototype is known', () => {
    expect(() => refuseUnknown({ toString: 1 }, { a: true }, 'x')).toThrow(/x\.toString: unknown option; known are a/)
  })
})

it('a misspelt name in a call is HW_INVALID_ARGUMENT', async () => {
  await using store = await createTestStore()
  const acme: Any = store.forTenant('acme')
  for (const [call, path] of [
    [() => acme.search({ query: 'x', filtre: { a: 1 } }), 'filtre'],
    [() => acme.search({ query: 'x', weights: { texts: 1 } }), 'weights.texts'],
    [() => acme.search({ query: 'x', minScore: { words: 1 } }), 'minScore.words'],
    [() => acme.search({ query: 'x', highlight: { passage: 1 } }), 'highlight.passage'],
    [() => acme.search({ query: 'x', facets: { paths: ['a'], top: 3 } }), 'facets.top'],
    [() => acme.cache.set('k', 1, { ttl: 5 }), 'ttl'],
    [() => acme.cache.getOrLoad('k', async () => 1, { tag: ['x'] }), 'tag'],
  ] as const) {
    await expect(Promise.resolve().then(call), path).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT', path })
  }
})
