import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Clock } from '../../src/core/clock'
import { Secret } from '../../src/core/secret'
import { FallbackEmbedder } from '../../src/embeddings/fallback'
import { HttpEmbedder } from '../../src/embeddings/http/embedder'
import type { HttpEmbedderOptions } from '../../src/embeddings/http/options'
import { embedderOf } from '../../src/embeddings/select'
import { type Answer, EmbeddingServer, good, json, vectorOf } from '../support/embedding-server'

const key = 'sk-very-secret-0123456789'
const passage = { kind: 'passage' } as const
const random = { next: () => 0.5, bytes: (n: number) => new Uint8Array(n) }

/** Time that passes when a timer is let off, so that a test waits for the server only. */
class StepClock implements Clock {
  readonly timers = new Set<{ ms: number; fire: () => void }>()
  #elapsed = 0
  now = (): number => Date.UTC(2026, 0, 1) + this.#elapsed
  monotonic = (): number => this.#elapsed
  timer(ms: number, fire: () => void): () => void {
    const timer = { ms, fire }
    this.timers.add(timer)
    return () => this.timers.delete(timer)
  }
  /** Waits until a timer of so many ms is set, and lets it off. */
  async pass(ms: number): Promise<void> {
    const timer = await vi.waitFor(
      () => {
        const found = [...this.timers].find((one) => one.ms === ms)
        if (!found) throw new Error(`no timer of ${ms} among ${[...this.timers].map((one) => one.ms)}`)
        return found
      },
      { timeout: 10_000, interval: 2 },
    )
    this.timers.delete(timer)
    this.#elapsed += ms
    timer.fire()
  }
}

let server: EmbeddingServer
let clock: StepClock
let made: HttpEmbedder[]

beforeEach(async () => {
  server = await EmbeddingServer.start()
  clock = new StepClock()
  made = []
})
afterEach(async () => {
  await Promise.all(made.map((embedder) => embedder.close()))
  await vi.waitFor(() => expect(made.map((embedder) => embedder.sockets)).toEqual(made.map(() => 0)))
  // No timer outlives its call.
  expect(clock.timers.size).toBe(0)
  await server.close()
})

function embedderWith(options: Partial<HttpEmbedderOptions> = {}): HttpEmbedder {
  const embedder = new HttpEmbedder(
    { baseUrl: server.url, model: 'tiny', dimensions: 8, apiKey: key, ...options },
    'embedders.mine.http',
    { clock, random },
  )
  made.push(embedder)
  return embedder
}

const failureOf = async (work: Promise<unknown>): Promise<Record<string, unknown>> =>
  work.then(
    () => expect.fail('it resolved'),
    (error) => error,
  )
const texts = (count: number): string[] => Array.from({ length: count }, (_, i) => 'x'.repeat(i + 1))
/** Equal but for the last bits, which scaling may change. */
const expectVectors = (got: Float32Array[], wanted: readonly string[]): void => {
  expect(got).toHaveLength(wanted.length)
  got.forEach((vector, i) => {
    expect(vector).toBeInstanceOf(Float32Array)
    expect([...vector].map((n) => n.toFixed(5))).toEqual([...vectorOf(wanted[i]!)].map((n) => n.toFixed(5)))
  })
}

/** Answers once there are two to answer. */
function inPairs(): Answer {
  const held: (() => void)[] = []
  return (request, response) => {
    held.push(() => good()(request, response))
    if (held.length === 2) for (const answer of held.splice(0)) answer()
  }
}

