import { describe, expect, it } from 'vitest'
import { openStore } from '../../index'
import { resolveElasticsearchOptions } from '../../src/connections/elasticsearch/options'
import { resolvePostgresOptions } from '../../src/connections/postgres/options'
import { resolveQdrantOptions } from '../../src/connections/qdrant/options'
import { resolveRedisOptions } from '../../src/connections/redis/options'
import { resolveS3Options } from '../../src/connections/s3/options'
import { checkOptions, list, type OptionKinds, table, text, whole } from '../../src/core/option-kinds'
import { resolveHttpOptions } from '../../src/embeddings/http/options'
import { checkOnnxOptions } from '../../src/embeddings/onnx/options'
import { resolveTextOptions } from '../../src/repositories/elasticsearch/options'
import { resolveQdrantVectorOptions } from '../../src/repositories/qdrant/options'
import { checkStoreOptions } from '../../src/store/store-options'

// biome-ignore lint/suspicious/noExplicitAny: what is passed is wrong on purpose
type Any = any

const wrong = (path: string) => expect.objectContaining({ name: 'HeadwaterError', code: 'HW_INVALID_OPTIONS', path })
const pg = { url: 'postgres://u:hush@x/y' }
const http = { baseUrl: 'http://localhost/v1', model: 'm', dimensions: 8 }

/** What resolves a group of options, one that is right, and the path of the group. */
const groups: [string, (options: Any) => unknown, object][] = [
  ['postgres', resolvePostgresOptions, pg],
  ['qdrant', resolveQdrantOptions, { url: 'https://x', apiKey: 'hush' }],
  ['qdrant.vectors', resolveQdrantVectorOptions, {}],
  ['elasticsearch', resolveElasticsearchOptions, { url: 'https://x', apiKey: 'hush' }],
  ['elasticsearch.texts', resolveTextOptions, {}],
  ['redis', resolveRedisOptions, { url: 'redis://u:hush@x' }],
  ['s3', resolveS3Options, { endpoint: 'https://x', accessKey: 'a', secretKey: 'hush' }],
  ['embedder.http', (options) => resolveHttpOptions(options, 'embedder.http'), http],
  ['embedder.onnx', (options) => checkOnnxOptions(options, 'embedder.onnx'), {}],
  ['', checkStoreOptions, {}],
]

/** Names that the group knows: it lists them when it meets another. */
function namesOf(resolve: (options: Any) => unknown): string[] {
  try {
    resolve({ '?': 1 })
  } catch (error) {
    return /known are (.*)$/.exec((error as Error).message)![1]!.split(', ')
  }
  return expect.fail('it took an unknown name')
}

describe('every option has a kind', () => {
  /** Checked, by name, where they are used. */
  const elsewhere = ['embedder', 'fallback', 'splitter', 'metadata', 'entities']

  it.each(groups)('%s', (path, resolve, right) => {
    expect(() => resolve(right)).not.toThrow()
    const names = namesOf(resolve)
    expect(names.length).toBeGreaterThan(8)
    for (const name of names.filter((one) => !elsewhere.includes(one))) {
      const at = path === '' ? name : `${path}.${name}`
      for (const value of [Symbol('x'), 7n, Number.NaN, () => 1]) {
        // Where a function is what is wanted, another value is wrong.
        if (
          typeof value === 'function' &&
          ['onProgress', 'onError', 'metadataOf', 'pool', 'client', 'ssl'].includes(name)
        )
          continue
        expect(() => resolve({ ...right, [name]: value }), `${at}: ${typeof value}`).toThrow(wrong(at))
      }
      expect(() => resolve({ ...right, [name]: undefined }), at).not.toThrow(/must be a/)
    }
    const trap = new Proxy({ ...right }, { ownKeys: () => expect.fail('raw') })
    expect(() => resolve(trap)).toThrow(wrong(path))
    expect(() => resolve({ ...right, x: 1, toString: 5 })).toThrow(/unknown option/)
  })
})

