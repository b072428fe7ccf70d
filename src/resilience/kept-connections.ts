import {
  type ClientRequest,
  Agent as HttpAgent,
  type AgentOptions as HttpOptions,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { Agent as HttpsAgent, type AgentOptions as HttpsOptions, request as httpsRequest } from 'node:https'
import { abortError, offAbort, onAbort, throwIfAborted } from '../core/abort'
import { HeadwaterError } from '../core/errors'
import { classifyNetwork, codeOf, messageOf } from './classify-network'

/** Connections found dead in a row before a failure counts. */
const staleConnections = 3

export interface KeptRequest extends RequestOptions {
  readonly body?: Buffer | AsyncIterable<Uint8Array> | undefined
}

/**
 * HTTP requests over connections that are kept open. Not `fetch`: there no request can be given a certificate authority
 * and nobody can close the connections. Failures are HW_UNAVAILABLE and the like of `classifyNetwork`, HW_CLOSED after
 * `destroy`.
 */
export class KeptConnections {
  readonly #secure: boolean
  readonly #agent: HttpAgent
  /** Begins the message of a failure: whom it was about. */
  readonly #what: string
  readonly #closedMessage: string
  readonly #running = new Set<ClientRequest>()
  #destroyed = false

  constructor(options: {
    readonly secure: boolean
    readonly pool: HttpOptions & HttpsOptions
    readonly what: string
    readonly closedMessage: string
  }) {
    const pool: HttpOptions & HttpsOptions = { keepAlive: true, scheduling: 'lifo', ...options.pool }
    this.#secure = options.secure
    this.#agent = options.secure ? new HttpsAgent(pool) : new HttpAgent(pool)
    this.#what = options.what
    this.#closedMessage = options.closedMessage
  }

  /** Sockets open now. */
  get sockets(): number {
    const count = (lists: NodeJS.ReadOnlyDict<unknown[]>) => Object.values(lists).flat().length
    return count(this.#agent.sockets) + count(this.#agent.freeSockets)
  }

  /** Cuts off what runs and closes every connection. */
  destroy(): void {
    this.#destroyed = true
    for (const request of this.#running) request.destroy()
    this.#agent.destroy()
  }

  /**
   * The answer as `read` gives it. What met a connection that the server was just closing is sent again at once if it
   * is `repeatable`: that says nothing about the server.
   */
  async exchange<T>(
    message: KeptRequest,
    repeatable: boolean,
    signal: AbortSignal,
    read: (response: IncomingMessage) => Promise<T>,
  ): Promise<T> {
    for (let stale = 0; ; stale++) {
      let reused = false
      try {
        const response = await this.open(message, signal, (request) => {
          reused = request.reusedSocket
        })
        return await read(response)
      } catch (error) {
        const network = error instanceof HeadwaterError ? error.details?.['network'] : undefined
        const died = reused && (network === 'ECONNRESET' || network === 'EPIPE')
        if (!repeatable || !died || stale >= staleConnections || signal.aborted) throw error
      }
    }
  }

  /** Settles once the head of the answer is there; a later abort destroys what is still being read. */
  async open(
    { body, ...options }: KeptRequest,
    signal: AbortSignal,
    failed: (request: ClientRequest) => void = () => {},
  ): Promise<IncomingMessage> {
    throwIfAborted(signal)
    if (this.#destroyed) throw this.#closed()
    return new Promise((resolve, reject) => {
      const request = (this.#secure ? httpsRequest : httpRequest)({ ...options, agent: this.#agent })
      const abort = (): void => {
        request.destroy(abortError(signal))
      }
      onAbort(signal, abort)
      this.#running.add(request)
      request.on('close', () => {
        offAbort(signal, abort)
        this.#running.delete(request)
      })
      request.on('response', resolve)
      request.on('error', (error) => {
        if (!signal.aborted) failed(request)
        reject(this.failure(error, signal))
      })
      if (body === undefined || Buffer.isBuffer(body)) request.end(body)
      else void pour(body, request)
    })
  }

  /** What broke off while an answer was awaited or read. */
  failure(error: unknown, signal: AbortSignal): HeadwaterError {
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

  #closed(cause?: unknown): HeadwaterError {
    return new HeadwaterError('HW_CLOSED', this.#closedMessage, { cause })
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
