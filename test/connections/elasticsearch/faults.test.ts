import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../../src/connections/elasticsearch/connection'
import { ElasticsearchTextRepository } from '../../../src/repositories/elasticsearch/texts'
import { acme, textEntry } from '../../../src/testing/contracts/rows'
import { codeOf } from '../../../src/testing/runner'
import { describeWithElasticsearch } from '../../support/elasticsearch'
import { freshPrefix } from '../../support/index-prefix'
import { TcpProxy } from '../../support/tcp-proxy'

describeWithElasticsearch('Elasticsearch behind a network that misbehaves', (url) => {
  const direct = new ElasticsearchConnection({ url })
  const { prefix, dispose } = freshPrefix(direct)
  const index = { name: 'faults', language: 'english' }
  const options = { prefix, analysis: 'library' } as const
  const query = { tenant: acme, query: 'word', limit: 5 }
  let proxy: TcpProxy
  let connection: ElasticsearchConnection
  let texts: ElasticsearchTextRepository

  const calm = { minimumCalls: 50, window: 60 }
  const open = (breaker: { minimumCalls: number; window: number; openMs?: number } = calm) =>
    new ElasticsearchConnection({ url: proxy.url, retry: { maxAttempts: 1 }, breaker })

  beforeAll(async () => {
    const own = new ElasticsearchTextRepository(direct, options)
    await own.create(index)
    await own.upsert(index, [textEntry('a', 1, 'word')])
    await own.refresh(index)
  })
  afterAll(async () => {
    await dispose()
    await direct.close()
  })
  beforeEach(async () => {
    proxy = await TcpProxy.to(url)
    connection = open()
    texts = new ElasticsearchTextRepository(connection, options)
    expect((await texts.search(index, query)).length).toBeGreaterThan(0)
  })
  afterEach(async () => {
    await connection.destroy()
    await proxy.close()
  })

  it('refused: typed, the circuit opens, and closes again', async () => {
    await connection.close()
    connection = open({ minimumCalls: 3, window: 4, openMs: 100 })
    texts = new ElasticsearchTextRepository(connection, options)
    proxy.refuse()
    for (let i = 0; i < 4; i++)
      expect(['HW_UNAVAILABLE', 'HW_CIRCUIT_OPEN']).toContain(await codeOf(texts.search(index, query)))
    expect(await codeOf(texts.search(index, query))).toBe('HW_CIRCUIT_OPEN')
    expect(await connection.health()).toMatchObject({
      status: 'down',
      breaker: 'open',
      error: { code: 'HW_UNAVAILABLE' },
    })
    proxy.resume()
    let found = 0
    for (let i = 0; i < 200 && found === 0; i++) {
      found = await texts.search(index, query).then(
        (hits) => hits.length,
        () => new Promise<number>((resolve) => setImmediate(() => resolve(0))),
      )
      if (found === 0) await connection.health()
    }
    expect(found).toBeGreaterThan(0)
  })

  it('stalled: every call ends at its deadline, and at once when it is aborted', async () => {
    proxy.stall()
    const overshoot: number[] = []
    for (const work of [
      (timeoutMs: number) => texts.search(index, query, { timeoutMs }),
      (timeoutMs: number) => texts.upsert(index, [textEntry('b', 1, 'word')], { timeoutMs }),
      (timeoutMs: number) => texts.scan(index, { limit: 5 }, { timeoutMs }),
    ]) {
      const startedAt = performance.now()
      expect(await codeOf(work(150))).toBe('HW_TIMEOUT')
      overshoot.push(performance.now() - startedAt - 150)
    }
    expect(Math.max(...overshoot)).toBeLessThan(100)
    const startedAt = performance.now()
    expect((await connection.health({ timeoutMs: 100 })).error?.code).toBe('HW_TIMEOUT')
    const controller = new AbortController()
    const searching = codeOf(texts.search(index, query, { signal: controller.signal }))
    controller.abort()
    expect(await searching).toBe('HW_ABORTED')
    expect(performance.now() - startedAt).toBeLessThan(300)
    proxy.resume()
    proxy.cut()
  })

  it('truncated and cut answers are unavailability, never half a result', async () => {
    proxy.truncateAfter(120)
    expect(await codeOf(texts.search(index, query))).toBe('HW_UNAVAILABLE')
    proxy.resume()
    proxy.onRequest = () => 'cut-after'
    expect(await codeOf(texts.upsert(index, [textEntry('c', 7, 'word')]))).toBe('HW_UNAVAILABLE')
    proxy.resume()
    // Whether it arrived or not, sending it again comes to the same.
    await texts.upsert(index, [textEntry('c', 7, 'word')])
    expect((await texts.scan(index, { limit: 10 })).map(({ fence }) => fence)).toContain(7)
  })

  it('with retries a cut connection is not noticed', async () => {
    const patient = new ElasticsearchConnection({ url: proxy.url, retry: { baseMs: 1 }, breaker: calm })
    const repository = new ElasticsearchTextRepository(patient, options)
    await repository.search(index, query)
    let cuts = 2
    proxy.onRequest = () => (cuts-- > 0 ? 'cut-before' : 'pass')
    expect((await repository.search(index, query)).length).toBeGreaterThan(0)
    cuts = 2
    await repository.upsert(index, [textEntry('d', 1, 'word')])
    await patient.close()
  })

  it('destroy ends what runs', async () => {
    proxy.stall()
    const searching = codeOf(texts.search(index, query))
    await connection.destroy()
    expect(await searching).toBe('HW_CLOSED')
    proxy.resume()
  })

  it('certificates are checked: TLS to a server without it is typed', async () => {
    const secure = new ElasticsearchConnection({ url: proxy.url.replace('http:', 'https:'), retry: { maxAttempts: 1 } })
    expect((await secure.health()).error?.code).toBe('HW_UNAVAILABLE')
    await secure.close()
  })
})
