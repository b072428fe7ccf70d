import { QdrantClient } from '@qdrant/js-client-rest'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canaryName } from '../../../src/connections/qdrant/canaries'
import type { QdrantConnection } from '../../../src/connections/qdrant/connection'
import type { CallOptions } from '../../../src/core/abort'
import { systemClock } from '../../../src/core/clock'
import { seededRandom } from '../../../src/core/random'
import { QdrantVectorRepository } from '../../../src/repositories/qdrant/vectors'
import { acme, entryId, point } from '../../../src/testing/contracts/rows'
import { freshIndex, realUrl, useQdrant } from '../../repositories/qdrant/backend'
import { TcpProxy } from '../../support/tcp-proxy'
import { rejection } from '../postgres/backends'

const fast = { baseMs: 1, maxMs: 5 }
const list = { operation: 'getCollections' } as const
const onDouble = describe.skipIf(realUrl !== undefined)

describe('QdrantConnection', () => {
  const backend = useQdrant()

  it('health says version, latency and where, and never rejects', async () => {
    const health = await backend().connect().health()
    expect(health).toMatchObject({ status: 'up', breaker: 'closed', error: undefined })
    expect(health.serverVersion).toMatch(/^1\.\d+/)
    expect(health.target).toBe(backend().url.replace(/\/$/, ''))
    const down = await backend().connect({ url: 'http://127.0.0.1:1' }).health()
    expect(down).toMatchObject({ status: 'down', serverVersion: undefined, error: { code: 'HW_UNAVAILABLE' } })
  })

  it('check learns the version and proves the fences, leaving nothing behind', async () => {
    const connection = backend().connect()
    expect((await connection.check()).version).toMatch(/^1\.\d+/)
    const result = await connection.call(list)
    expect(JSON.stringify(result)).not.toContain('headwater_canary')
  })

  it('check drops canaries that a killed process has left, and none of a check that runs', async () => {
    const connection = backend().connect()
    const random = seededRandom(5)
    const canaryOf = (ageMs: number): string => canaryName({ ...systemClock, now: () => Date.now() - ageMs }, random)
    const left = [canaryOf(3_600_000), canaryOf(30 * 86_400_000)]
    const running = [canaryOf(0), canaryOf(60_000), canaryOf(-60_000)]
    const others = ['headwater_canary_of_mine', 'other_headwater_canary_0'.padEnd(60, '0')]
    const body = { vectors: { size: 1, distance: 'Dot' } }
    const created = [...left, ...running, ...others]
    for (const collection of created) await connection.call({ operation: 'createCollection', collection, body })
    const listed = async (): Promise<string[]> => {
      const { collections } = (await connection.call(list)) as { collections: { name: string }[] }
      return collections.map(({ name }) => name).filter((name) => created.includes(name))
    }
    expect((await listed()).sort()).toEqual([...created].sort())
    await connection.check()
    expect((await listed()).sort()).toEqual([...running, ...others].sort())
    for (const collection of await listed()) await connection.call({ operation: 'deleteCollection', collection })
  })

  it('a check passes where what others left cannot be listed', async () => {
    const proxy = await TcpProxy.to(backend().url)
    let lists = 0
    proxy.onRequest = (bytes) => {
      if (!bytes.toString('latin1').startsWith('GET /collections HTTP')) return 'pass'
      lists++
      return 'cut-after'
    }
    const connection = backend().connect({ url: proxy.url, retry: { maxAttempts: 1 } })
    await connection.fenced()
    expect(lists).toBeGreaterThan(0)
    await connection.close()
    await proxy.close()
  })

  it('after close no call is taken; a call that runs is waited for', async () => {
    const connection = backend().connect()
    const running = connection.call(list)
    await connection.close()
    await running
    expect(await rejection(connection.call(list))).toMatchObject({ code: 'HW_CLOSED' })
    expect(await connection.health()).toMatchObject({ status: 'down', error: { code: 'HW_CLOSED' } })
  })

  it('a client of the user’s is used as it is and carries no files', async () => {
    const client = new QdrantClient({ url: backend().url, checkCompatibility: false })
    const connection = backend().connect({ client })
    const index = freshIndex(2)
    const vectors = new QdrantVectorRepository(connection)
    await vectors.create(index)
    const { name } = await vectors.snapshots.create(index)
    expect(await rejection(vectors.snapshots.download(index, name))).toMatchObject({ code: 'HW_INVALID_OPTIONS' })
    await vectors.snapshots.delete(index, name)
    await vectors.drop(index)
    await connection.close()
    expect((await client.getCollections()).collections).toBeDefined()
  })
})

