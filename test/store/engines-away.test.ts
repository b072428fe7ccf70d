import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type StoreOptions } from '../../index'
import { describeWithElasticsearch } from '../support/elasticsearch'
import { describeWithS3 } from '../support/minio'
import { useDatabase } from '../support/postgres'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'
import { describeWithRedis, freshPrefix } from '../support/redis'
import { ScriptedHttp } from '../support/scripted-http'
import { TcpProxy } from '../support/tcp-proxy'

const embedder = { hashing: { dimensions: 16 } } as const
const text = 'Parental leave is sixteen weeks for everybody.'

describeWithElasticsearch('a store whose engines are away', (elasticsearch) => {
  describeWithRedis('and Redis', (redis) => {
    describeWithS3('and S3', (s3) => {
      const database = useDatabase()
      let double: QdrantDouble
      let proxies: TcpProxy[]
      let options: StoreOptions
      beforeAll(async () => {
        double = await startQdrantDouble()
        proxies = await Promise.all(
          [double.url, elasticsearch, redis().url, s3().endpoint].map((url) => TcpProxy.to(url)),
        )
        const [qdrant, search, cache, blobs] = proxies.map(({ url }) => url)
        options = {
          embedder,
          postgres: { url: database().url },
          qdrant: { url: qdrant },
          elasticsearch: { url: search, texts: { analysis: 'library' } },
          redis: { url: cache!, cache: { prefix: freshPrefix() } },
          s3: { ...s3().options, endpoint: blobs!.replace(/\/$/, ''), bucketPrefix: freshPrefix() },
          writer: { inlineTimeoutMs: 200, pollMs: 20, backoffMaxMs: 50 },
        }
      })
      afterAll(async () => {
        await Promise.all(proxies.map((proxy) => proxy.close()))
        await double.close()
      })

      it('opens for the first time, keeps documents, and searches them once the engines are there', async () => {
        for (const proxy of proxies) proxy.refuse()
        await using store = await openStore(options)
        const collection = store.forTenant('acme').collection('documents')
        const { documents } = collection
        const receipt = await documents.put({ id: 'leave', title: 'Leave', text })
        expect(receipt).toMatchObject({ version: 1, targets: { vector: 'queued', text: 'queued' } })
        expect(await documents.get('leave')).toMatchObject({ text })
        await documents.put({ id: 'gone', text })
        await documents.delete('gone')
        expect((await documents.list()).items.map(({ id }) => id)).toEqual(['leave'])
        await expect(collection.search({ query: 'parental' })).rejects.toMatchObject({ code: 'HW_GENERATION_MISSING' })

        for (const proxy of proxies) proxy.resume()
        await store.forTenant('acme').waitFor(receipt, { timeoutMs: 30_000 })
        const page = await collection.search({ query: 'parental', explain: true })
        expect(page.degraded).toEqual([])
        expect(page.hits).toMatchObject([{ documentId: 'leave', explain: { text: { rank: 1 }, vector: { rank: 1 } } }])
        expect((await store.generations()).map(({ state }) => state)).toEqual(['live', 'live'])
      })

      it('opens again while they hang', async () => {
        for (const proxy of proxies) proxy.stall()
        await using store = await openStore({ ...options, relay: 'external' })
        const { documents } = store.forTenant('acme').collection('documents')
        expect(await documents.put({ id: 'other', text })).toMatchObject({ version: 1 })
        expect(await documents.get('leave')).toMatchObject({ text })
        for (const proxy of proxies) proxy.resume()
      })
    })
  })
})

describe('a server that answers and is too old', () => {
  const database = useDatabase()
  const postgres = () => ({ url: database().url })

  it('is refused: Qdrant', async () => {
    const double = await startQdrantDouble({ version: '1.15.4' })
    const opening = openStore({ embedder, postgres: postgres(), qdrant: { url: double.url } })
    await expect(opening).rejects.toMatchObject({
      code: 'HW_SERVER_UNSUPPORTED',
      retryable: false,
      details: { version: '1.15.4', required: '1.16.0' },
    })
    await double.close()
  })

  it('pauses its target when it comes after the opening, and no document is blamed', async () => {
    const double = await startQdrantDouble({ version: '1.15.4' })
    const proxy = await TcpProxy.to(double.url)
    proxy.refuse()
    const here = { ...postgres(), schema: 'late' }
    await using store = await openStore({ embedder, postgres: here, qdrant: { url: proxy.url }, relay: 'external' })
    await store.forTenant('acme').documents.put({ id: 'leave', text })
    proxy.resume()
    await expect
      .poll(async () => (await store.relay.drain({ timeoutMs: 500 })).unavailable?.code, { timeout: 20_000 })
      .toBe('HW_SERVER_UNSUPPORTED')
    expect(await store.backlog()).toMatchObject({ waiting: 1, parked: 0 })
    await proxy.close()
    await double.close()
  })

  it('is refused: Elasticsearch', async () => {
    const server = await ScriptedHttp.start()
    server.answer = () => ({ body: { nodes: { a: { version: '7.17.20' } }, status: 'green' } })
    const opening = openStore({
      embedder,
      postgres: { ...postgres(), schema: 'other' },
      elasticsearch: { url: server.url },
    })
    await expect(opening).rejects.toMatchObject({ code: 'HW_SERVER_UNSUPPORTED', message: /7\.17\.20/ })
    await server.close()
  })
})
