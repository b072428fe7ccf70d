import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { QdrantConnection } from '../../src/connections/qdrant/connection'
import { S3Connection } from '../../src/connections/s3/connection'
import type { Clock } from '../../src/core/clock'
import type { ErrorCode } from '../../src/core/errors'
import { HttpEmbedder } from '../../src/embeddings/http/embedder'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { QdrantVectorRepository } from '../../src/repositories/qdrant/vectors'
import { type ScriptedAnswer, ScriptedHttp, type ScriptedRequest } from '../support/scripted-http'

const startedAt = Date.UTC(2026, 0, 1)
/** Longer waits than this are deadlines; the shortest is the 10 s of an embedder's easy text. */
const longestWait = 9_500

/** Waits pass at once, and are noted; deadlines never come. */
class NotingClock implements Clock {
  readonly waits: number[] = []
  #elapsed = 0
  now = (): number => startedAt + this.#elapsed
  monotonic = (): number => this.#elapsed
  timer(ms: number, fire: () => void): () => void {
    if (ms > longestWait) return () => undefined
    const handle = setImmediate(() => {
      this.waits.push(ms)
      this.#elapsed += ms
      fire()
    })
    return () => clearImmediate(handle)
  }
}

const random = { next: () => 0.5, bytes: (n: number) => new Uint8Array(n) }
/** A wait of its own is half of this: 50 ms. */
const policy = { retry: { maxAttempts: 2, baseMs: 100, maxMs: 100 }, breaker: { minimumCalls: 3 } }
const timeoutMs = 60_000

interface Caller {
  /** A read, which may be repeated. */
  read(): Promise<unknown>
  /** What may not be repeated, where the client has such calls. */
  readonly once?: () => Promise<unknown>
  close(): Promise<void>
}

interface Row {
  readonly code: ErrorCode
  /** What the error says of itself; whether a read is sent twice follows from it unless `sent` says otherwise. */
  readonly retryable: boolean
  readonly retryAfterMs?: number
  readonly sent?: number
  /** Whether each failure is followed by an easy text, which tells a text that the server fails on from an outage. */
  readonly doubtful?: boolean
  /** Whether it speaks against the server: then the circuit opens after some of them. */
  readonly opens?: boolean
}

interface HttpClient {
  readonly name: string
  open(url: string, clock: Clock): Caller
  /** What the client asks before its first call; undefined for the calls themselves. */
  greet?(request: ScriptedRequest): ScriptedAnswer | undefined
  /** The body of a refusal. */
  refusal(status: number): unknown
  /** 200, and JSON or XML, but not what was asked for. */
  readonly misshapen: unknown
  readonly rows: Readonly<Record<AnswerName, Row>>
}

const inSeconds = { 'retry-after': '7' }
/** Stands for a date nine seconds from the answer. */
const byDate = { 'retry-after': 'later' }
const html = '<html><body>Bad gateway</body></html>'
const answers = {
  '429': { status: 429 },
  '429 for 7 s': { status: 429, headers: inSeconds },
  '429 until a date': { status: 429, headers: byDate },
  '503': { status: 503 },
  '503 for 7 s': { status: 503, headers: inSeconds },
  '503 until a date': { status: 503, headers: byDate },
  '401': { status: 401 },
  '403': { status: 403 },
  '408': { status: 408 },
  '413': { status: 413 },
  '500': { status: 500 },
  '502 with a page': { status: 502, headers: { 'content-type': 'text/html' }, body: html },
  '200 with half of the answer': { status: 200, body: '{"data": [{"ind' },
  '200 of another shape': { status: 200 },
} satisfies Record<string, ScriptedAnswer>
type AnswerName = keyof typeof answers

const denied: Row = { code: 'HW_UNAUTHORIZED', retryable: false }
const away: Row = { code: 'HW_UNAVAILABLE', retryable: true, opens: true }
const late: Row = { code: 'HW_TIMEOUT', retryable: true }
const large: Row = { code: 'HW_LIMIT_EXCEEDED', retryable: false }
const busy: Row = { code: 'HW_OVERLOADED', retryable: true }

const index = { name: 'things', dimensions: 2, language: 'english' }

