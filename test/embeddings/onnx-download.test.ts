import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isHeadwaterError } from '../../src/core/errors'
import { cachedModel } from '../../src/embeddings/onnx/model-cache'
import { OnnxEmbedder } from '../../src/embeddings/onnx/onnx-embedder'
import type { DownloadProgress, HubModel, OnnxOptions } from '../../src/embeddings/onnx/options'

const revision = 'b207367332321f8e44f96e224ef15bc607f4dbf0'
const weights = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251))
const contents: Record<string, Buffer> = {
  'config.json': Buffer.from('{"hidden_size":8,"max_position_embeddings":64}'),
  'tokenizer.json': Buffer.from('{"padding":null}'),
  'onnx/model.onnx': Buffer.from(weights),
}
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const model = (more: Partial<HubModel> = {}): HubModel => ({
  hub: 'acme/tiny',
  revision,
  files: Object.fromEntries(Object.entries(contents).map(([file, bytes]) => [file, sha256(bytes)])),
  ...more,
})

type Answer = (request: IncomingMessage, response: ServerResponse, bytes: Buffer) => void

/** As a hub does it: whole, or from where the range begins. */
const served: Answer = (request, response, bytes) => {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (start >= bytes.length) return void response.writeHead(416).end()
  const headers = { 'content-length': bytes.length - start }
  const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`
  response.writeHead(start > 0 ? 206 : 200, start > 0 ? { ...headers, 'content-range': range } : headers)
  response.end(bytes.subarray(start))
}

/** Announces all of it, sends a third, and hangs up. */
const cut: Answer = (request, response, bytes) => {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start, ...(start > 0 && range) })
  response.write(bytes.subarray(start, start + Math.ceil(bytes.length / 3)), () => response.destroy())
}

describe('downloading a pinned model', () => {
  let server: Server
  let baseUrl: string
  let cacheDir: string
  let answer: Answer
  let requests: { url: string; range: string | undefined }[]
  let progress: DownloadProgress[]

  beforeEach(async () => {
    answer = served
    requests = []
    progress = []
    cacheDir = await mkdtemp(join(tmpdir(), 'headwater-models-'))
    server = createServer((request, response) => {
      const url = request.url ?? ''
      requests.push({ url, range: request.headers.range })
      const file = url.replace(`/acme/tiny/resolve/${revision}/`, '')
      const bytes = contents[file]
      if (bytes) answer(request, response, bytes)
      else response.writeHead(404).end('no such file')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(cacheDir, { recursive: true, force: true })
  })

  const open = (options: OnnxOptions = {}, call: { signal?: AbortSignal } = {}): Promise<OnnxEmbedder> =>
    OnnxEmbedder.open(
      { model: model(), cacheDir, baseUrl, onProgress: (now) => progress.push(now), ...options },
      'onnx',
      call,
    )
  const folder = (): string => join(cacheDir, 'acme--tiny', revision)
  const refusal = async (work: Promise<unknown>) => {
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (!isHeadwaterError(error)) return expect.fail(`no HeadwaterError: ${String(error)}`)
    return error
  }
  const ofWeights = () => requests.filter(({ url }) => url.endsWith('model.onnx'))

  it('brings every file once, verified, with progress, and needs no server afterwards', async () => {
    const embedder = await open()
    expect(embedder).toMatchObject({ dimensions: 8, maxTokens: 64 })
    for (const [file, bytes] of Object.entries(contents)) expect(await readFile(join(folder(), file))).toEqual(bytes)
    expect(requests).toHaveLength(3)
    expect(progress.at(-1)).toEqual({ file: 'onnx/model.onnx', received: weights.length, total: weights.length })
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    expect((await open()).fingerprint).toBe(embedder.fingerprint)
    // By its name alone, as by hand; and it is the same space wherever it lies.
    expect((await OnnxEmbedder.open({ model: 'tiny', cacheDir })).fingerprint).toBe(embedder.fingerprint)
    expect((await OnnxEmbedder.open({ model: 'acme/tiny', cacheDir })).fingerprint).toBe(embedder.fingerprint)
  })

  it('takes up a download that was cut, at once and from an earlier process', async () => {
    let cuts = 0
    answer = (...request) => (ofWeights().length > 0 && cuts++ < 2 ? cut(...request) : served(...request))
    await open()
    const ranges = ofWeights().map(({ range }) => Number(/\d+/.exec(range ?? '0')?.[0]))
    // How much of a cut answer arrives is the network's to say.
    expect(ranges).toHaveLength(3)
    expect(ranges[0]).toBe(0)
    expect(ranges).toEqual(ranges.toSorted((a, b) => a - b))
    expect(ranges[2]).toBeGreaterThan(0)
    expect(await readFile(join(folder(), 'onnx/model.onnx'))).toEqual(contents['onnx/model.onnx'])

    // What a process that is gone has left: no process has this id.
    await rm(join(folder(), 'onnx/model.onnx'))
    await writeFile(join(folder(), 'onnx/model.onnx.part.4194999'), weights.subarray(0, 250_000))
    requests = []
    await open()
    expect(requests).toEqual([{ url: expect.stringContaining('model.onnx'), range: 'bytes=250000-' }])
    expect(await readdir(join(folder(), 'onnx'))).toEqual(['model.onnx'])
  })

  it('begins anew where the server knows no ranges', async () => {
    let first = true
    answer = (request, response, bytes) => {
      if (first && ofWeights().length > 0) {
        first = false
        return cut(request, response, bytes)
      }
      response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    }
    await open()
    expect(ofWeights()).toHaveLength(2)
    expect(ofWeights()[0]!.range).toBeUndefined()
    expect(await readFile(join(folder(), 'onnx/model.onnx'))).toEqual(contents['onnx/model.onnx'])
  })

  it('keeps nothing whose hash is wrong, neither fresh nor resumed', async () => {
    const files = { ...model().files, 'onnx/model.onnx': 'a'.repeat(64) }
    const error = await refusal(open({ model: model({ files }) }))
    expect(error).toMatchObject({ code: 'HW_MODEL_UNAVAILABLE', retryable: false })
    expect(error.message).toContain('a'.repeat(64))
    expect(error.message).toContain(sha256(contents['onnx/model.onnx']!))
    expect(await readdir(join(folder(), 'onnx'))).toEqual([])
    // Rubbish that an earlier attempt left, longer than the file.
    await writeFile(join(folder(), `onnx/model.onnx.part.${process.pid}`), Buffer.alloc(400_000))
    expect(await refusal(open())).toMatchObject({ code: 'HW_MODEL_UNAVAILABLE' })
    await open()
    expect(await readFile(join(folder(), 'onnx/model.onnx'))).toEqual(contents['onnx/model.onnx'])
  })

  it('says what is wrong and what to do: no such file, no server, no network, a server in trouble', async () => {
    const missing = await refusal(open({ model: model({ files: { ...model().files, 'vocab.txt': 'b'.repeat(64) } }) }))
    expect(missing).toMatchObject({ code: 'HW_MODEL_UNAVAILABLE', retryable: false })
    expect(missing.message).toMatch(/vocab\.txt of acme\/tiny .*404.*revision b207367/)

    await rm(folder(), { recursive: true })
    answer = (_, response) => void response.writeHead(503).end()
    expect(await refusal(open())).toMatchObject({ code: 'HW_MODEL_UNAVAILABLE', retryable: true })
    // Nothing that comes in is no progress: it is not asked for ever.
    answer = (request) => request.socket.destroy()
    requests = []
    expect(await refusal(open())).toMatchObject({ code: 'HW_MODEL_UNAVAILABLE', retryable: true })
    expect(requests.length).toBeLessThan(4)

    await new Promise((resolve) => server.close(resolve))
    const offline = await refusal(open())
    expect(offline).toMatchObject({ code: 'HW_MODEL_UNAVAILABLE', retryable: true })
    expect(offline.message).toContain('ECONNREFUSED')
    expect(offline.message).toContain(folder())
    expect(offline.message).toContain('HEADWATER_MODEL_DIR')
    expect(offline.cause).toBeDefined()
  })

  it('stops on abort, and shares one download among callers', async () => {
    const caller = new AbortController()
    answer = (request, response, bytes) => {
      if (!request.url?.endsWith('.onnx')) return served(request, response, bytes)
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 1_000), () => caller.abort())
    }
    expect(await refusal(open({}, { signal: caller.signal }))).toMatchObject({ code: 'HW_ABORTED' })
    answer = served
    requests = []
    await Promise.all([open(), open(), open()])
    expect(ofWeights()).toHaveLength(1)
  })

  it('finds a model in the cache by its name, and does not choose between two', async () => {
    expect(cachedModel(join(cacheDir, 'nowhere'), 'tiny')).toBeUndefined()
    const put = async (path: string) => {
      await mkdir(join(cacheDir, path), { recursive: true })
      await writeFile(join(cacheDir, path, 'tokenizer.json'), '{}')
      await writeFile(join(cacheDir, path, 'model.onnx'), '')
    }
    await put('other')
    await mkdir(join(cacheDir, 'acme--tiny', 'broken'), { recursive: true })
    expect(cachedModel(cacheDir, 'tiny')).toBeUndefined()
    await put('tiny')
    expect(cachedModel(cacheDir, 'tiny')).toBe(join(cacheDir, 'tiny'))
    await put(`acme--tiny/${revision}`)
    expect(() => cachedModel(cacheDir, 'tiny')).toThrow(/several in the cache/)
    expect(cachedModel(cacheDir, 'acme/tiny')).toBe(join(cacheDir, 'acme--tiny', revision))
  })

  it.each<[OnnxOptions, string]>([
    [{ path: '/a', model: 'b' }, 'onnx'],
    [{ poling: 'cls' } as OnnxOptions, 'onnx.poling'],
    [{ pooling: 'max' as 'mean' }, 'onnx.pooling'],
    [{ maxTokens: 2 }, 'onnx.maxTokens'],
    [{ threads: 0 }, 'onnx.threads'],
    [{ model: model({ hub: '../x' }) }, 'onnx.model.hub'],
    [{ model: model({ revision: '../x' }) }, 'onnx.model.revision'],
    [{ model: model({ files: { ...model().files, '../x': 'a'.repeat(64) } }) }, 'onnx.model.files'],
    [{ model: model({ files: { ...model().files, 'x.json': 'a' } }) }, 'onnx.model.files'],
    [{ model: model({ files: { 'config.json': 'a'.repeat(64) } }) }, 'onnx.model.files'],
  ])('refuses %j', async (options, path) => {
    expect(await refusal(OnnxEmbedder.open({ cacheDir, ...options }))).toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path,
    })
  })

  it('says what a folder lacks', async () => {
    expect(await refusal(OnnxEmbedder.open({ path: join(cacheDir, 'no') }))).toMatchObject({
      code: 'HW_MODEL_UNAVAILABLE',
    })
    expect((await refusal(OnnxEmbedder.open({ path: cacheDir }))).message).toMatch(
      /there is no onnx\/model_quantized\.onnx/,
    )
    expect((await refusal(OnnxEmbedder.open({ model: 'all-MiniLM-L6-v2', cacheDir }))).message).toContain(cacheDir)
    await writeFile(join(cacheDir, 'model.onnx'), 'no model')
    await writeFile(join(cacheDir, 'tokenizer.json'), '{}')
    expect((await refusal(OnnxEmbedder.open({ path: cacheDir }))).message).toContain('hidden_size')
    const embedder = await OnnxEmbedder.open({ path: cacheDir, dimensions: 8 })
    expect(await refusal(embedder.embed(['x'], { kind: 'query' }))).toMatchObject({ code: 'HW_EMBEDDER_FAILED' })
    await embedder.close()
    expect(existsSync(join(cacheDir, 'model.onnx'))).toBe(true)
  })
})
