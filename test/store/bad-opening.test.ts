import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type HeadwaterError, openStore, type Store } from '../../index'
import { startChild } from '../support/child'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { TcpProxy } from '../support/tcp-proxy'

const hashing = { hashing: { dimensions: 16 } } as const

/** Why a store did not open; one that does is closed and fails the test. */
async function refusal(options: unknown): Promise<HeadwaterError> {
  const opened = await openStore(options as never).catch((error: unknown) => error as HeadwaterError)
  if ('code' in opened) {
    expect(opened.remedy).toMatch(/\w{3,}/)
    return opened
  }
  await opened.close()
  return expect.fail('it opened')
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-opening-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a server that is lost meanwhile', () => {
  const database = useDatabase()

  it('is HW_UNAVAILABLE wherever the opening was, also at a COMMIT, and the next one works', async () => {
    const proxy = await TcpProxy.to(database().url)
    try {
      const options = {
        postgres: { url: proxy.url },
        embedder: hashing,
        qdrant: { url: 'http://127.0.0.1:1' },
      } as const
      const lost: string[] = []
      proxy.onRequest = (bytes) => {
        const record = /INSERT INTO "headwater"\."registry"/.test(bytes.toString('latin1'))
        if (!record || lost.length === 3) return 'pass'
        lost.push(bytes.toString('latin1'))
        return 'cut-after'
      }
      for (let opening = 1; opening <= 3; opening++) {
        expect(await refusal(options)).toMatchObject({ code: 'HW_UNAVAILABLE', retryable: true })
        expect(lost).toHaveLength(opening)
      }
      const store = await openStore(options)
      await store.close()
    } finally {
      await proxy.close()
    }
  })
})

describe('options of openStore', () => {
  const memory = { embedded: { path: ':memory:' } }
  it.each([
    ['null', null, 'HW_INVALID_OPTIONS', 'options'],
    ['a misspelt option', { embeded: {} }, 'HW_INVALID_OPTIONS', 'embeded'],
    ['two databases', { ...memory, postgres: { url: 'postgres://x/y' } }, 'HW_INVALID_OPTIONS', 'embedded'],
    ['migrate', { ...memory, migrate: 'yes' }, 'HW_INVALID_OPTIONS', 'migrate'],
    ['relay', { ...memory, relay: 'foreground' }, 'HW_INVALID_OPTIONS', 'relay'],
    ['an embedder that is not there', { ...memory, embedder: 'minilm' }, 'HW_INVALID_OPTIONS', 'embedder'],
    ['an embedder of no kind', { ...memory, embedder: { hash: {} } }, 'HW_INVALID_OPTIONS', 'embedder'],
    [
      'dimensions',
      { ...memory, embedder: { hashing: { dimensions: 0 } } },
      'HW_INVALID_OPTIONS',
      'embedder.hashing.dimensions',
    ],
    [
      "a collection's embedder",
      { collections: { a: { embedder: 'x' } } },
      'HW_INVALID_OPTIONS',
      'collections.a.embedder',
    ],
    ['a collection without a name', { ...memory, collections: { '': {} } }, 'HW_INVALID_ARGUMENT', 'collection'],
    ['a collection with a space', { ...memory, collections: { 'a b': {} } }, 'HW_INVALID_ARGUMENT', 'collection'],
    ['an empty folder name', { embedded: { path: '' } }, 'HW_INVALID_OPTIONS', 'embedded.path'],
    ['a url of another kind', { postgres: { url: 'mysql://root:secret@x/y' } }, 'HW_INVALID_OPTIONS', 'postgres.url'],
    ['no url', { postgres: {} }, 'HW_INVALID_OPTIONS', 'postgres'],
    ['a pool size', { postgres: { url: 'postgres://x/y', max: 0 } }, 'HW_INVALID_OPTIONS', 'postgres.max'],
    [
      'a language',
      { ...memory, embedder: hashing, collections: { documents: { language: 'klingon' } } },
      'HW_INVALID_OPTIONS',
      'collections.documents.language',
    ],
  ])('%s', async (_, options, code, path) => {
    const error = await refusal(options)
    expect(error.code).toBe(code)
    expect(`.${error.path}`).toMatch(new RegExp(`\\.${path}$`))
    expect(error.message).toContain(error.path)
    expect(JSON.stringify(error)).not.toContain('secret')
  })
})

