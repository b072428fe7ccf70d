import { Client } from '@elastic/elasticsearch'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../../src/connections/elasticsearch/connection'
import { describeElasticsearch, resolveElasticsearchOptions } from '../../../src/connections/elasticsearch/options'
import { ElasticsearchTextRepository } from '../../../src/repositories/elasticsearch/texts'
import { acme, entryId, textEntry } from '../../../src/testing/contracts/rows'
import { type ScriptedAnswer, ScriptedHttp, type ScriptedRequest } from '../../support/scripted-http'

describe('the options of Elasticsearch', () => {
  const refused = (options: Parameters<typeof resolveElasticsearchOptions>[0], path: string) =>
    expect(() => resolveElasticsearchOptions(options)).toThrowError(
      expect.objectContaining({ code: 'HW_INVALID_OPTIONS', path }),
    )

  it('takes several nodes, with the usual port, and never shows credentials', () => {
    const options = resolveElasticsearchOptions({
      url: 'https://me:hush@a.example, https://b.example:443/,https://c:9201',
    })
    expect(describeElasticsearch(options)).toBe('a.example:9200,b.example,c:9201')
    expect(options.auth).toMatchObject({ kind: 'basic', username: 'me' })
    expect(JSON.stringify(options)).not.toContain('hush')
  })

  it('sends no key over plain http unless told', () => {
    const url = 'http://localhost:9200'
    refused({ url, apiKey: 'k' }, 'elasticsearch.apiKey')
    refused({ url, username: 'u', password: 'p' }, 'elasticsearch.password')
    refused({ url: 'https://a,http://u:p@b' }, 'elasticsearch.password')
    expect(resolveElasticsearchOptions({ url, apiKey: 'k', allowInsecure: true }).auth?.kind).toBe('apiKey')
    expect(resolveElasticsearchOptions({ url }).auth).toBe(undefined)
  })

  it('names what is wrong', () => {
    refused({}, 'elasticsearch')
    refused({ url: 'ftp://a' }, 'elasticsearch.url')
    refused({ url: 'https://a', username: 'u' }, 'elasticsearch.username')
    refused({ url: 'https://a', apiKey: 'a\nb' }, 'elasticsearch.apiKey')
    refused({ url: 'https://a', caFingerprint: 'xyz' }, 'elasticsearch.caFingerprint')
    refused({ url: 'http://a', caFingerprint: 'ab'.repeat(32) }, 'elasticsearch.caFingerprint')
    refused({ url: 'https://a', tls: { cert: 'c' } }, 'elasticsearch.tls')
    refused({ url: 'https://a', timeoutMs: 0 }, 'elasticsearch.timeoutMs')
  })
})