onDouble('a server that misbehaves', () => {
  const backend = useQdrant()
  const faults = () => backend().faults!
  afterEach(() => {
    for (const key of Object.keys(faults())) Reflect.deleteProperty(faults(), key)
  })
  const connect = (retry: object = fast) => backend().connect({ retry })

  it('is refused when it is too old to know fences', async () => {
    faults().forgetVersion = '1.15.4'
    const error = await rejection(connect().call(list))
    expect(error).toMatchObject({ code: 'HW_SERVER_UNSUPPORTED', retryable: false, details: { version: '1.15.4' } })
    expect(error.message).toContain('upgrade to 1.16.0')
  })

  it('is refused by the canary when it says it knows fences and ignores them', async () => {
    const connection = connect()
    await connection.call(list)
    // The version has been learnt: what now ignores update_filter is a server behind the same address.
    faults().forgetVersion = '1.15.4'
    const vectors = new QdrantVectorRepository(connection)
    const index = freshIndex(2)
    const error = await rejection(vectors.create(index))
    expect(error).toMatchObject({ code: 'HW_SERVER_UNSUPPORTED', retryable: false })
    expect(error.message).toContain('update_filter')
    expect(await vectors.exists(index)).toBe(false)
    delete faults().forgetVersion
    await vectors.create(index)
    await vectors.drop(index)
  })

  it('through the client of a user the first digit of Retry-After is all there is', async () => {
    const client = new QdrantClient({ url: backend().url, checkCompatibility: false })
    const connection = backend().connect({ client, retry: { maxAttempts: 1 } })
    await connection.call(list)
    Object.assign(faults(), { status: { code: 429, retryAfter: 30 }, times: 1 })
    expect(await rejection(connection.call(list))).toMatchObject({ code: 'HW_OVERLOADED', retryAfterMs: 3_000 })
    Object.assign(faults(), { status: { code: 403 }, times: 1 })
    expect(await rejection(connection.call(list))).toMatchObject({ code: 'HW_UNAUTHORIZED', retryable: false })
  })

  it('a write whose answer is lost is repeated, and applies once under its fence', async () => {
    const vectors = new QdrantVectorRepository(connect())
    const index = freshIndex(2)
    await vectors.create(index)
    Object.assign(faults(), { loseAnswer: true, times: 1 })
    await vectors.upsert(index, [point('a', 5, [1, 0])])
    expect(await vectors.scan(index, { limit: 9 })).toMatchObject([{ id: entryId('a'), fence: 5 }])
    await vectors.drop(index)
  })

  it('a create whose answer is lost is done all the same', async () => {
    const vectors = new QdrantVectorRepository(connect())
    const index = freshIndex(2)
    await vectors.create(freshIndex(2, { name: index.name }))
    await vectors.drop(index)
    Object.assign(faults(), { loseAnswer: true, times: 1, only: ({ method }: { method: string }) => method === 'PUT' })
    await vectors.create(index)
    expect(await vectors.exists(index)).toBe(true)
    await vectors.drop(index)
  })

  it('a slow answer ends at the deadline or the abort, within 100 ms', async () => {
    for (const connection of [
      connect(),
      backend().connect({ client: new QdrantClient({ url: backend().url, checkCompatibility: false }) }),
    ]) {
      await connection.call(list)
      Object.assign(faults(), { delayMs: 2_000 })
      const late = await overshoot((call) => connection.call(list, call), 150)
      expect(late).toMatchObject({ error: { code: 'HW_TIMEOUT' } })
      expect(late.ms).toBeLessThan(100)
      const controller = new AbortController()
      const aborted = timed(() => connection.call(list, { signal: controller.signal }))
      controller.abort()
      expect(await aborted).toMatchObject({ error: { code: 'HW_ABORTED' } })
      expect((await aborted).ms).toBeLessThan(100)
      delete faults().delayMs
    }
  })

  it('destroy cuts off what runs', async () => {
    const client = new QdrantClient({ url: backend().url, checkCompatibility: false })
    for (const connection of [connect(), backend().connect({ client })]) {
      await connection.call(list)
      Object.assign(faults(), { delayMs: 3_000 })
      const cut = timed(() => connection.call(list))
      await new Promise((resolve) => setImmediate(resolve))
      await connection.destroy()
      expect((await cut).error?.code).toBe('HW_CLOSED')
      expect((await cut).ms).toBeLessThan(1_000)
      delete faults().delayMs
    }
  })

  it('close waits for all requests of a write that has begun', async () => {
    const connection = connect()
    const index = freshIndex(2)
    const vectors = new QdrantVectorRepository(connection, { batch: { points: 1 } })
    await vectors.create(index)
    Object.assign(faults(), { delayMs: 5 })
    const writing = vectors.upsert(
      index,
      Array.from({ length: 10 }, (_, i) => point(`p${i}`, 1, [1, 0])),
    )
    await connection.close()
    await writing
    const after = backend().vectors()
    expect(await after.count(index)).toBe(10)
    expect(await rejection(vectors.count(index))).toMatchObject({ code: 'HW_CLOSED' })
    await after.drop(index)
  })
})

