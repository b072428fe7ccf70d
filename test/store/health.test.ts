import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openStore, type Store, type StoreHealth, type StoreOptions } from '../../index'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { RedisConnection } from '../../src/connections/redis/connection'
import { createTestStore } from '../../src/testing/test-store'
import { describeWithElasticsearch, once } from '../support/elasticsearch'
import { describeWithS3 } from '../support/minio'
import { useDatabase } from '../support/postgres'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'
import { describeWithRedis, freshPrefix } from '../support/redis'
import { TcpProxy } from '../support/tcp-proxy'

const embedder = { hashing: { dimensions: 16 } } as const
const names = ['postgres', 'qdrant', 'elasticsearch', 'redis', 's3'] as const
type Name = (typeof names)[number]

function whatOf({ degraded }: StoreHealth): string[] {
  return degraded.map(({ what }) => what)
}

describeWithElasticsearch('health of five stores', (elasticsearch) => {
  describeWithRedis('and Redis', (redis) => {
    describeWithS3('and S3', (s3) => {
      const database = useDatabase()
      let double: QdrantDouble
      let proxies: Record<Name, TcpProxy>
      let store: Store
      let secrets: string[]
      let options: StoreOptions

      beforeAll(async () => {
        double = await startQdrantDouble()
        const urls = [database().url, double.url, elasticsearch, redis().url, s3().endpoint]
        const made = await Promise.all(urls.map((url) => TcpProxy.to(url)))
        proxies = Object.fromEntries(names.map((name, at) => [name, made[at]!])) as Record<Name, TcpProxy>
        options = {
          embedder,
          postgres: { url: proxies.postgres.url },
          qdrant: { url: proxies.qdrant.url },
          elasticsearch: { url: proxies.elasticsearch.url, texts: { analysis: 'library' } },
          redis: { url: proxies.redis.url, cache: { prefix: freshPrefix() } },
          s3: { ...s3().options, endpoint: new URL(proxies.s3.url).origin, bucketPrefix: freshPrefix() },
        }
        secrets = [new URL(database().url).password, s3().options.secretKey!].filter((secret) => secret !== '')
        store = await openStore(options)
        await store.relay.drain()
      })
      afterEach(async () => {
        for (const proxy of Object.values(proxies)) proxy.resume()
        // A circuit that opened is closed by the next call that succeeds.
        const well = async () => {
          await store.forTenant('acme').cache.get('key')
          return (await store.health()).status
        }
        await expect.poll(well, { timeout: 20_000 }).toBe('ok')
      }, 30_000)
      afterAll(async () => {
        await store.close()
        await Promise.all(Object.values(proxies).map((proxy) => proxy.close()))
        await double.close()
      })

      const sane = (health: StoreHealth): void => {
        expect(secrets.length).toBeGreaterThan(0)
        for (const shown of [JSON.stringify(health), inspect(health, { depth: 20 })]) {
          for (const secret of secrets) expect(shown).not.toContain(secret)
        }
        for (const { meaning, remedy } of health.degraded) {
          expect(meaning).toMatch(/\w.*\.$/)
          expect(remedy).toMatch(/\w.*\.$/)
        }
      }

      it('all are up: where they are, how fast, which version, and what the breaker says', async () => {
        await expect.poll(async () => (await store.health()).status).toBe('ok')
        const times: Record<string, number>[] = []
        for (let turn = 0; turn < 20; turn++) {
          const startedAt = performance.now()
          const health = await store.health()
          const latencies = Object.entries(health.connections).map(
            ([name, { latencyMs }]) => [name, latencyMs] as const,
          )
          times.push({ ...Object.fromEntries(latencies), all: performance.now() - startedAt })
          if (turn > 0) continue
          sane(health)
          expect(health).toMatchObject({
            status: 'ok',
            degraded: [],
            backlog: { waiting: 0, claimed: 0, parked: 0, oldestMs: null },
            workers: 1,
            generations: { live: 2, building: 0, standby: 0, errors: [], missing: [] },
          })
          expect(Object.keys(health.connections)).toEqual([...names])
          for (const [name, connection] of Object.entries(health.connections)) {
            expect(connection).toMatchObject({ status: 'up', breaker: 'closed', errorCode: null })
            expect(connection.target).toContain('127.0.0.1')
            // S3 tells a server's name, and no version.
            if (name !== 's3') expect(connection.serverVersion).toMatch(/^\d+\.\d+/)
            expect(connection.latencyMs).toBeGreaterThan(0)
          }
        }
        const shown = ['all', ...names].map((name) => {
          const sorted = times.map((time) => time[name]!).sort((a, b) => a - b)
          return `${name} ${sorted[sorted.length >> 1]!.toFixed(1)} (worst ${sorted.at(-1)!.toFixed(1)})`
        })
        console.log(`health side by side, median ms of ${times.length}: ${shown.join(', ')}`)
        const alone = {
          redis: new RedisConnection({ url: redis().url }),
          elasticsearch: new ElasticsearchConnection({ url: elasticsearch }),
        }
        for (const [name, connection] of Object.entries(alone)) {
          const latencies: number[] = []
          for (let turn = 0; turn < 21; turn++) latencies.push((await connection.health()).latencyMs)
          const [first, ...rest] = latencies
          const median = rest.sort((a, b) => a - b)[10]!
          console.log(`health of ${name} alone, ms: first ${first!.toFixed(1)}, median ${median.toFixed(1)}`)
          await connection.close()
        }
      })

      it.each([
        ['qdrant', 'words alone'],
        ['elasticsearch', 'vectors alone'],
        ['redis', 'loader'],
        ['s3', 'Blobs'],
      ] as const)('%s is down: degraded, and what that means', async (name, meaning) => {
        proxies[name].refuse()
        const health = await store.health()
        sane(health)
        expect(health.status).toBe('degraded')
        expect(health.degraded).toMatchObject([{ what: name, meaning: expect.stringContaining(meaning) }])
        expect(health.connections[name]).toMatchObject({ status: 'down', errorCode: 'HW_UNAVAILABLE' })
        const others = names.filter((other) => other !== name)
        for (const other of others) expect(health.connections[other]).toMatchObject({ status: 'up' })
        expect(health.backlog).not.toBeNull()
      })

      it('Postgres is down: so is the store', async () => {
        proxies.postgres.refuse()
        const health = await store.health({ timeoutMs: 2_000 })
        sane(health)
        expect(health).toMatchObject({ status: 'down', backlog: null, generations: null, workers: 0 })
        expect(whatOf(health)).toEqual(['postgres'])
        expect(health.connections['redis']).toMatchObject({ status: 'up' })
      })

      it.each(names.slice(1))(
        '%s hangs: it is down at the deadline, and the others are not held back',
        async (name) => {
          proxies[name].stall()
          const startedAt = performance.now()
          const health = await store.health({ timeoutMs: 700 })
          expect(performance.now() - startedAt).toBeLessThan(1_200)
          sane(health)
          expect(whatOf(health)).toEqual([name])
          expect(health.connections[name]).toMatchObject({ status: 'down', errorCode: 'HW_TIMEOUT' })
          const others = names.filter((other) => other !== name)
          for (const other of others) expect(health.connections[other]).toMatchObject({ status: 'up' })
          proxies[name].cut()
        },
      )

      it.each(['vector', 'text'] as const)(
        'a live %s index that was deleted under the store is missing',
        async (target) => {
          // Without a worker that makes it anew.
          const other = await openStore({ ...options, relay: 'external' })
          const { name } = (await other.generations()).find((one) => one.target === target)!
          const { rows } = await database().admin(`SELECT value FROM headwater.registry WHERE name = 'installation'`)
          const [engine, physical] =
            target === 'vector'
              ? [double.url, `collections/${name}`]
              : [elasticsearch, `headwater_${rows[0].value}-${name}`]
          const gone = await fetch(`${engine}/${physical}`, { method: 'DELETE' })
          expect(gone.status).toBe(200)
          const health = await other.health()
          expect(health.status).toBe('degraded')
          expect(health.generations!.missing).toEqual([{ target, collection: 'documents', name }])
          expect(health.degraded).toMatchObject([{ what: name, remedy: expect.stringContaining('headwater relay') }])
          await other.close()
          await store.rebuild({ target, collection: 'documents' })
          expect((await store.health()).generations!.missing).toEqual([])
        },
      )

      it('shows an open circuit once the server answers again', async () => {
        proxies.redis.refuse()
        const { cache } = store.forTenant('acme')
        for (let turn = 0; turn < 20; turn++) await cache.get('key')
        proxies.redis.resume()
        const health = await store.health()
        expect(health.connections['redis']).toMatchObject({ status: 'up', breaker: expect.stringMatching(/open/) })
        expect(health.degraded).toMatchObject([{ what: 'redis', meaning: expect.stringContaining('circuit') }])
      })

      it('the caller may abort', async () => {
        await expect(store.health({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'HW_ABORTED' })
      })
    })
  })
})

once(describe)('health of jobs, workers and indexes', () => {
  it('says that jobs wait and nobody does them', async () => {
    await using store = await createTestStore({ relay: 'external' })
    const idle = await store.health()
    expect(idle).toMatchObject({ status: 'ok', workers: 0, degraded: [] })
    expect(idle.notices).toEqual([expect.stringContaining('headwater relay')])
    await store.forTenant('acme').documents.put({ id: 'a', text: 'words' })
    const health = await store.health()
    expect(health).toMatchObject({ status: 'degraded', backlog: { waiting: 2 } })
    expect(health.degraded).toMatchObject([{ what: 'workers', meaning: expect.stringContaining('2 jobs wait') }])
  })

  it('an engine that is away takes nothing with it before something is live in it', async () => {
    const path = await mkdtemp(join(tmpdir(), 'headwater-idle-'))
    onTestFinished(() => rm(path, { recursive: true, force: true }))
    const options = { embedded: { path }, embedder }
    await (await openStore(options)).close()
    await using early = await openStore({ ...options, qdrant: { url: 'http://127.0.0.1:9' } })
    const { degraded, generations } = await early.health()
    expect(generations?.engines['documents']?.vector).toEqual(['postgres'])
    expect(degraded).toMatchObject([{ what: 'qdrant', meaning: expect.stringMatching(/^No live index is in it/) }])
  })

  it('a fault of the test store shows', async () => {
    await using store = await createTestStore()
    store.faults.down('vector')
    const health = await store.health()
    expect(health).toMatchObject({ status: 'degraded', connections: { text: { status: 'up' } } })
    expect(whatOf(health)).toEqual(['vector'])
  })
})
