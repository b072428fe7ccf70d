import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { QdrantConnection } from '../../src/connections/qdrant/connection'
import { RedisConnection } from '../../src/connections/redis/connection'
import { S3Connection } from '../../src/connections/s3/connection'
import { HeadwaterError } from '../../src/core/errors'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import { QdrantVectorRepository } from '../../src/repositories/qdrant/vectors'
import { RedisCacheRepository } from '../../src/repositories/redis/cache'
import { acme, point, textEntry } from '../../src/testing/contracts/rows'
import { describeWithS3 } from '../support/minio'
import { useDatabase } from '../support/postgres'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'
import { describeWithRedis, freshPrefix } from '../support/redis'
import { ScriptedHttp } from '../support/scripted-http'

interface Refused {
  call(): Promise<unknown>
  health(): Promise<{ readonly status: string; readonly breaker: string; readonly error: HeadwaterError | undefined }>
  destroy(): Promise<void>
}

const wrong = 'guessed-by-nobody'
const policy = { retry: { baseMs: 1, maxMs: 2 }, breaker: { minimumCalls: 2, window: 4 } }
const mebibyte = 2 ** 20

/** Refused for good, without a retry: the server is there, and nobody is told what was guessed. */
async function expectUnauthorized(connection: Refused): Promise<void> {
  try {
    for (let call = 0; call < 4; call++) {
      const error: unknown = await connection.call().catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: 'HW_UNAUTHORIZED', retryable: false })
      if (!(error instanceof HeadwaterError)) return
      expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain(wrong)
    }
    const health = await connection.health()
    expect(health).toMatchObject({ status: 'down', breaker: 'closed', error: { code: 'HW_UNAUTHORIZED' } })
    expect(JSON.stringify(health)).not.toContain(wrong)
  } finally {
    await connection.destroy()
  }
}

describe('Postgres', () => {
  const database = useDatabase()

  it('a wrong password', async () => {
    const connection = new PostgresConnection({ url: database().urlAs('postgres', wrong), ...policy })
    await expectUnauthorized({
      call: () => connection.session({ worker: true }).query('SELECT 1'),
      health: () => connection.health(),
      destroy: () => connection.destroy(),
    })
  })

  it('a schema that is not there', async () => {
    const connection = new PostgresConnection({ url: database().url })
    const truth = new PostgresTruth(connection, { schema: 'nowhere' })
    await expect(truth.session({ worker: true }).registry.database()).rejects.toMatchObject({
      code: 'HW_DATABASE',
      retryable: false,
      message: expect.stringContaining('nowhere'),
    })
    await connection.close()
  })
})

describe('Qdrant', () => {
  const sizes: number[] = []
  let double: QdrantDouble
  const open: QdrantConnection[] = []
  const connect = (apiKey: string | undefined): QdrantConnection => {
    const connection = new QdrantConnection({ url: double.url, apiKey, allowInsecure: true, ...policy })
    open.push(connection)
    return connection
  }
  beforeAll(async () => {
    double = await startQdrantDouble({
      apiKey: 'sesame',
      onRequest: ({ headers }) => sizes.push(Number(headers['content-length'] ?? 0)),
    })
  })
  afterEach(() => Promise.all(open.splice(0).map((connection) => connection.destroy())))
  afterAll(() => double.close())

  it.each([
    ['a wrong key', wrong],
    ['no key', undefined],
  ])('%s', async (_what, key) => {
    const connection = connect(key)
    await expectUnauthorized({
      call: () => connection.call({ operation: 'getCollections' }),
      health: () => connection.health(),
      destroy: () => connection.destroy(),
    })
  })

  it('points of 40 MiB in one call are divided into requests that it takes', async () => {
    const vectors = new QdrantVectorRepository(connect('sesame'))
    const index = { name: 'large', fingerprint: 'f', dimensions: 2 }
    await vectors.create(index)
    const leaves = { 's:text': ['x'.repeat(mebibyte)] }
    const points = Array.from({ length: 40 }, (_, at) => point(`p${at}`, 1, [1, at], { leaves }))
    sizes.length = 0
    await vectors.upsert(index, points)
    expect(await vectors.count(index)).toBe(40)
    expect(sizes.filter((size) => size > mebibyte).length).toBeGreaterThanOrEqual(3)
    expect(Math.max(...sizes)).toBeLessThan(17 * mebibyte)
  })

  it('a name that is too long for a collection', async () => {
    const vectors = new QdrantVectorRepository(connect('sesame'))
    const index = { name: 'x'.repeat(300), fingerprint: 'f', dimensions: 2 }
    await expect(vectors.create(index)).rejects.toMatchObject({ code: 'HW_INVALID_ARGUMENT', retryable: false })
  })
})