describe('requests', () => {
  it('asks for base64 with the key, in batches by count, two in flight, order kept', async () => {
    server.standard = inPairs()
    const embedder = embedderWith({ batchSize: 3 })
    const wanted = texts(10)
    expectVectors(await embedder.embed(wanted, passage), wanted)
    expect(server.requests.map(({ body }) => body.input.length).sort()).toEqual([1, 3, 3, 3])
    expect(server.requests[0]).toMatchObject({
      url: '/v1/embeddings',
      headers: { authorization: `Bearer ${key}` },
      body: { model: 'tiny', encoding_format: 'base64' },
    })
    expect(server.requests[0]!.body.dimensions).toBeUndefined()
    expect(server.most).toBe(2)
    expect(embedder.sockets).toBe(2)
    expect(await embedder.embed([], passage)).toEqual([])
  })

  it('holds to two in flight over all callers', async () => {
    server.standard = inPairs()
    const embedder = embedderWith({ batchSize: 1 })
    await Promise.all(texts(6).map((text) => embedder.embed([text, `${text}y`], passage)))
    expect(server.requests).toHaveLength(12)
    expect(server.most).toBe(2)
  })

  it('divides by tokens, and sends a text above them alone', async () => {
    const embedder = embedderWith({ batchTokens: 10 })
    // 10, 4, 4 and 20 tokens of three bytes; no word is lost.
    const wanted = ['a'.repeat(30), 'b'.repeat(12), 'ü'.repeat(6), 'c'.repeat(60)]
    expectVectors(await embedder.embed(wanted, passage), wanted)
    const sent = server.requests.map(({ body }) => body.input)
    expect(sent).toHaveLength(3)
    expect(sent).toContainEqual([wanted[1], wanted[2]])
  })

  it('puts vectors where their index says', async () => {
    server.next.push(good((items) => items.reverse()))
    const wanted = texts(5)
    expectVectors(await embedderWith().embed(wanted, passage), wanted)
  })

  it('understands a server that answers base64 with numbers, and asks one that refuses it for numbers', async () => {
    server.next.push((request, response) =>
      good()({ ...request, body: { ...request.body, encoding_format: 'float' } }, response),
    )
    const embedder = embedderWith()
    expectVectors(await embedder.embed(['ab'], passage), ['ab'])
    server.next.push(json(400, { error: { message: "unknown field 'encoding_format'" } }))
    expectVectors(await embedder.embed(['abc'], passage), ['abc'])
    expectVectors(await embedder.embed(['abcd'], passage), ['abcd'])
    expect(server.requests.map(({ body }) => body.encoding_format)).toEqual(['base64', 'base64', undefined, undefined])
  })

  it('puts prefixes before queries and passages, and into the fingerprint', async () => {
    const embedder = embedderWith({ queryPrefix: 'query: ', passagePrefix: 'passage: ' })
    await embedder.embed(['a'], { kind: 'query' })
    await embedder.embed(['a'], passage)
    expect(server.requests.map(({ body }) => body.input)).toEqual([['query: a'], ['passage: a']])
    expect(embedder.fingerprint).not.toBe(embedderWith().fingerprint)
    expect(embedderWith({ baseUrl: 'http://127.0.0.2:1/v1' }).fingerprint).toBe(embedderWith().fingerprint)
  })

  it("knows OpenAI's models, and asks for fewer dimensions where they are wanted", async () => {
    const small = embedderOf({ openai: { apiKey: key } }) as HttpEmbedder
    made.push(small)
    expect(small).toMatchObject({ dimensions: 1_536, maxTokens: 8_191 })
    expect(small.fingerprint).toMatch(/^openai-text-embedding-3-small-1536-/)
    server.next.push(good(undefined, 256))
    const short = embedderWith({ model: 'text-embedding-3-large', dimensions: 256 })
    expect((await short.embed(['a'], passage))[0]).toHaveLength(256)
    expect(server.requests[0]!.body.dimensions).toBe(256)
  })

  it('counts what it used', async () => {
    const embedder = embedderWith({ pricePerMillionTokens: 20 })
    await embedder.embed(texts(5), passage)
    expect(embedder.usage()).toEqual({ requests: 1, texts: 5, tokens: 50, cost: 0.001 })
    server.next.push(json(400, { error: { message: 'no' } }))
    await embedder.embed(['a'], passage).catch(() => undefined)
    expect(embedder.usage()).toMatchObject({ requests: 1, texts: 5 })
    expect(embedderWith().usage().cost).toBeUndefined()
  })

  it('scales to length 1', async () => {
    server.next.push(json(200, { data: [{ index: 0, embedding: [3, 4, 0, 0, 0, 0, 0, 0] }] }))
    const [vector] = await embedderWith().embed(['a'], passage)
    expect([...vector!.slice(0, 2)].map((n) => n.toFixed(6))).toEqual(['0.600000', '0.800000'])
  })
})