const qdrant: HttpClient = {
  name: 'Qdrant',
  open(url, clock) {
    const connection = new QdrantConnection({ url, ...policy, timeoutMs }, { clock, random })
    const vectors = new QdrantVectorRepository(connection)
    return {
      read: () => vectors.read({ ...index, fingerprint: 'f' } as never, ['x']),
      once: () => connection.call({ operation: 'updateAliases', body: {} }, { idempotent: false }),
      close: () => connection.close(),
    }
  },
  greet: ({ url }) => (url === '/' ? { body: { version: '1.16.3' } } : undefined),
  refusal: (status) => ({ status: { error: `refused with ${status}` } }),
  misshapen: { result: { points: 7 } },
  rows: {
    // Without a time the call alone is above what is allowed.
    '429': { ...busy, retryable: false },
    '429 for 7 s': { ...busy, retryAfterMs: 7_000 },
    '429 until a date': { ...busy, retryAfterMs: 9_000 },
    '503': away,
    '503 for 7 s': { ...away, retryAfterMs: 7_000 },
    '503 until a date': { ...away, retryAfterMs: 9_000 },
    '401': denied,
    '403': denied,
    '408': late,
    '413': large,
    '500': { code: 'HW_DATABASE', retryable: true },
    '502 with a page': away,
    '200 with half of the answer': away,
    // Known by who reads it, after the call.
    '200 of another shape': { ...away, sent: 1, opens: false },
  },
}

const elasticsearch: HttpClient = {
  name: 'Elasticsearch',
  open(url, clock) {
    const connection = new ElasticsearchConnection({ url, ...policy, timeoutMs }, { clock, random })
    const texts = new ElasticsearchTextRepository(connection, { analysis: 'library' })
    return {
      read: () => texts.read(index, ['x']),
      once: () => connection.request({ method: 'POST', path: '/once' }, { idempotent: false }),
      close: () => connection.close(),
    }
  },
  greet: ({ url }) => (url.startsWith('/_nodes') ? { body: { nodes: { a: { version: '8.19.0' } } } } : undefined),
  refusal: (status) => ({ error: { type: 'some_exception', reason: `refused with ${status}` }, status }),
  misshapen: { hits: 7 },
  rows: {
    '429': away,
    '429 for 7 s': { ...away, retryAfterMs: 7_000 },
    '429 until a date': { ...away, retryAfterMs: 9_000 },
    '503': away,
    '503 for 7 s': { ...away, retryAfterMs: 7_000 },
    '503 until a date': { ...away, retryAfterMs: 9_000 },
    '401': denied,
    '403': denied,
    '408': late,
    '413': large,
    '500': { code: 'HW_DATABASE', retryable: false },
    '502 with a page': away,
    '200 with half of the answer': away,
    // Of two requests, one that refreshes the index.
    '200 of another shape': { ...away, sent: 2, opens: false },
  },
}

const s3Codes: Readonly<Record<number, string>> = {
  401: 'InvalidAccessKeyId',
  403: 'AccessDenied',
  408: 'RequestTimeout',
  413: 'EntityTooLarge',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'SlowDown',
}
const s3: HttpClient = {
  name: 'S3',
  open(url, clock) {
    const keys = { accessKey: 'me', secretKey: 'hidden' }
    const connection = new S3Connection(
      { endpoint: url, ...keys, ...policy, requestTimeoutMs: timeoutMs },
      { clock, random },
    )
    return {
      read: () => connection.call('list', (client) => client.listObjectsV2Query('bucket', '', '', '', 10, '')),
      once: () => connection.call('put', (client) => client.makeBucket('bucket'), { idempotent: false }),
      close: () => connection.close(),
    }
  },
  refusal: (status) => `<Error><Code>${s3Codes[status]}</Code><Message>refused with ${status}</Message></Error>`,
  misshapen: '<Surprise><Number>7</Number></Surprise>',
  rows: {
    '429': busy,
    '429 for 7 s': { ...busy, retryAfterMs: 7_000 },
    // A date is not taken for a time to wait here.
    '429 until a date': busy,
    '503': away,
    '503 for 7 s': { ...away, retryAfterMs: 7_000 },
    '503 until a date': away,
    '401': denied,
    '403': denied,
    '408': away,
    '413': large,
    '500': away,
    '502 with a page': away,
    '200 with half of the answer': away,
    '200 of another shape': away,
  },
}