const memory = { embedded: { path: ':memory:' }, embedder: { hashing: { dimensions: 16 } } }
const rows: [string, object][] = [
  ['postgres.rowLevelSecurity', { postgres: { ...pg, rowLevelSecurity: 'required' } }],
  ['postgres.rowLevelSecurity', { postgres: { ...pg, rowLevelSecurity: true } }],
  ['postgres.applicationName', { postgres: { ...pg, applicationName: 5 } }],
  ['postgres.max', { postgres: { ...pg, max: 'x' } }],
  ['postgres.hints', { postgres: { ...pg, hints: 'no' } }],
  ['postgres.pool', { postgres: { pool: {} } }],
  ['postgres.roles.app', { postgres: { ...pg, roles: { app: '' } } }],
  ['postgres.retry.maxAttempts', { postgres: { ...pg, retry: { maxAttempts: 0 } } }],
  ['postgres.breaker.threshold', { postgres: { ...pg, breaker: { threshold: 2 } } }],
  ['postgres.schema', { postgres: { ...pg, schema: 5 } }],
  ['postgres.schema', { postgres: { ...pg, schema: 'ü'.repeat(32) } }],
  ['postgres.roles.worker', { postgres: { ...pg, roles: { worker: 'ü'.repeat(32) } } }],
  ['writer.maxTextBytes', { ...memory, writer: { maxTextBytes: '10' } }],
  ['writer.maxTextBytes', { ...memory, writer: { maxTextBytes: Number.POSITIVE_INFINITY } }],
  ['writer.leaseMs', { ...memory, writer: { leaseMs: 0 } }],
  ['writer.pollMs', { ...memory, writer: { pollMs: 0 } }],
  ['writer.keyMs', { ...memory, writer: { keyMs: -1 } }],
  ['writer.retentionMs', { ...memory, writer: { retentionMs: Number.NaN } }],
  ['cache.maxEntries', { ...memory, cache: { maxEntries: '5' } }],
  ['search.cache', { ...memory, search: { cache: 'yes' } }],
  ['search.hedge.delayMs', { ...memory, search: { hedge: { delayMs: -1 } } }],
  ['search.vectors.maxEntries', { ...memory, search: { vectors: { maxEntries: '10' } } }],
  ['search.rerank.rank', { ...memory, search: { rerank: {} } }],
  ['collections.documents.language', { ...memory, collections: { documents: { language: 5 } } }],
  ['collections.documents.metadata', { ...memory, collections: { documents: { metadata: { x: 'keyword' } } } }],
  ['collections', { ...memory, collections: [] }],
  ['embedders', { ...memory, embedders: 'none' }],
  ['clock', { ...memory, clock: {} }],
  ['blobs.path', { ...memory, blobs: { path: 5 } }],
]

describe('an option of the wrong kind', () => {
  it.each(rows)('%s', async (path, options) => {
    const opening = openStore(options as Any).then((store) => store.close())
    await expect(opening).rejects.toMatchObject({ name: 'HeadwaterError', code: 'HW_INVALID_OPTIONS', path })
    await opening.catch((error: Error) => {
      expect(error.message).toContain(path)
      expect(error.message).not.toContain('hush')
    })
  })
})

describe('options are read once', () => {
  it('so that what was checked is what is used', () => {
    let reads = 0
    const options = {
      get size() {
        return reads++ === 0 ? 5 : 'another'
      },
    }
    const kinds = { size: whole(1) } satisfies OptionKinds<{ size?: unknown }>
    expect(checkOptions(options as { size?: unknown }, kinds, 'of')).toEqual({ size: 5 })
    expect(reads).toBe(1)
  })

  it('and lists are copied by their length, whatever their iterator would give', () => {
    const endless = Object.assign(['a'], {
      *[Symbol.iterator]() {
        for (;;) yield 'b'
      },
    })
    expect(list(text(), 3)(endless, 'of', 'HW_INVALID_OPTIONS')).toEqual(['a'])
    expect(() => list(text(), 3)(new Array(1e9), 'of', 'HW_INVALID_OPTIONS')).toThrow(wrong('of'))
    expect(() => table(text())({ a: 1 }, 'of', 'HW_INVALID_OPTIONS')).toThrow(wrong('of.a'))
  })
})
