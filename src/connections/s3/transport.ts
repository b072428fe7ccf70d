import { AsyncLocalStorage } from 'node:async_hooks'
import http from 'node:http'
import https from 'node:https'
import { HeadwaterError } from '../../core/errors'
import type { S3TlsOptions } from './options'

/** The call that a request belongs to. */
export interface RequestScope {
  readonly signal: AbortSignal
  /** Least time to wait before a retry, ms, when the server said so. */
  retryAfterMs?: number | undefined
  /** The Server header of the last answer. */
  server?: string | undefined
}

const scopes = new AsyncLocalStorage<RequestScope>()

/** Statuses after which minio drops an answer without reading it, so that its socket would stay taken. */
const unread = new Set([408, 429, 499, 500, 502, 503, 504, 520])

/**
 * How our minio client reaches the network. The client itself can neither be aborted nor closed: each request here ends
 * with the signal of its call, and all of them with `destroy`.
 */
export class S3Transport {
  readonly #module: typeof http | typeof https
  readonly agent: http.Agent
  #destroyed = false

  constructor(secure: boolean, tls: S3TlsOptions = {}) {
    const shared = { keepAlive: true, scheduling: 'lifo' } as const
    this.#module = secure ? https : http
    this.agent = secure
      ? new https.Agent({ ...shared, ...Object.fromEntries(Object.entries(tls).filter(([, it]) => it !== undefined)) })
      : new http.Agent(shared)
  }

  /** Runs `work` so that the requests it makes belong to `scope`. */
  within<T>(scope: RequestScope, work: () => Promise<T>): Promise<T> {
    return scopes.run(scope, work)
  }

  /** The `request` of node:http, as minio calls it. */
  readonly request = (
    options: https.RequestOptions,
    answered?: (response: http.IncomingMessage) => void,
  ): http.ClientRequest => {
    // An agent that was destroyed would open sockets again.
    if (this.#destroyed) throw new HeadwaterError('HW_CLOSED', 'The connection to S3 is closed')
    const scope = scopes.getStore()
    return this.#module.request({ ...options, ...(scope && { signal: scope.signal }) }, (response) => {
      if (scope) {
        scope.server = headerOf(response, 'server') ?? scope.server
        scope.retryAfterMs = retryAfter(headerOf(response, 'retry-after'))
      }
      if (unread.has(response.statusCode ?? 0)) response.resume()
      answered?.(response)
    })
  }

  /** Closes every socket, also those in use. */
  destroy(): void {
    this.#destroyed = true
    this.agent.destroy()
  }
}

function headerOf(response: http.IncomingMessage, name: string): string | undefined {
  const value = response.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Seconds only; the other form is a date, and clocks differ. */
function retryAfter(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined
}
