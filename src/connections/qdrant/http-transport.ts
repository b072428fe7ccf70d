import type { IncomingMessage } from 'node:http'
import { HeadwaterError } from '../../core/errors'
import { KeptConnections, type KeptRequest } from '../../resilience/kept-connections'
import { operations, pathOf, type QdrantReply, type QdrantRequest, type QdrantTransport } from './operations'
import type { ResolvedQdrantOptions } from './options'

/** What Qdrant takes; beyond it a request fails in ways that look like an outage. */
const maxBodyBytes = 32 * 2 ** 20
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
  readonly #connections: KeptConnections
  readonly #headers: Readonly<Record<string, string>>
  readonly #apiKey: ResolvedQdrantOptions['apiKey']

  constructor(base: URL, options: ResolvedQdrantOptions) {
    this.#base = base
    this.#apiKey = options.apiKey
    // Compressed answers cost 40 ms each: identity.
    this.#headers = { ...options.headers, accept: 'application/json', 'accept-encoding': 'identity' }
    const { ca, cert, key, serverName, verify } = options.tls
    const what = `Cannot reach Qdrant at ${base.href.replace(/\/$/, '')}`
    this.#connections = new KeptConnections({
      secure: base.protocol === 'https:',
      pool: {
        maxSockets: options.maxConnections,
        maxFreeSockets: options.maxConnections,
        timeout: options.idleTimeoutMs,
        ...(ca !== undefined && { ca: Array.isArray(ca) ? [...ca] : (ca as string | Buffer) }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        ...(serverName !== undefined && { servername: serverName }),
        rejectUnauthorized: verify ?? true,
      },
      what,
      closedMessage: `${what}: the connection was destroyed`,
    })
  }

  get sockets(): number {
    return this.#connections.sockets
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
    const message = this.#message({ method, path: pathOf(request), body })
    const repeatable = request.operation !== 'createSnapshot'
    return this.#connections.exchange(message, repeatable, signal, (response) => this.#reply(response, signal))
  }

  /** The bytes of a file; the caller reads them to the end or destroys the stream. */
  async download(path: string, signal: AbortSignal): Promise<IncomingMessage | QdrantReply> {
    const response = await this.#connections.open(this.#message({ method: 'GET', path }), signal)
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
    const message = this.#message({ method: 'POST', path, headers, body: form() })
    return this.#reply(await this.#connections.open(message, signal), signal)
  }

  destroy(): void {
    this.#connections.destroy()
  }

  #message({ method, path, headers, body }: Message): KeptRequest {
    return {
      hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port,
      method,
      path: this.#base.pathname.replace(/\/$/, '') + path,
      headers: {
        ...this.#headers,
        ...(Buffer.isBuffer(body) && {
          'content-type': 'application/json',
          'content-length': String(body.byteLength),
        }),
        ...headers,
        ...(this.#apiKey && { 'api-key': this.#apiKey.reveal() }),
      },
      body,
    }
  }

  async #reply(response: IncomingMessage, signal: AbortSignal): Promise<QdrantReply> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer)
    } catch (error) {
      throw this.#connections.failure(error, signal)
    }
    const text = Buffer.concat(chunks).toString()
    return { status: response.statusCode ?? 0, data: parsed(text), retryAfter: response.headers['retry-after'] }
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