describe('a server in trouble', () => {
  it('tells at once when it is to wait beyond the deadline, or when money is used up', async () => {
    server.next.push(json(503, {}, { 'retry-after': '61' }))
    const embedder = embedderWith({ timeoutMs: 60_000 })
    expect(await failureOf(embedder.embed(['a'], passage))).toMatchObject({
      code: 'HW_UNAVAILABLE',
      retryAfterMs: 61_000,
    })
    server.next.push(json(429, { error: { message: 'You exceeded your quota', code: 'insufficient_quota' } }))
    expect(await failureOf(embedder.embed(['a'], passage))).toMatchObject({ code: 'HW_OVERLOADED', retryable: false })
    expect(server.requests).toHaveLength(2)
  })

  it('leaves a request that hangs after attemptTimeoutMs, and asks again', async () => {
    server.next.push(() => undefined)
    const work = embedderWith({ attemptTimeoutMs: 5_000 }).embed(['a'], passage)
    await vi.waitFor(() => expect(server.requests).toHaveLength(1))
    await clock.pass(5_000)
    expectVectors(await work, ['a'])
  })

  it('asks again after an answer that was cut', async () => {
    server.next.push((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"data": [')
      response.once('drain', () => response.destroy())
      setImmediate(() => response.destroy())
    })
    expectVectors(await embedderWith().embed(['a'], passage), ['a'])
  })

  it('ends a slow trickle at the deadline, with nothing left open', async () => {
    let trickle: NodeJS.Timeout | undefined
    server.next.push((_request, response) => {
      response.writeHead(200)
      trickle = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(trickle))
    })
    const embedder = embedderWith({ timeoutMs: 1_234 })
    const work = failureOf(embedder.embed(['a'], passage))
    await vi.waitFor(() => expect(trickle).toBeDefined())
    await clock.pass(1_234)
    expect(await work).toMatchObject({ code: 'HW_TIMEOUT' })
    await vi.waitFor(() => expect(server.sockets).toBe(0))
  })

  it('ends at once when the caller aborts, and calls nothing again', async () => {
    server.standard = () => undefined
    const controller = new AbortController()
    const embedder = embedderWith({ batchSize: 1 })
    const work = failureOf(embedder.embed(texts(5), { ...passage, signal: controller.signal }))
    await vi.waitFor(() => expect(server.requests).toHaveLength(2))
    controller.abort()
    expect(await work).toMatchObject({ code: 'HW_ABORTED' })
    await vi.waitFor(() => expect(server.sockets).toBe(0))
    expect(server.requests).toHaveLength(2)
    expect(await failureOf(embedder.embed(['a'], { ...passage, signal: controller.signal }))).toMatchObject({
      code: 'HW_ABORTED',
    })
  })

  it('closes its connections, and takes no more calls', async () => {
    const embedder = embedderWith()
    await embedder.embed(['a'], passage)
    expect(server.sockets).toBe(1)
    await embedder.close()
    await vi.waitFor(() => expect(server.sockets).toBe(0))
    expect(await failureOf(embedder.embed(['a'], passage))).toMatchObject({ code: 'HW_CLOSED' })
  })

  it('says where nobody listens', async () => {
    const url = server.url
    await server.close()
    const embedder = embedderWith({ baseUrl: url, retry: { maxAttempts: 1 } })
    const error = await failureOf(embedder.embed(['a'], passage))
    expect(error).toMatchObject({ code: 'HW_UNAVAILABLE', message: expect.stringContaining(`${url}/embeddings`) })
    server = await EmbeddingServer.start()
  })
})

