import type { IncomingMessage } from 'node:http'
import { urlToHttpOptions } from 'node:url'
import { HeadwaterError } from '../../core/errors'
import { redactUrl } from '../../core/secret'
import { KeptConnections } from '../../resilience/kept-connections'
import type { ResolvedHttpOptions } from './options'

export interface HttpReply {
  readonly status: number
  readonly text: string
  readonly headers: IncomingMessage['headers']
}

/** Posts JSON over connections of its own. */
export class EmbeddingsTransport {
  readonly #options: ResolvedHttpOptions
  readonly #connections: KeptConnections

  constructor(options: ResolvedHttpOptions) {
    const { url, concurrency, idleTimeoutMs } = options
    this.#options = options
    const what = `Cannot reach ${redactUrl(url.href)}`
    this.#connections = new KeptConnections({
      secure: url.protocol === 'https:',
      pool: { maxSockets: concurrency, timeout: idleTimeoutMs },
      what,
      closedMessage: `${what}: the embedder is closed`,
    })
  }

  /** Sockets open now. */
  get sockets(): number {
    return this.#connections.sockets
  }

  /** The answer, of `maxBytes` at most: a larger one is cut off (HW_EMBEDDER_FAILED). */
  post(body: unknown, maxBytes: number, signal: AbortSignal): Promise<HttpReply> {
    const { url, apiKey, headers } = this.#options
    const bytes = Buffer.from(JSON.stringify(body))
    const message = {
      ...urlToHttpOptions(url),
      method: 'POST',
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        ...(apiKey && { authorization: `Bearer ${apiKey.reveal()}` }),
        ...Object.fromEntries([...headers].map(([name, value]) => [name, value.reveal()])),
        'content-type': 'application/json',
        'content-length': String(bytes.byteLength),
      },
      body: bytes,
    }
    return this.#connections.exchange(message, true, signal, (response) => this.#read(response, maxBytes, signal))
  }

  /** Cuts off what runs and closes every connection. */
  destroy(): void {
    this.#connections.destroy()
  }

  async #read(response: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<HttpReply> {
    const chunks: Buffer[] = []
    let size = 0
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.byteLength
        // Leaving the loop destroys the response and its connection.
        if (size > maxBytes) throw this.#tooLarge(maxBytes)
        chunks.push(chunk)
      }
    } catch (error) {
      throw this.#connections.failure(error, signal)
    }
    return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString(), headers: response.headers }
  }

  #tooLarge(maxBytes: number): HeadwaterError {
    return new HeadwaterError(
      'HW_EMBEDDER_FAILED',
      `${redactUrl(this.#options.url.href)} answered with more than the ${maxBytes} bytes that its vectors can take`,
      { retryable: false, details: { limit: maxBytes } },
    )
  }
}