describe('what is wrong in an option is told before anything is opened, downloaded or made', () => {
  let asked = 0
  const server = createServer((socket) => {
    asked++
    socket.destroy()
  })
  let port = 0
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => void server.close())

  const qdrant = { url: 'http://127.0.0.1:1' }
  const redis = { url: 'redis://127.0.0.1:1' }
  const elasticsearch = { url: 'http://127.0.0.1:1' }
  const s3 = { endpoint: 'http://127.0.0.1:1', accessKey: 'a', secretKey: 'hush' }
  const http = { baseUrl: 'http://127.0.0.1:1', model: 'x', dimensions: 2 }
  const rows: [string, object][] = [
    ['qdrant', { qdrant: 'http://me:hush@x' }],
    ['qdrant.ulr', { qdrant: { ulr: 'http://x' } }],
    ['qdrant.url', { qdrant: { url: 'localhost' } }],
    ['qdrant.prefix', { qdrant: { ...qdrant, prefix: 'with space' } }],
    ['qdrant.retry.attempts', { qdrant: { ...qdrant, retry: { attempts: 2 } } }],
    ['qdrant.vectors.distanse', { qdrant: { ...qdrant, vectors: { distanse: 'dot' } } }],
    ['qdrant.vectors.batch.points', { qdrant: { ...qdrant, vectors: { batch: { points: 0 } } } }],
    ['elasticsearch.node', { elasticsearch: { node: 'http://x' } }],
    ['elasticsearch.prefix', { elasticsearch: { ...elasticsearch, prefix: 'With Space' } }],
    ['elasticsearch.texts.k1', { elasticsearch: { ...elasticsearch, texts: { k1: -1 } } }],
    ['redis.url', { redis: { url: 'http://me:hush@x' } }],
    ['redis.cache.ttl', { redis: { ...redis, cache: { ttl: 1 } } }],
    ['redis.cache.ttlMs', { redis: { ...redis, cache: { ttlMs: 0 } } }],
    ['redis.vectors.ttl', { redis: { ...redis, vectors: { ttl: 1 } } }],
    ['redis.vectors.jitter', { redis: { ...redis, vectors: { jitter: 2 } } }],
    ['s3.secretKey', { s3: { ...s3, secretKey: undefined } }],
    ['s3.blobs.partBytes', { s3: { ...s3, blobs: { partBytes: 1 } } }],
    ['blobs.path', { blobs: { path: '' } }],
    ['cache.maxEntries', { cache: { maxEntries: 0 } }],
    ['writer.claimBatch', { writer: { claimBatch: 0 } }],
    ['writer.leaseMs', { writer: { leaseMs: 'long' } }],
    ['embedder.http.batch', { embedder: { http: { ...http, batch: 1 } } }],
    ['embedders.own.openai.apiKey', { embedders: { own: { openai: {} } } }],
    ['embedder.onnx.modle', { embedder: { onnx: { modle: 'x' } } }],
    ['embedder.fallback', { embedder: { fallback: 'own' } }],
    ['embedder.fallback[1].onnx.threads', { embedder: { fallback: [{ http }, { onnx: { threads: 0 } }] } }],
    [
      'collections.documents.embedder',
      { embedders: { own: { http } }, collections: { documents: { embedder: 'none' } } },
    ],
    ['splitter.size', { splitter: { size: 0 } }],
  ]

  it.each(rows)('%s', async (path, options) => {
    const unmade = join(folder, 'unmade')
    // Were it opened, this model would have to be downloaded first.
    const sha = '0'.repeat(64)
    const files = { 'config.json': sha, 'tokenizer.json': sha, 'onnx/model.onnx': sha }
    const hub = { hub: 'a/b', revision: 'c', files }
    const model = { onnx: { model: hub, baseUrl: `http://127.0.0.1:${port}`, cacheDir: unmade } }
    const before = asked
    for (const place of [
      { postgres: { url: `postgres://me:hush@127.0.0.1:${port}/x` } },
      { embedded: { path: unmade } },
    ]) {
      const error = await refusal({ embedder: model, ...place, ...options })
      expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS', path })
      expect(error.message).toContain(path)
      expect(error.message).not.toContain('hush')
      expect(existsSync(unmade)).toBe(false)
    }
    expect(asked).toBe(before)
  })
})