describe('answers that are none', () => {
  const item = (embedding: unknown, index: unknown = 0) => json(200, { data: [{ index, embedding }] })
  const nan = Buffer.from(Float32Array.of(Number.NaN, 0, 0, 0, 0, 0, 0, 1).buffer).toString('base64')
  it.each([
    ['one is missing', good((items) => items.slice(1)), 'HW_EMBEDDER_FAILED', '2 texts were answered with 1'],
    ['one is doubled', good(([one]) => [one, one]), 'HW_EMBEDDER_FAILED', 'answered twice'],
    [
      'an index is foreign',
      good(([one, two]) => [one, { ...(two as object), index: 2 }]),
      'HW_EMBEDDER_FAILED',
      'index',
    ],
    ['another dimension', good(undefined, 9), 'HW_INVALID_OPTIONS', 'embedders.mine.http.dimensions'],
    ['no list', json(200, { ok: true }), 'HW_EMBEDDER_FAILED', 'no list'],
    ['null', json(200, null), 'HW_EMBEDDER_FAILED', 'no list'],
    ['a redirect', json(307, {}, { location: 'http://elsewhere/' }), 'HW_INVALID_OPTIONS', '(307)'],
    ['no such model', json(404, { error: { message: 'The model x does not exist' } }), 'HW_INVALID_OPTIONS', 'model x'],
  ])('%s', async (_what, answer, code, message) => {
    server.standard = answer
    const error = await failureOf(embedderWith({ retry: { maxAttempts: 1 } }).embed(['a', 'bb'], passage))
    expect(error).toMatchObject({ code, retryable: false, message: expect.stringContaining(message) })
    // The easy text alone may have come after it.
    expect(server.requests.slice(1).map(({ body }) => body.input)).toEqual(server.requests[1] ? [['headwater']] : [])
  })

  it.each([
    ['NaN', item(nan)],
    ['length 0', item([0, 0, 0, 0, 0, 0, 0, 0])],
    ['texts for numbers', item(['a'])],
    ['null for a vector', item(null)],
    ['half a float', item('AAAA')],
    ['an index that is none', item([1, 0, 0, 0, 0, 0, 0, 0], 'first')],
  ])('%s', async (_what, answer) => {
    server.standard = answer
    expect(await failureOf(embedderWith().embed(['a'], passage))).toMatchObject({
      code: 'HW_EMBEDDER_FAILED',
      retryable: false,
    })
  })

  it('cuts off an answer that is larger than its vectors can be', async () => {
    let sent = 0
    server.standard = ({ body }, response) => {
      sent = 0
      response.on('error', () => undefined)
      const pour = (): void => {
        if (response.destroyed || sent > 50e6) return
        sent += 65_536
        if (response.write(' '.repeat(65_536))) setImmediate(pour)
        else response.once('drain', pour)
      }
      pour()
      expect(body.input).toHaveLength(1)
    }
    const error = await failureOf(embedderWith().embed(['a'], passage))
    expect(error).toMatchObject({ code: 'HW_EMBEDDER_FAILED', message: expect.stringContaining('more than the') })
    expect(sent).toBeLessThan(20e6)
  })

  it('takes a page of something in between for a passing fault', async () => {
    const page: Answer = (_request, response) => response.end('<html>busy</html>')
    server.next.push(page)
    expectVectors(await embedderWith().embed(['a'], passage), ['a'])
    server.next.push(page, page)
    const work = embedderWith().embed(['a'], passage)
    await clock.pass(50)
    expectVectors(await work, ['a'])
  })
})

