import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGzip, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { QdrantConnection } from '../../src/connections/qdrant/connection'
import { HeadwaterError } from '../../src/core/errors'
import { tenantId } from '../../src/core/ids'
import { HttpEmbedder } from '../../src/embeddings/http/embedder'
import { OnnxEmbedder } from '../../src/embeddings/onnx/onnx-embedder'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { QdrantVectorRepository } from '../../src/repositories/qdrant/vectors'
import { rejection } from './postgres/backends'

const most = 65_536
/** What the network holds on its way, beside what is read. */
const underway = 16 * 2 ** 20
const once = { retry: { maxAttempts: 1 } }
const opening = Buffer.from('{"data":[{"result":[')
const piece = Buffer.alloc(65_536, '1,')
const bomb = gzipSync(Buffer.alloc(256 * 2 ** 20, '1,'))

/** Writes until nobody takes it any more. */
function pour(response: ServerResponse, to: NodeJS.WritableStream & { destroyed?: boolean } = response): void {
  to.on('error', () => {})
  to.write(opening)
  const more = (): void => {
    if (response.destroyed) return
    if (to.write(piece)) setImmediate(more)
    else to.once('drain', more)
  }
  more()
}

const ways: Readonly<Record<string, (response: ServerResponse, head: object) => void>> = {
  'without end': (response, head) => {
    response.writeHead(200, { ...head })
    pour(response)
  },
  'of a length that it announces': (response, head) => {
    response.writeHead(200, { ...head, 'content-length': 2 ** 40 })
    pour(response)
  },
  'without end and packed': (response, head) => {
    response.writeHead(200, { ...head, 'content-encoding': 'gzip' })
    const gzip = createGzip()
    gzip.pipe(response)
    pour(response, gzip)
  },
  'small and packed': (response, head) => {
    response.writeHead(200, { ...head, 'content-encoding': 'gzip', 'content-length': bomb.length })
    response.end(bomb)
  },
}

describe.each(Object.keys(ways))('an answer %s', (way) => {
  let server: Server
  let url: string
  let sent: () => number
  const heard: unknown[] = []
  const hear = (error: unknown): void => void heard.push(error)

  beforeEach(async () => {
    process.on('uncaughtExceptionMonitor', hear)
    server = createServer((request, response) => {
      const { socket } = request
      sent = () => socket.bytesWritten
      request.resume()
      ways[way]!(response, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    process.off('uncaughtExceptionMonitor', hear)
    expect(heard).toEqual([])
    expect(sent()).toBeLessThan(underway)
  })

  it('of Elasticsearch is read as far as elasticsearch.maxAnswerBytes', async () => {
    const connection = new ElasticsearchConnection({ url, maxAnswerBytes: most, ...once })
    const error = await rejection(connection.request({ method: 'GET', path: '/_cluster/health' }, { idempotent: true }))
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE', message: expect.stringContaining('maxAnswerBytes') })
    await connection.destroy()
  })

  it('of Qdrant is read as far as qdrant.maxAnswerBytes', async () => {
    const connection = new QdrantConnection({ url, maxAnswerBytes: most, ...once })
    const error = await rejection(connection.call({ operation: 'getCollections' }))
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE', message: expect.stringContaining('qdrant.maxAnswerBytes') })
    await connection.destroy()
  })

  it('of an embedding server is read as far as its vectors can go', async () => {
    const embedder = new HttpEmbedder({ baseUrl: url, model: 'm', dimensions: 8, ...once }, 'embedder')
    const error = await rejection(embedder.embed(['a'], { kind: 'passage' }))
    expect(error).toMatchObject({ code: 'HW_EMBEDDER_FAILED' })
    await embedder.close()
  })

  it('of a hub is kept as far as onnx.maxFileBytes, and then thrown away', async () => {
    const cacheDir = await mkdtemp(join(tmpdir(), 'headwater-endless-'))
    const files = Object.fromEntries(
      ['onnx/model.onnx', 'config.json', 'tokenizer.json'].map((file) => [file, 'a'.repeat(64)]),
    )
    const model = { hub: 'acme/tiny', revision: 'r1', files }
    const opened = OnnxEmbedder.open({ model, cacheDir, baseUrl: url, maxFileBytes: most })
    expect(await rejection(opened)).toMatchObject({
      code: 'HW_MODEL_UNAVAILABLE',
      message: expect.stringContaining('onnx.maxFileBytes'),
    })
    const left = await readdir(cacheDir, { recursive: true, withFileTypes: true })
    expect(left.filter((entry) => entry.isFile())).toEqual([])
    await rm(cacheDir, { recursive: true })
  })
})

describe.each([
  ['a nest of lists', '[', ']'],
  ['a nest of objects', '{"result":', '}'],
])('an answer that is %s, a hundred thousand deep', (_name, open, close) => {
  const nest = `${open.repeat(100_000)}1${close.repeat(100_000)}`
  // In a place that is read, beside what makes the answer look right.
  const body = `{"status":"ok","time":0.1,"result":${nest},"hits":${nest},"data":${nest}}`
  let server: Server
  let url: string

  beforeEach(async () => {
    server = createServer((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' })
      response.end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it('ends no search in Elasticsearch and in Qdrant but with a typed error', async () => {
    const elasticsearch = new ElasticsearchConnection({ url, ...once })
    const texts = new ElasticsearchTextRepository(elasticsearch, { prefix: 'hw' })
    const textIndex = { name: 'a', language: 'english' }
    const text = await rejection(texts.search(textIndex, { tenant: tenantId('acme'), query: 'fox', limit: 3 }))
    expect(text).toBeInstanceOf(HeadwaterError)
    await elasticsearch.destroy()

    const qdrant = new QdrantConnection({ url, ...once })
    const vectors = new QdrantVectorRepository(qdrant)
    const index = { name: 'a', fingerprint: 'f', dimensions: 3 }
    const query = { tenant: tenantId('acme'), vector: new Float32Array([1, 0, 0]), limit: 3 }
    expect(await rejection(vectors.search(index, query))).toBeInstanceOf(HeadwaterError)
    await qdrant.destroy()
  })
})