describe('a folder that cannot be used', () => {
  it('is a file', async () => {
    const path = join(folder, 'file')
    await writeFile(path, 'somebody’s')
    expect(await refusal({ embedded: { path }, embedder: hashing })).toMatchObject({
      code: 'HW_STORAGE',
      message: expect.stringContaining(path),
      path: 'postgres.embedded.path',
    })
    expect(await readFile(path, 'utf8')).toBe('somebody’s')
  })

  it('cannot be made', async () => {
    const error = await refusal({ embedded: { path: '/proc/headwater' }, embedder: hashing })
    expect(error).toMatchObject({ code: 'HW_STORAGE', cause: expect.anything() })
  })

  it('is open in this process, and free again afterwards', async () => {
    const path = join(folder, 'twice')
    const first = await openStore({ embedded: { path }, embedder: hashing })
    const error = await refusal({ embedded: { path }, embedder: hashing })
    expect(error).toMatchObject({ code: 'HW_EMBEDDED_LOCKED', details: { pid: process.pid } })
    await first.forTenant('acme').documents.put({ id: 'a', text: 'Unharmed.' })
    await first.close()
    const again = await openStore({ embedded: { path }, embedder: hashing })
    expect((await again.forTenant('acme').documents.get('a'))!.text).toBe('Unharmed.')
    await again.close()
    expect((await readdir(path, { recursive: true })).filter((name) => name.endsWith('.lock'))).toEqual([])
  })

  it('is open in another process', async () => {
    const path = join(folder, 'shared')
    const child = startChild<{ opened?: true }>('store/children/open-embedded.ts', path)
    try {
      await child.line((line) => line.opened === true)
      expect(await refusal({ embedded: { path }, embedder: hashing })).toMatchObject({
        code: 'HW_EMBEDDED_LOCKED',
        details: { pid: child.process.pid },
      })
    } finally {
      child.process.kill('SIGKILL')
      await child.ended
    }
  })
})

describe('an installation without PGlite', () => {
  it('says what to install', async () => {
    const child = startChild<{ code: string; message: string; remedy: string }>('store/children/without-pglite.ts')
    await child.ended
    expect(child.lines).toMatchObject([
      { code: 'HW_DRIVER_MISSING', message: expect.stringMatching(/npm install @electric-sql\/pglite@\d/) },
    ])
  })
})

describe('what was recorded', () => {
  const open = (path: string, more: object = {}) =>
    openStore({ embedded: { path }, embedder: hashing, collections: { documents: {} }, ...more })

  it('refuses another embedder, splitter or language, names both, and leaves what is there', async () => {
    const path = join(folder, 'recorded')
    const first = await open(path)
    await first.forTenant('acme').documents.put({ id: 'a', text: 'Recorded words.' })
    await first.close()
    const wrong = (more: object) => refusal({ embedded: { path }, embedder: hashing, ...more })
    expect(await wrong({ embedder: { hashing: { dimensions: 32 } } })).toMatchObject({
      code: 'HW_FINGERPRINT_MISMATCH',
      path: 'collections.documents.embedder',
      details: { recorded: expect.stringContaining('16'), configured: expect.stringContaining('32') },
    })
    expect(await wrong({ splitter: { size: 77 } })).toMatchObject({
      code: 'HW_TOPOLOGY_MISMATCH',
      path: 'collections.documents.splitter',
    })
    expect(await wrong({ collections: { documents: { language: 'german' } } })).toMatchObject({
      code: 'HW_TOPOLOGY_MISMATCH',
      path: 'collections.documents.language',
      details: { recorded: 'english', configured: 'german' },
    })
    // What failed to open left nothing that would stand in the way.
    const again = await open(path)
    expect((await again.forTenant('acme').search({ query: 'recorded' })).hits).toHaveLength(1)
    expect((await again.generations()).map(({ state }) => state)).toEqual(['live', 'live'])
    await again.close()
  })

  it('is nothing yet when the first opening failed: the next one may be right', async () => {
    const path = join(folder, 'failed')
    const wrong = { embedded: { path }, embedder: hashing, collections: { documents: { language: 'klingon' } } }
    expect(await refusal(wrong)).toMatchObject({ code: 'HW_INVALID_OPTIONS' })
    const store = await open(path)
    await store.forTenant('acme').documents.put({ id: 'a', text: 'Written after all.' })
    expect((await store.forTenant('acme').search({ query: 'written' })).hits).toHaveLength(1)
    expect((await store.generations()).filter(({ state }) => state === 'live')).toHaveLength(2)
    await store.close()
  })
})