describe('texts that are refused', () => {
  const refusing = (refused: (text: string) => boolean, message: string, code?: string) => {
    const answer = good()
    server.standard = (request, response) =>
      request.body.input.some(refused)
        ? json(400, { error: { message, code } })(request, response)
        : answer(request, response)
  }

  it('finds the one among many by halves, and names its place', async () => {
    refusing((text) => text === 'bad', 'invalid input')
    const wanted = [...texts(20), 'bad', ...texts(20)]
    expect(await failureOf(embedderWith().embed(wanted, passage))).toMatchObject({
      code: 'HW_EMBEDDER_FAILED',
      retryable: false,
      message: expect.stringContaining('text 20: '),
      details: { index: 20, status: 400 },
    })
    expect(server.requests.length).toBeLessThan(14)
  })

  it('names one that is too long, or cuts it when told to', async () => {
    const message = "This model's maximum context length is 10 tokens, however you requested 40 tokens"
    refusing((text) => text.length > 40, message)
    const wanted = ['short', 'y'.repeat(160), 'also short']
    expect(await failureOf(embedderWith().embed(wanted, passage))).toMatchObject({
      code: 'HW_LIMIT_EXCEEDED',
      details: { index: 1 },
    })
    const cut = await embedderWith({ tooLong: 'truncate' }).embed(wanted, passage)
    expectVectors(cut, ['short', 'y'.repeat(38), 'also short'])
  })

  it('never cuts a character in two', async () => {
    refusing((text) => text.length > 5, 'input is too long')
    await embedderWith({ tooLong: 'truncate' }).embed(['😀'.repeat(20)], passage)
    expect(server.requests.every(({ body }) => body.input.every((text) => text.isWellFormed()))).toBe(true)
  })

  it('divides what is too large together', async () => {
    const answer = good()
    server.standard = (request, response) =>
      request.body.input.length > 2 ? json(413, {})(request, response) : answer(request, response)
    const wanted = texts(7)
    expectVectors(await embedderWith().embed(wanted, passage), wanted)
  })

  const silent: Answer = () => undefined
  const cut: Answer = (_request, response) => response.destroy()
  it.each([
    ['500', json(500, { error: 'unsupported value: NaN' })],
    ['502', json(502, {})],
    ['an answer that is cut', cut],
    ['a page', ((_request, response) => response.end('<html>')) satisfies Answer],
    ['another dimension', good(undefined, 9)],
    ['a vector of nothing', json(200, { data: [{ index: 0, embedding: [] }] })],
    ['too few vectors', good((items) => items.slice(1))],
  ])('finds the one that is answered with %s, and takes nothing else for an outage', async (_what, bad) => {
    const answer = good()
    server.standard = (request, response) => (request.body.input.includes('bad') ? bad : answer)(request, response)
    const embedder = embedderWith({ batchSize: 16 })
    for (let round = 0; round < 4; round++) {
      expect(await failureOf(embedder.embed([...texts(9), 'bad', ...texts(5)], passage))).toMatchObject({
        code: 'HW_EMBEDDER_FAILED',
        retryable: false,
        details: { index: 9 },
      })
      // No circuit has opened, nobody waits.
      expectVectors(await embedder.embed(texts(3), passage), texts(3))
    }
    expect(clock.timers.size).toBe(0)
  })

  it('finds the one that is never answered', async () => {
    const answer = good()
    server.standard = (request, response) => (request.body.input.includes('bad') ? silent : answer)(request, response)
    const work = failureOf(embedderWith({ attemptTimeoutMs: 12_000 }).embed(['a', 'bad'], passage))
    for (let asked = 1; asked <= 3; asked++) {
      const bad = () => server.requests.filter(({ body }) => body.input.includes('bad'))
      await vi.waitFor(() => expect(bad()).toHaveLength(asked))
      await clock.pass(12_000)
    }
    expect(await work).toMatchObject({ code: 'HW_EMBEDDER_FAILED', details: { index: 1 } })
  })

  it.each([
    ['500', json(500, {}), 'HW_UNAVAILABLE'],
    ['503', json(503, {}), 'HW_UNAVAILABLE'],
    ['cuts', cut, 'HW_UNAVAILABLE'],
    ['pages', ((_request, response) => response.end('<html>')) satisfies Answer, 'HW_EMBEDDER_FAILED'],
  ])('%s for every text blame none', async (_what, answer, code) => {
    server.standard = answer
    const error = await failureOf(embedderWith({ retry: { maxAttempts: 1 } }).embed(texts(8), passage))
    expect(error).toMatchObject({ code, retryable: true })
    expect(error['details'] ?? {}).not.toHaveProperty('index')
    expect(server.requests.filter(({ body }) => body.input.length === 8)).toHaveLength(1)
  })

  it.each([
    [
      '413 of text-embeddings-inference',
      413,
      { error: 'Input validation error: `inputs` must have less than 512 tokens. Given: 900' },
    ],
    ['413 without a word', 413, {}],
    [
      '500 of llama.cpp',
      500,
      {
        error: {
          code: 500,
          message:
            'input (900 tokens) is too large to process. increase the physical batch size (current batch size: 512)',
        },
      },
    ],
  ])('cuts a text that is too long by %s', async (_what, status, body) => {
    const answer = good()
    server.standard = (request, response) =>
      (request.body.input.some((text) => text.length > 512) ? json(status, body) : answer)(request, response)
    const wanted = ['short', 'y'.repeat(900)]
    expect(await failureOf(embedderWith().embed(wanted, passage))).toMatchObject({
      code: 'HW_LIMIT_EXCEEDED',
      details: { index: 1 },
    })
    expect(await embedderWith({ tooLong: 'truncate' }).embed(wanted, passage)).toHaveLength(2)
  })

  it('blames no text for a model that the server does not know', async () => {
    server.standard = json(400, { error: { message: 'no such model', param: 'model' } })
    expect(await failureOf(embedderWith().embed(texts(4), passage))).toMatchObject({
      code: 'HW_INVALID_OPTIONS',
      path: 'embedders.mine.http.model',
    })
    expect(server.requests).toHaveLength(1)
  })
})

describe('a chain of endpoints', () => {
  it('asks the next when one is away, hangs or talks nonsense, and not for a text that is refused', async () => {
    const away = embedderWith({ baseUrl: 'http://127.0.0.1:1', retry: { maxAttempts: 1 } })
    const other = embedderWith()
    const chainOf = (first: HttpEmbedder) => new FallbackEmbedder([first, other], { patienceMs: 777, clock })
    expectVectors(await chainOf(away).embed(['a'], passage), ['a'])
    const chain = chainOf(embedderWith())
    server.next.push(json(200, { data: [] }))
    expectVectors(await chain.embed(['ab'], passage), ['ab'])
    server.next.push(() => undefined)
    const work = chain.embed(['abc'], passage)
    await vi.waitFor(() => expect(server.requests.at(-1)!.body.input).toEqual(['abc']))
    await clock.pass(777)
    expectVectors(await work, ['abc'])
    const before = server.requests.length
    server.next.push(json(400, { error: { message: 'invalid' } }))
    expect(await failureOf(chain.embed(['abcd'], passage))).toMatchObject({ details: { index: 0 } })
    expect(server.requests).toHaveLength(before + 1)
  })
})