describe('a network that fails', () => {
  const backend = useQdrant()
  let proxy: TcpProxy
  const open: QdrantConnection[] = []
  beforeEach(async () => {
    proxy = await TcpProxy.to(backend().url)
  })
  afterEach(async () => {
    await Promise.all(open.splice(0).map((connection) => connection.destroy()))
    await proxy.close()
  })
  const through = (options: object = { retry: fast }) => {
    const connection = backend().connect({ url: proxy.url, ...options })
    open.push(connection)
    return connection
  }

  it('connections that died while idle are not noticed, even without retries', async () => {
    const connection = through({ retry: { maxAttempts: 1 } })
    await Promise.all([1, 2, 3].map(() => connection.call(list)))
    // Closed by the other side at the moment of the next request.
    let cuts = 0
    proxy.onRequest = () => (cuts++ < 1 ? 'cut-before' : 'pass')
    await connection.call(list)
    expect(cuts).toBe(2)
  })

  it('an answer cut in the middle is no answer', async () => {
    const connection = through({ retry: { maxAttempts: 1 } })
    const vectors = new QdrantVectorRepository(connection)
    const index = freshIndex(2)
    await vectors.create(index)
    await vectors.upsert(
      index,
      Array.from({ length: 300 }, (_, i) => point(`p${i}`, 1, [1, 0], { leaves: { 's:t': ['x'.repeat(500)] } })),
    )
    const ids = Array.from({ length: 200 }, (_, i) => entryId(`p${i}`))
    proxy.truncateAfter(20_000)
    const cut = await rejection(vectors.read(index, ids))
    expect(cut).toMatchObject({ code: 'HW_UNAVAILABLE' })
    proxy.resume()
    expect((await vectors.read(index, ids)).length).toBe(200)
    await vectors.drop(index)
  })

  it('a stalled network ends at the deadline, and callers behind it too', async () => {
    const connection = through()
    proxy.stall()
    const work = (call: CallOptions) => connection.call(list, call)
    for (const late of await Promise.all([overshoot(work, 200), overshoot(work, 100)])) {
      expect(late.error).toMatchObject({ code: 'HW_TIMEOUT' })
      expect(late.ms).toBeLessThan(100)
    }
    proxy.resume()
    await connection.call(list)
  })

  it('an unreachable server says what was tried, opens the circuit, and is found again', async () => {
    const connection = through({ retry: { maxAttempts: 1 }, breaker: { openMs: 1 } })
    proxy.refuse()
    const error = await rejection(connection.call(list))
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE' })
    expect(error.message).toContain(`Cannot reach Qdrant at ${proxy.url.replace(/\/$/, '')}`)
    for (let n = 0; n < 5; n++) await rejection(connection.call(list))
    expect(await connection.health()).toMatchObject({ status: 'down', breaker: 'open' })
    proxy.resume()
    await expect
      .poll(
        () =>
          connection.call(list).then(
            () => 'answered',
            () => 'refused',
          ),
        { timeout: 5_000 },
      )
      .toBe('answered')
    expect(await connection.health()).toMatchObject({ status: 'up', breaker: 'closed' })
  })

  it('an aborted search sends nothing more', async () => {
    const connection = through()
    await connection.call(list)
    let requests = 0
    proxy.onRequest = () => {
      requests++
      return 'pass'
    }
    const query = { tenant: acme, vector: Float32Array.of(1, 0), limit: 1 }
    const call = { signal: AbortSignal.abort() }
    const vectors = new QdrantVectorRepository(connection)
    expect(await rejection(vectors.search(freshIndex(2), query, call))).toMatchObject({ code: 'HW_ABORTED' })
    expect(requests).toBe(0)
  })
})

async function timed(
  work: () => Promise<unknown>,
): Promise<{ readonly error?: { code?: string }; readonly ms: number }> {
  const startedAt = performance.now()
  try {
    await work()
    return { ms: performance.now() - startedAt }
  } catch (error) {
    return { error: error as { code?: string }, ms: performance.now() - startedAt }
  }
}

/** How much later than a plain timer of the same time a call came back, ms: a busy machine is late with both. */
async function overshoot(work: (call: CallOptions) => Promise<unknown>, timeoutMs: number) {
  let due = Number.NaN
  const startedAt = performance.now()
  const timer = new Promise<void>((resolve) =>
    setTimeout(() => {
      due = performance.now() - startedAt
      resolve()
    }, timeoutMs),
  )
  const [{ error, ms }] = await Promise.all([timed(() => work({ timeoutMs })), timer])
  return { error, ms: ms - due }
}
