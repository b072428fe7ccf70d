import { Readable } from 'node:stream'
import type { Agent, Dispatcher } from 'undici'
import { abortable, abortError, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { Lazy } from '../../core/lifecycle'
import { codeOf, errorChain, messageOf } from '../../resilience/classify-network'
import { answerOf, argumentsOf, asked } from './client-transport'
import { type OwnQdrantClient, openClient } from './driver'
import type { QdrantReply, QdrantRequest, QdrantTransport } from './operations'
import type { ResolvedQdrantOptions } from './options'

/** Connections found dead in a row before a failure counts. */
const staleConnections = 3
const dead = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/** Requests by the official client, and files over the same connections, which the client cannot carry. */
export class UrlTransport implements QdrantTransport {
  readonly #base: URL
  readonly #options: ResolvedQdrantOptions
  /** Begins the message of a failure. */
  readonly #what: string
  readonly #own: Lazy<OwnQdrantClient>
  #opened: OwnQdrantClient | undefined
  #destroyed = false

  constructor(base: URL, options: ResolvedQdrantOptions) {
    this.#base = base
    this.#options = options
    this.#what = `Cannot reach Qdrant at ${base.href.replace(/\/$/, '')}`
    this.#own = new Lazy(async () => {
      this.#opened = await openClient(base, options)
      if (this.#destroyed) this.destroy()
      return this.#opened
    })
  }

  get sockets(): number {
    return this.#opened?.sockets.size ?? 0
  }

  async send(request: QdrantRequest, signal: AbortSignal): Promise<QdrantReply> {
    const { client, agent } = await this.#open(signal)
    const repeatable = request.operation !== 'createSnapshot'
    const written = request.written?.()
    const given = argumentsOf(written ? { ...request, body: undefined } : request)
    for (let stale = 0; ; stale++) {
      const watch = new RequestConnections(agent, written)
      try {
        const init = { ...asked, signal, dispatcher: watch }
        const { status, data } = await client.api()[request.operation](given, init)
        return { status, data }
      } catch (error) {
        if (signal.aborted) throw abortError(signal)
        if (repeatable && stale < staleConnections && metClosing(error) && !this.#destroyed) continue
        throwIfAborted(signal)
        return this.#answer(error, watch)
      }
    }
  }

  /** The bytes of a file; the caller reads them to the end or destroys the stream. */
  async download(path: string, signal: AbortSignal): Promise<Readable | QdrantReply> {
    const { statusCode, body, headers: fields } = await this.#request({ path, method: 'GET' }, signal)
    if (statusCode === 200) return body
    return { status: statusCode, data: parsed(await body.text()), retryAfter: textOf(fields['retry-after']) }
  }

  /** Streams one file as the field `snapshot` of a form. */
  async upload(path: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<QdrantReply> {
    const boundary = 'headwater-snapshot-8d1f4c0b7a92e6'
    const form = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from(
        `--${boundary}\r\ncontent-disposition: form-data; name="snapshot"; filename="restore.snapshot"\r\n` +
          'content-type: application/octet-stream\r\n\r\n',
      )
      yield* bytes
      yield Buffer.from(`\r\n--${boundary}--\r\n`)
    }
    const type = { 'content-type': `multipart/form-data; boundary=${boundary}` }
    const message = { path, method: 'POST', headers: type, body: Readable.from(form()) } as const
    const { statusCode, body, headers: fields } = await this.#request(message, signal)
    return { status: statusCode, data: parsed(await body.text()), retryAfter: textOf(fields['retry-after']) }
  }

  destroy(): void {
    this.#destroyed = true
    // Rejects what runs; what it answers itself tells nothing more.
    for (const agent of [this.#opened?.agent, this.#opened?.files]) void agent?.destroy(this.#closed()).catch(() => {})
    for (const socket of this.#opened?.sockets ?? []) socket.destroy()
  }

  async #open(signal: AbortSignal): Promise<OwnQdrantClient> {
    throwIfAborted(signal)
    if (this.#destroyed) throw this.#closed()
    return this.#opened ?? abortable(this.#own.get(), signal)
  }

  async #request(
    {
      path,
      headers: more,
      ...message
    }: Pick<Dispatcher.RequestOptions, 'path' | 'method' | 'body'> & {
      readonly headers?: Readonly<Record<string, string>>
    },
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const { files } = await this.#open(signal)
    const { apiKey, headers: own } = this.#options
    try {
      return await files.request({
        ...message,
        origin: this.#base.origin,
        path: this.#base.pathname.replace(/\/$/, '') + path,
        headers: { ...own, ...asked.headers, ...more, ...(apiKey && { 'api-key': apiKey.reveal() }) },
        signal,
      })
    } catch (error) {
      throwIfAborted(signal)
      this.#answer(error)
      throw error
    }
  }

  #answer(error: unknown, watch?: RequestConnections): QdrantReply {
    if (this.#destroyed) throw this.#closed(error)
    if (errorChain(error).some((link) => codeOf(link) === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')) {
      throw new HeadwaterError('HW_UNAVAILABLE', `${this.#what}: the answer is larger than qdrant.maxAnswerBytes`, {
        retryable: false,
        cause: error,
      })
    }
    // The client cannot make an error of it where the header is a date.
    if (watch?.overloaded) return { status: 429, data: messageOf(error), retryAfter: watch.retryAfter }
    return answerOf(error, this.#what)
  }

  #closed(cause?: unknown): HeadwaterError {
    return new HeadwaterError('HW_CLOSED', `${this.#what}: the connection was destroyed`, { cause })
  }
}

/** What `fetch` gives to its connections, in the part that is heard here: until Node 24, and after it. */
interface Handler {
  onHeaders?(status: number, raw: readonly (Buffer | string)[], ...more: unknown[]): boolean
  onResponseStart?(controller: unknown, status: number, fields: Fields, ...more: unknown[]): void
}

type Fields = Readonly<Record<string, string | string[] | undefined>>

/**
 * The connections for one request. They listen for its Retry-After, since of that header the client passes on the first
 * digit, and send what is written already in place of the client's body: it would write each number as a double. All of
 * it that `fetch` uses is `dispatch`.
 */
class RequestConnections {
  overloaded = false
  retryAfter: string | undefined
  readonly #agent: Agent
  readonly #written: Uint8Array | undefined

  constructor(agent: Agent, written: Uint8Array | undefined) {
    this.#agent = agent
    this.#written = written
  }

  dispatch(options: Agent.DispatchOptions, handler: Handler): boolean {
    const heard: Handler = Object.create(handler)
    const { onHeaders, onResponseStart } = handler
    if (onHeaders) {
      heard.onHeaders = (status, raw, ...more) => {
        this.#hear(status, () => fieldOf('retry-after', raw))
        return onHeaders.call(heard, status, raw, ...more)
      }
    }
    if (onResponseStart) {
      heard.onResponseStart = (controller, status, fields, ...more) => {
        this.#hear(status, () => textOf(fields['retry-after']))
        onResponseStart.call(heard, controller, status, fields, ...more)
      }
    }
    const sent = this.#written ? withBody(options, this.#written) : options
    return this.#agent.dispatch(sent, heard as Dispatcher.DispatchHandlers)
  }

  #hear(status: number, retryAfter: () => string | undefined): void {
    this.overloaded = status === 429
    this.retryAfter = this.overloaded ? retryAfter() : undefined
  }
}

/** A length that did not fit would be refused before anything is sent. */
function withBody(options: Agent.DispatchOptions, body: Uint8Array): Agent.DispatchOptions {
  return { ...options, body, headers: { ...Object(options.headers), 'content-length': String(body.byteLength) } }
}

/** Names and values in turn. */
function fieldOf(name: string, raw: readonly (Buffer | string)[]): string | undefined {
  const at = raw.findIndex((text, i) => i % 2 === 0 && String(text).toLowerCase() === name)
  return at < 0 ? undefined : String(raw[at + 1])
}

/** True for a connection that had served before and was just being closed: that says nothing about the server. */
function metClosing(error: unknown): boolean {
  return errorChain(error).some((link) => {
    if (!dead.has(codeOf(link) ?? '')) return false
    const socket: unknown = Reflect.get(Object(link), 'socket')
    return Number(Reflect.get(Object(socket), 'bytesRead')) > 0
  })
}

/** JSON as what it says; the plain text of a proxy or of a refused key as it is. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