describe('the key', () => {
  it.each([401, 403])('is refused by %i: HW_UNAUTHORIZED, once, without the key in anything', async (status) => {
    server.next.push(
      json(status, { error: { message: `Incorrect API key provided: ${key}`, code: 'invalid_api_key' } }),
    )
    const embedder = embedderWith({ headers: { 'x-proxy-key': 'another-secret' } })
    const error = await failureOf(embedder.embed(['a'], passage))
    expect(error).toMatchObject({ code: 'HW_UNAUTHORIZED', message: expect.stringContaining('[secret]') })
    expect(server.requests).toHaveLength(1)
    expect(server.requests[0]!.headers['x-proxy-key']).toBe('another-secret')
    expect(told(error) + told(embedder)).not.toMatch(/sk-very|another-secret/)
  })

  it('is in no error of any failure', async () => {
    const embedder = embedderWith({ retry: { maxAttempts: 1 } })
    const errors: unknown[] = []
    for (const answer of [
      json(500, `key ${key}`),
      json(400, { error: { message: key } }),
      json(200, key),
      ((_request, response) => response.end(`<p>${key}`)) satisfies Answer,
      json(200, { data: [{ index: key, embedding: [] }] }),
    ]) {
      server.standard = answer
      errors.push(await failureOf(embedder.embed(['a'], passage)))
    }
    errors.push(
      await failureOf(embedderWith({ baseUrl: 'http://127.0.0.1:1', retry: { maxAttempts: 1 } }).embed(['a'], passage)),
    )
    expect(errors).toHaveLength(6)
    expect(told(errors)).not.toContain('sk-very')
  })

  it('is not sent over plain http to another host unless told', () => {
    const baseUrl = 'http://models.example/v1'
    expect(() => embedderWith({ baseUrl })).toThrow(/embedders\.mine\.http\.apiKey: is not sent over plain http/)
    for (const options of [
      { baseUrl, allowInsecure: true },
      { baseUrl, apiKey: undefined },
      { baseUrl: 'https://models.example/v1' },
      { baseUrl: 'http://[::1]:9/v1' },
      { baseUrl: 'http://localhost:9/v1', apiKey: new Secret(key) },
    ]) {
      expect(embedderWith(options).dimensions).toBe(8)
    }
  })

  it.each([
    [{ apiKey: `two\nlines ${key}` }, 'apiKey'],
    [{ headers: { 'x-a': `${key}\r\n` } }, 'headers.x-a'],
    [{ baseUrl: `https://user:${key}@host/v1` }, 'baseUrl'],
    [{ dimensions: undefined }, 'dimensions'],
    [{ dimensions: 0 }, 'dimensions'],
    [{ model: '' }, 'model'],
    [{ batchSize: 0 }, 'batchSize'],
    [{ timeoutMs: 1.5 }, 'timeoutMs'],
    [{ tooLong: 'ignore' }, 'tooLong'],
    [{ pricePerMillionTokens: -1 }, 'pricePerMillionTokens'],
    [{ baseUrl: 'ftp://host' }, 'baseUrl'],
  ])('options: %j is refused by path, the key untold', (options, name) => {
    let error: unknown
    try {
      embedderWith(options as Partial<HttpEmbedderOptions>)
    } catch (cause) {
      error = cause
    }
    expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS', path: `embedders.mine.http.${name}` })
    expect(told(error)).not.toContain('sk-very')
  })

  it('is needed for OpenAI itself', () => {
    expect(() => embedderOf({ openai: {} })).toThrow(/embedder\.openai\.apiKey: is needed/)
  })
})

/** All that logs could show of a value. */
function told(value: unknown): string {
  const deep = { depth: 20, showHidden: true, getters: true } as const
  const stack = value instanceof Error ? `${value.stack}` : ''
  return [inspect(value, deep), JSON.stringify(value), String(value), stack].join('\n')
}