describe('Elasticsearch', () => {
  const index = { name: 'things', language: 'english' }
  let server: ScriptedHttp
  let connection: ElasticsearchConnection
  beforeAll(async () => {
    server = await ScriptedHttp.start()
    connection = new ElasticsearchConnection({ url: server.url, apiKey: wrong, allowInsecure: true, ...policy })
  })
  afterAll(async () => {
    await connection.destroy()
    await server.close()
  })

  it('texts of 40 MiB in one call are divided into requests that it takes', async () => {
    const sizes: number[] = []
    server.answer = ({ url, body }) => {
      if (url.startsWith('/_nodes')) return { body: { nodes: { a: { version: '8.19.0' } } } }
      if (!url.startsWith('/_bulk')) return {}
      sizes.push(body.length)
      const written = body.split('\n').filter((line) => line.startsWith('{"index"')).length
      return { body: { items: Array.from({ length: written }, () => ({ index: { status: 201 } })) } }
    }
    const texts = new ElasticsearchTextRepository(connection, { analysis: 'library' })
    const text = 'x'.repeat(mebibyte)
    await texts.upsert(
      index,
      Array.from({ length: 40 }, (_, at) => textEntry(`t${at}`, 1, text)),
    )
    expect(sizes.length).toBeGreaterThanOrEqual(3)
    expect(Math.max(...sizes)).toBeLessThan(17 * mebibyte)
  })

  it('a wrong key', async () => {
    server.answer = () => ({
      status: 401,
      body: { error: { type: 'security_exception', reason: 'unable to authenticate' } },
    })
    await expectUnauthorized({
      call: () => connection.request({ method: 'GET', path: '/x' }, { idempotent: true }),
      health: () => connection.health(),
      destroy: () => connection.destroy(),
    })
  })
})

describeWithRedis('Redis', (redis) => {
  const user = freshPrefix()
  beforeAll(() => redis().raw.call('ACL', 'SETUSER', user, 'on', '>sesame', '~*', '+@all'))
  afterAll(() => redis().raw.call('ACL', 'DELUSER', user))
  const as = (name: string, password: string): string => {
    const url = new URL(redis().url)
    url.username = name
    url.password = password
    return url.href
  }

  it.each(['a wrong password', 'an unknown user'])('%s', async (what) => {
    const url = what === 'an unknown user' ? as('nobody', wrong) : as(user, wrong)
    const connection = new RedisConnection({ url, ...policy })
    await expectUnauthorized({
      call: () => connection.command('GET', ['x']),
      health: () => connection.health(),
      destroy: () => connection.destroy(),
    })
  })

  it('a key of a mebibyte, and a value of 33: whole, or not there', async () => {
    const connection = new RedisConnection({ url: as(user, 'sesame'), commandTimeoutMs: 20_000 })
    const cache = new RedisCacheRepository(connection, { prefix: freshPrefix() })
    const long = 'k'.repeat(mebibyte)
    await cache.set(acme, long, 'of the long key')
    expect(await cache.get(acme, long)).toBe('of the long key')
    expect(await cache.get(acme, `${long}k`)).toBe(undefined)
    const value = 'v'.repeat(33 * mebibyte)
    await cache.set(acme, 'large', value)
    expect((await cache.get(acme, 'large')) === value).toBe(true)
    expect(await connection.health()).toMatchObject({ status: 'up', breaker: 'closed' })
    await cache.delete(acme, 'large')
    await connection.close()
  })
})

describeWithS3('S3', (s3) => {
  it('a wrong secret', async () => {
    const connection = new S3Connection({ ...s3().options, secretKey: wrong, ...policy })
    await expectUnauthorized({
      call: () => connection.call('exists', (client) => client.bucketExists(`hw-${randomBytes(4).toString('hex')}`)),
      health: () => connection.health(),
      destroy: () => connection.destroy(),
    })
  })
})