const embedder: HttpClient = {
  name: 'HTTP embedder',
  open(url, clock) {
    const options = { baseUrl: `${url}/v1`, model: 'm', dimensions: 8, ...policy, timeoutMs }
    const made = new HttpEmbedder(options, 'embedder.http', { clock, random })
    return { read: () => made.embed(['a', 'b'], { kind: 'passage' }), close: () => made.close() }
  },
  refusal: (status) => ({ error: { message: `refused with ${status}` } }),
  misshapen: { data: 7 },
  rows: {
    '429': busy,
    '429 for 7 s': { ...busy, retryAfterMs: 7_000 },
    '429 until a date': { ...busy, retryAfterMs: 9_000 },
    '503': away,
    '503 for 7 s': { ...away, retryAfterMs: 7_000 },
    '503 until a date': { ...away, retryAfterMs: 9_000 },
    '401': denied,
    '403': denied,
    '408': late,
    // Halved until it is one text.
    '413': { ...large, sent: 2 },
    '500': { ...away, doubtful: true },
    '502 with a page': { ...away, doubtful: true },
    '200 with half of the answer': { code: 'HW_EMBEDDER_FAILED', retryable: true, doubtful: true },
    '200 of another shape': { code: 'HW_EMBEDDER_FAILED', retryable: false, doubtful: true },
  },
}

/** A request of the embedder's own, beside the texts of the call. */
function isEasy({ body }: ScriptedRequest): boolean {
  return /"input":\["headwater"\]/.test(String(body))
}

const cases = [qdrant, elasticsearch, s3, embedder].flatMap((client) =>
  (Object.keys(answers) as AnswerName[]).map((name) => ({ client, what: client.name, name, row: client.rows[name] })),
)

describe('what a server may answer', () => {
  let server: ScriptedHttp
  let clock: NotingClock
  let caller: Caller
  let sent: ScriptedRequest[]
  beforeEach(async () => {
    server = await ScriptedHttp.start()
    clock = new NotingClock()
    sent = []
  })
  afterEach(async () => {
    await caller.close()
    await server.close()
  })

  function answerWith(client: HttpClient, name: AnswerName): void {
    const answer: ScriptedAnswer = answers[name]
    server.answer = (request) => {
      const greeting = client.greet?.(request)
      if (greeting) return greeting
      sent.push(request)
      const later = answer.headers === byDate && { 'retry-after': new Date(clock.now() + 9_000).toUTCString() }
      return {
        ...answer,
        ...(later && { headers: later }),
        body: answer.body ?? (answer.status === 200 ? client.misshapen : client.refusal(answer.status!)),
      }
    }
    caller = client.open(server.url, clock)
  }

  it.each(cases)('$what: $name', async ({ client, name, row }) => {
    answerWith(client, name)
    const { code, retryable, retryAfterMs, opens = false, doubtful = false } = row
    const error: unknown = await caller.read().catch((caught: unknown) => caught)
    expect(error).toMatchObject({ name: 'HeadwaterError', code, retryable, retryAfterMs })
    if (!name.startsWith('200')) expect(error).toHaveProperty('cause')
    expect(String(error)).not.toMatch(/undefined|\[object/)
    const attempts = row.sent ?? (retryable ? 2 : 1)
    expect(sent.map(isEasy)).toEqual(
      Array.from({ length: attempts }, () => (doubtful ? [false, true] : [false])).flat(),
    )
    if (retryable && row.sent === undefined) expect(clock.waits).toEqual([retryAfterMs ?? 50])
    if (caller.once && !name.startsWith('200')) {
      sent.length = 0
      await expect(caller.once()).rejects.toMatchObject({ code })
      expect(sent).toHaveLength(1)
    }
    const codes: unknown[] = []
    for (let call = 0; call < 4; call++)
      codes.push(await caller.read().catch((caught: { code: string }) => caught.code))
    expect(codes.at(-1)).toBe(opens ? 'HW_CIRCUIT_OPEN' : code)
  })
})