describe('a server that is not there, or lets nobody in', () => {
  it('refuses the password', async () => {
    const url = new URL(inject('postgresUrl'))
    url.password = 'hunter2'
    const error = await refusal({ postgres: { url: url.href }, embedder: hashing })
    expect(error).toMatchObject({ code: 'HW_UNAUTHORIZED', retryable: false })
    expect(error.message + JSON.stringify(error)).not.toContain('hunter2')
  })

  it('says what was tried, within its time, and never the password', async () => {
    const startedAt = performance.now()
    const error = await refusal({ postgres: { url: 'postgres://app:hunter2@127.0.0.1:1/db' }, embedder: hashing })
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE', retryable: true, cause: expect.anything() })
    expect(error.message).toContain('127.0.0.1:1')
    expect(error.message + JSON.stringify(error)).not.toContain('hunter2')
  })

  it('hangs: the attempt ends by its deadline', async () => {
    const server = createServer(() => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const startedAt = performance.now()
    const error = await refusal({
      postgres: {
        url: `postgres://app@127.0.0.1:${port}/db`,
        connectionTimeoutMs: 400,
        statementTimeoutMs: 400,
        queryTimeoutMs: 800,
      },
      embedder: hashing,
    })
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(['HW_TIMEOUT', 'HW_UNAVAILABLE']).toContain(error.code)
    expect(error.message).toContain(String(port))
    server.close()
  })
})

describeWithPgvector('a server that refuses, or is not as expected', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const at = (more: object = {}, url = database().url) => ({ postgres: { url, ...more }, embedder: hashing })
  const tables = async () =>
    (await database().admin(`SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'h%' ORDER BY 1, 2`))
      .rows

  it('refuses the login', async () => {
    const error = await refusal(at({}, database().urlAs('nobody_here', 'hunter2')))
    expect(error).toMatchObject({ code: 'HW_UNAUTHORIZED', retryable: false })
    expect(error.message + JSON.stringify(error)).not.toContain('hunter2')
  })

  it('has no such database', async () => {
    const url = new URL(database().url)
    url.pathname = '/no_such_database'
    const error = await refusal(at({}, url.href))
    expect(error.message).toContain('no_such_database')
  })

  it("is empty, with migrate: 'check': nothing is made", async () => {
    const error = await refusal({ ...at(), migrate: 'check' })
    expect(error).toMatchObject({ code: 'HW_MIGRATION_NEEDED', path: 'schema' })
    expect(await tables()).toEqual([])
  })

  it('is ahead', async () => {
    await (await openStore(at({ schema: 'h_ahead' }))).close()
    const record = `h_ahead.${(await tables()).map((row) => row.tablename as string).find((name) => name.endsWith('migrations'))}`
    await database().admin(`INSERT INTO ${record} (name, timestamp) VALUES ('9999-later', '2099-01-01')`)
    for (const migrate of ['auto', 'check']) {
      const error = await refusal({ ...at({ schema: 'h_ahead' }), migrate })
      expect(error).toMatchObject({ code: 'HW_MIGRATION_AHEAD', details: { ahead: ['9999-later'] } })
    }
  })

  it('is half migrated: a table is gone, or the record is', async () => {
    await (await openStore(at({ schema: 'h_half' }))).close()
    await database().admin('DROP TABLE h_half.queue')
    const before = await tables()
    for (const migrate of ['auto', 'check']) {
      const error = await refusal({ ...at({ schema: 'h_half' }), migrate })
      expect(error).toMatchObject({ code: 'HW_MIGRATION_FAILED', details: { missing: ['queue'] } })
    }
    const record = before.map((row) => row.tablename as string).find((name) => name.endsWith('migrations'))
    await database().admin(`DELETE FROM h_half.${record}`)
    expect(await refusal(at({ schema: 'h_half' }))).toMatchObject({
      code: 'HW_MIGRATION_FAILED',
      details: { unrecorded: expect.arrayContaining(['documents']) },
    })
    expect(await tables()).toEqual(before)
  })

  it('feeds other stores', async () => {
    await (await openStore(at({ schema: 'h_topology' }))).close()
    await database().admin(`UPDATE h_topology.generations SET engine = 'elasticsearch' WHERE target = 'text'`)
    const error = await refusal(at({ schema: 'h_topology' }))
    expect(error).toMatchObject({ code: 'HW_TOPOLOGY_MISMATCH', path: 'topology' })
    expect(error.message).toContain('is in elasticsearch, which this process has not configured: give `elasticsearch`')
  })

  it('is another database under the same roof: schemas are apart', async () => {
    const stores: Store[] = await Promise.all(['h_one', 'h_two'].map((schema) => openStore(at({ schema }))))
    await stores[0]!.forTenant('acme').documents.put({ id: 'a', text: 'In the first.' })
    expect(await stores[1]!.forTenant('acme').documents.get('a')).toBeNull()
    await Promise.all(stores.map((store) => store.close()))
  })
})
