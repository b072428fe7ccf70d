import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { abortError, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { redactUrl } from '../../core/secret'
import { classifyNetwork, codeOf, messageOf } from '../../resilience/classify-network'
import type { ResolvedHttpOptions } from './options'

export interface HttpReply {
  readonly status: number
  readonly text: string
  readonly headers: IncomingMessage['headers']
}

/** Connections found dead in a row before a failure counts. */
const staleConnections = 2

/** Posts JSON over kept connections of its own: not `fetch`, whose connections nobody can close. */
export class EmbeddingsTransport {
  readonly #url: URL
  readonly #what: string
  readonly #agent: HttpAgent
  readonly #options: ResolvedHttpOptions
  readonly #running = new Set<ClientRequest>()
  #destroyed = false

  constructor(options: ResolvedHttpOptions) {
    const { url, concurrency, idleTimeoutMs } = options
    this.#options = options
    this.#url = url
    this.#what = `Cannot reach ${redactUrl(url.href)}`
    const pool = { keepAlive: true, maxSockets: concurrency, timeout: idleTimeoutMs, scheduling: 'lifo' } as const
    this.#agent = url.protocol === 'https:' ? new HttpsAgent(pool) : new HttpAgent(pool)
  }

  /** Sockets open now. */
  get sockets(): number {
    const count = (lists: NodeJS.ReadOnlyDict<unknown[]>) => Object.values(lists).flat().length
    return count(this.#agent.sockets) + count(this.#agent.freeSockets)
  }

  /** The answer, of `maxBytes` at most: a larger one is cut off (HW_EMBEDDER_FAILED). */
  async post(body: unknown, maxBytes: number, signal: AbortSignal): Promise<HttpReply> {
    const bytes = Buffer.from(JSON.stringify(body))
    for (let stale = 0; ; stale++) {
      let reused = false
      try {
        const response = await this.#open(bytes, signal, (request) => {
          reused = request.reusedSocket
        })
        return await this.#read(response, maxBytes, signal)
      } catch (error) {
        // The server was just closing the connection: that says nothing about it, so it is asked again at once.
        const network = error instanceof HeadwaterError ? error.details?.['network'] : undefined
        const died = reused && (network === 'ECONNRESET' || network === 'EPIPE')
        if (!died || stale >= staleConnections || signal.aborted) throw error
      }
    }
  }

  /** Cuts off what runs and closes every connection. */
  destroy(): void {
    this.#destroyed = true
    for (const request of this.#running) request.destroy()
    this.#agent.destroy()
  }

  #open(bytes: Buffer, signal: AbortSignal, failed: (request: ClientRequest) => void): Promise<IncomingMessage> {
    throwIfAborted(signal)
    if (this.#destroyed) throw this.#closed()
    const { apiKey, headers } = this.#options
    return new Promise((resolve, reject) => {
      const request = (this.#url.protocol === 'https:' ? httpsRequest : httpRequest)(this.#url, {
        agent: this.#agent,
        method: 'POST',
        headers: {
          accept: 'application/json',
          'accept-encoding': 'identity',
          ...(apiKey && { authorization: `Bearer ${apiKey.reveal()}` }),
          ...Object.fromEntries([...headers].map(([name, value]) => [name, value.reveal()])),
          'content-type': 'application/json',
          'content-length': String(bytes.byteLength),
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
      request.end(bytes)
    })
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
      throw this.#failure(error, signal)
    }
    return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString(), headers: response.headers }
  }

  #tooLarge(maxBytes: number): HeadwaterError {
    return new HeadwaterError(
      'HW_EMBEDDER_FAILED',
      `${redactUrl(this.#url.href)} answered with more than the ${maxBytes} bytes that its vectors can take`,
      { retryable: false, details: { limit: maxBytes } },
    )
  }

  #closed(cause?: unknown): HeadwaterError {
    return new HeadwaterError('HW_CLOSED', `${this.#what}: the embedder is closed`, { cause })
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
