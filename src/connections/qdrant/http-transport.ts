import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { abortError, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { classifyNetwork, codeOf, messageOf } from '../../resilience/classify-network'
import { operations, pathOf, type QdrantReply, type QdrantRequest, type QdrantTransport } from './operations'
import type { ResolvedQdrantOptions } from './options'

/** What Qdrant takes; beyond it a request fails in ways that look like an outage. */
const maxBodyBytes = 32 * 2 ** 20
/** Connections found dead in a row before a failure counts. */
const staleConnections = 3

interface Message {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: Buffer | AsyncIterable<Uint8Array> | undefined
}

/**
 * Qdrant over node:http rather than through its client, which takes no signal per call, no certificate authority and
 * no more than one digit of a Retry-After, and whose connections nobody can close (docs/qdrant.md).
 */
export class HttpTransport implements QdrantTransport {
  readonly #base: URL
  readonly #what: string
  readonly #agent: HttpAgent
  readonly #headers: Readonly<Record<string, string>>
  readonly #apiKey: ResolvedQdrantOptions['apiKey']
  readonly #running = new Set<ClientRequest>()
  #destroyed = false

  constructor(base: URL, options: ResolvedQdrantOptions) {
    this.#base = base
    this.#what = `Cannot reach Qdrant at ${base.href.replace(/\/$/, '')}`
    this.#apiKey = options.apiKey
    // Compressed answers cost 40 ms each: identity.
    this.#headers = { ...options.headers, accept: 'application/json', 'accept-encoding': 'identity' }
    const { ca, cert, key, serverName, verify } = options.tls
    const pool = {
      keepAlive: true,
      maxSockets: options.maxConnections,
      maxFreeSockets: options.maxConnections,
      timeout: options.idleTimeoutMs,
      scheduling: 'lifo',
    } as const
    this.#agent =
      base.protocol === 'https:'
        ? new HttpsAgent({
            ...pool,
            ...(ca !== undefined && { ca: Array.isArray(ca) ? [...ca] : (ca as string | Buffer) }),
            ...(cert !== undefined && { cert }),
            ...(key !== undefined && { key }),
            ...(serverName !== undefined && { servername: serverName }),
            rejectUnauthorized: verify ?? true,
          })
        : new HttpAgent(pool)
  }

  get sockets(): number {
    const count = (lists: NodeJS.ReadOnlyDict<unknown[]>) => Object.values(lists).flat().length
    return count(this.#agent.sockets) + count(this.#agent.freeSockets)
  }

  async send(request: QdrantRequest, signal: AbortSignal): Promise<QdrantReply> {
    const [method] = operations[request.operation]
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
    if (body !== undefined && body.byteLength > maxBodyBytes) {
      throw new HeadwaterError(
        'HW_LIMIT_EXCEEDED',
        `qdrant: a request of ${body.byteLength} bytes is above the ${maxBodyBytes} that the server takes`,
        { path: 'qdrant', details: { bytes: body.byteLength, limit: maxBodyBytes } },
      )
    }
    const message = { method, path: pathOf(request), body }
    return this.#fresh(request.operation !== 'createSnapshot', message, signal)
  }

  /** The bytes of a file; the caller reads them to the end or destroys the stream. */
  async download(path: string, signal: AbortSignal): Promise<IncomingMessage | QdrantReply> {
    const response = await this.#open({ method: 'GET', path }, signal, () => {})
    if (response.statusCode === 200) return response
    return this.#reply(response, signal)
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
    const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
    return this.#exchange({ method: 'POST', path, headers, body: form() }, signal, () => {})
  }

  destroy(): void {
    this.#destroyed = true
    for (const request of this.#running) request.destroy()
    this.#agent.destroy()
  }

  /** Sends again, at once, what met a connection that the server was just closing. */
  async #fresh(repeatable: boolean, message: Message, signal: AbortSignal): Promise<QdrantReply> {
    for (let stale = 0; ; stale++) {
      let reused = false
      try {
        return await this.#exchange(message, signal, (request) => {
          reused = request.reusedSocket
        })
      } catch (error) {
        const network = error instanceof HeadwaterError ? error.details?.['network'] : undefined
        const died = reused && (network === 'ECONNRESET' || network === 'EPIPE')
        if (!repeatable || !died || stale >= staleConnections || signal.aborted) throw error
      }
    }
  }

  async #exchange(
    message: Message,
    signal: AbortSignal,
    failed: (request: ClientRequest) => void,
  ): Promise<QdrantReply> {
    return this.#reply(await this.#open(message, signal, failed), signal)
  }

  /** Settles once the head of the answer is there; a later abort destroys what is still being read. */
  async #open(
    message: Message,
    signal: AbortSignal,
    failed: (request: ClientRequest) => void,
  ): Promise<IncomingMessage> {
    throwIfAborted(signal)
    if (this.#destroyed) throw this.#closed()
    return new Promise((resolve, reject) => {
      const { body } = message
      const json = Buffer.isBuffer(body) ? { 'content-type': 'application/json' } : {}
      const request = (this.#base.protocol === 'https:' ? httpsRequest : httpRequest)({
        agent: this.#agent,
        hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
        port: this.#base.port,
        method: message.method,
        path: this.#base.pathname.replace(/\/$/, '') + message.path,
        headers: {
          ...this.#headers,
          ...json,
          ...message.headers,
          ...(Buffer.isBuffer(body) && { 'content-length': String(body.byteLength) }),
          ...(this.#apiKey && { 'api-key': this.#apiKey.reveal() }),
        },
      })
      const abort = (): void => {
        request.destroy(abortError(signal))
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#running.add(request)
      request.on('close', () => {
        signal.removeEventListener('abort', abort)
        this.#running.delete(request)
      })
      request.on('response', resolve)
      request.on('error', (error) => {
        if (!signal.aborted) failed(request)
        reject(this.#failure(error, signal))
      })
      if (body === undefined || Buffer.isBuffer(body)) request.end(body)
      else void pour(body, request)
    })
  }

  async #reply(response: IncomingMessage, signal: AbortSignal): Promise<QdrantReply> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer)
    } catch (error) {
      throw this.#failure(error, signal)
    }
    const text = Buffer.concat(chunks).toString()
    return { status: response.statusCode ?? 0, data: parsed(text), retryAfter: response.headers['retry-after'] }
  }

  #closed(cause?: unknown): HeadwaterError {
    return new HeadwaterError('HW_CLOSED', `${this.#what}: the connection was destroyed`, { cause })
  }

  #failure(error: unknown, signal: AbortSignal): HeadwaterError {
    if (signal.aborted) return abortError(signal)
    if (this.#destroyed) return this.#closed(error)
    const known = classifyNetwork(error, this.#what)
    if (known) return known
    // What the HTTP parser could not read.
    return new HeadwaterError('HW_UNAVAILABLE', `${this.#what}: ${messageOf(error)}`, {
      cause: error,
      details: { network: codeOf(error) ?? 'unknown' },
    })
  }
}

async function pour(bytes: AsyncIterable<Uint8Array>, request: ClientRequest): Promise<void> {
  try {
    for await (const chunk of bytes) {
      if (request.destroyed) return
      if (!request.write(chunk)) await new Promise((resolve) => request.once('drain', resolve).once('close', resolve))
    }
    request.end()
  } catch (error) {
    request.destroy(error instanceof Error ? error : undefined)
  }
}

/** JSON as what it says; the plain text of a proxy or of a refused key as it is. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