describe('an Elasticsearch that answers with errors', () => {
  let server: ScriptedHttp
  let connection: ElasticsearchConnection
  const get = (path = '/x', timeoutMs = 5_000) =>
    connection.request({ method: 'GET', path }, { idempotent: true, timeoutMs })
  const version = '8.19.0'
  /** What the version question gets; everything else is the test's. */
  function script(answer: (request: ScriptedRequest, count: number) => ScriptedAnswer, served = version): void {
    let count = 0
    server.answer = (request) =>
      request.url.startsWith('/_nodes') ? { body: { nodes: { a: { version: served } } } } : answer(request, count++)
  }
  const fault = (type: string, reason = 'because'): unknown => ({ error: { type, reason }, status: 400 })

  beforeEach(async () => {
    server = await ScriptedHttp.start()
    const retry = { baseMs: 1, maxMs: 5 }
    connection = new ElasticsearchConnection({ url: server.url, apiKey: 'hush', allowInsecure: true, retry })
  })
  afterEach(async () => {
    await connection.destroy()
    await server.close()
  })

  it.each([
    [403, 'cluster_block_exception', 'HW_STORAGE', false],
    [404, 'index_not_found_exception', 'HW_GENERATION_MISSING', true],
    [400, 'parsing_exception', 'HW_DATABASE', false],
  ])('%i %s is %s', async (status, type, code, retryable) => {
    script(() => ({ status, body: fault(type) }))
    const error: unknown = await get().catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code, retryable, details: { status, type } })
    expect(String(error)).not.toContain('hush')
    expect(JSON.stringify(error)).not.toContain('hush')
  })

  it('a server that is too old is refused', async () => {
    script(() => ({ body: {} }), '7.17.20')
    await expect(get()).rejects.toMatchObject({
      code: 'HW_SERVER_UNSUPPORTED',
      message: expect.stringContaining('7.17.20'),
    })
    expect(await connection.health()).toMatchObject({ status: 'down', error: { code: 'HW_SERVER_UNSUPPORTED' } })
  })

  it('health tells colours, and a closed connection takes no calls', async () => {
    script(() => ({ body: { status: 'red', number_of_nodes: 3 } }))
    expect(await connection.health()).toMatchObject({
      status: 'degraded',
      cluster: 'red',
      nodes: 3,
      serverVersion: version,
    })
    await connection.close()
    await expect(get()).rejects.toMatchObject({ code: 'HW_CLOSED' })
    expect(await connection.health()).toMatchObject({ status: 'down', error: { code: 'HW_CLOSED' } })
  })

  it('a client that is passed in is used and left open', async () => {
    script(() => ({ body: { ok: 1 } }))
    const client = new Client({ node: server.url })
    const over = new ElasticsearchConnection({ client })
    expect(await over.request({ method: 'GET', path: '/y' }, { idempotent: true })).toEqual({ ok: 1 })
    await over.close()
    expect(await client.transport.request({ method: 'GET', path: '/z' })).toEqual({ ok: 1 })
    await client.close()
  })

  describe('in a bulk', () => {
    const index = { name: 'things', language: 'simple' }
    const actionsOf = (body: string): { _id: string }[] =>
      body
        .split('\n')
        .map((line) => (line ? JSON.parse(line) : {}))
        .flatMap(({ index: action, delete: removal }) => action ?? removal ?? [])
    const entries = (count: number) => Array.from({ length: count }, (_, i) => textEntry(`e${i}`, 1, `text ${i}`))

    it('sends again only the items that were too many, and takes 409 for superseded', async () => {
      const sent: number[] = []
      script(({ body }, count) => {
        const ids = actionsOf(body)
        sent.push(ids.length)
        const status = (i: number): number => (count === 0 && i % 5 === 0 ? 429 : i % 5 === 1 ? 409 : 201)
        const error = { type: 'es_rejected_execution_exception', reason: 'queue is full' }
        return {
          body: {
            errors: true,
            items: ids.map((_, i) => ({ index: status(i) === 201 ? { status: 201 } : { status: status(i), error } })),
          },
        }
      })
      await new ElasticsearchTextRepository(connection, { analysis: 'library' }).upsert(index, entries(20))
      expect(sent).toEqual([20, 4])
      expect(server.requests.at(-1)!.url).toContain('require_alias=true')
    })

    it('gives up with HW_UNAVAILABLE on items that stay refused', async () => {
      const error = { type: 'es_rejected_execution_exception', reason: 'queue is full' }
      script(({ body }) => ({
        body: { errors: true, items: actionsOf(body).map(() => ({ index: { status: 503, error } })) },
      }))
      const written = new ElasticsearchTextRepository(connection, { analysis: 'library' }).upsert(index, entries(3))
      await expect(written).rejects.toMatchObject({ code: 'HW_UNAVAILABLE', retryable: true })
      expect(server.requests.filter(({ url }) => url.startsWith('/_bulk')).length).toBe(4)
    })

    it('halves what is too large for the server, down to the one entry at fault', async () => {
      const sizes: number[] = []
      script(({ body }) => {
        const ids = actionsOf(body)
        sizes.push(ids.length)
        if (ids.length > 2 || ids.some(({ _id }) => _id.endsWith(entryId('e3'))))
          return { status: 413, body: fault('too_large') }
        return { body: { errors: false, items: ids.map(() => ({ index: { status: 200 } })) } }
      })
      const written = new ElasticsearchTextRepository(connection, { analysis: 'library' }).upsert(index, entries(8))
      await expect(written).rejects.toMatchObject({ code: 'HW_LIMIT_EXCEEDED', details: { ids: [entryId('e3')] } })
      expect(sizes).toEqual([8, 4, 2, 2, 1, 1, 4, 2, 2])
    })

    it('is bounded by count and by bytes', async () => {
      const sizes: number[] = []
      script(({ body }) => {
        const ids = actionsOf(body)
        sizes.push(ids.length)
        return { body: { items: ids.map(() => ({ index: { status: 200 } })) } }
      })
      await new ElasticsearchTextRepository(connection, { analysis: 'library', batchSize: 3 }).upsert(index, entries(7))
      await new ElasticsearchTextRepository(connection, { analysis: 'library', batchBytes: 1 }).upsert(
        index,
        entries(2),
      )
      expect(sizes).toEqual([3, 3, 1, 1, 1])
    })

    it('an answer with too few items is no success', async () => {
      script(() => ({ body: { errors: false, items: [] } }))
      const written = new ElasticsearchTextRepository(connection, { analysis: 'library' }).upsert(index, entries(2))
      await expect(written).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
    })

    it('a delete that finds nothing is done, one that finds no index is not', async () => {
      const removal = [{ id: entryId('e0'), tenant: acme, fence: 3, when: 'atMost' as const }]
      const texts = new ElasticsearchTextRepository(connection, { analysis: 'library' })
      script(() => ({ body: { items: [{ delete: { status: 404, result: 'not_found' } }] } }))
      await texts.remove(index, removal)
      const error = { type: 'index_not_found_exception', reason: 'no such index' }
      script(() => ({ body: { errors: true, items: [{ delete: { status: 404, error } }] } }))
      await expect(texts.remove(index, removal)).rejects.toMatchObject({ code: 'HW_GENERATION_MISSING' })
    })
  })
})
