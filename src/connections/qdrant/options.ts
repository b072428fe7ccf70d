import { shortened } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import { checkOptions, completed, flag, having, type OptionKinds, secret, table, whole } from '../../core/option-kinds'
import { Secret } from '../../core/secret'
import { policyKinds } from '../../resilience/check-policy'
import type { PolicyOptions } from '../../resilience/policy'
import { type TlsOptions, tls } from '../tls'
import type { QdrantClient } from './client'

/** Where Qdrant is (exactly one of `url` and `client`) and how it is used. Times in ms. */
export interface QdrantOptions {
  /** `http://host:6333` or `https://host:6333/prefix`; without a port it is 6333. */
  readonly url?: string | undefined
  /**
   * A `QdrantClient` of your own from `@qdrant/js-client-rest`; it is never closed here. Its own timeout stays as it is
   * (300 s by default), it cannot carry snapshots, and of a Retry-After it passes on the first digit only.
   */
  readonly client?: QdrantClient | undefined
  /** Sent as the `api-key` header, over TLS only unless `allowInsecure`. */
  readonly apiKey?: string | undefined
  /** True sends a key over plain http: within a network that nobody else listens to. */
  readonly allowInsecure?: boolean | undefined
  readonly tls?: TlsOptions | undefined
  /** Headers of every request, for a proxy that asks for some. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Requests at once. More carry more at once and cost the server memory. */
  readonly maxConnections?: number | undefined
  /** Calls that may wait for their turn; one more is HW_OVERLOADED. */
  readonly maxQueue?: number | undefined
  /** Longest time of a call whose caller names none. */
  readonly timeoutMs?: number | undefined
  /** When an unused connection is closed; below the server's 5 s, so that no request meets a closing one. */
  readonly idleTimeoutMs?: number | undefined
  /** Most bytes of an answer: one that is longer is cut off (HW_UNAVAILABLE). A client passed in reads as it will. */
  readonly maxAnswerBytes?: number | undefined
  readonly retry?: PolicyOptions['retry']
  readonly budget?: PolicyOptions['budget']
  readonly breaker?: PolicyOptions['breaker']
}

export const qdrantDefaults = Object.freeze({
  maxConnections: 32,
  maxQueue: 1_000,
  timeoutMs: 30_000,
  idleTimeoutMs: 4_000,
  maxAnswerBytes: 128 * 2 ** 20,
  allowInsecure: false,
}) satisfies QdrantOptions

const kinds = {
  ...policyKinds,
  url: secret,
  client: having(),
  apiKey: secret,
  allowInsecure: flag,
  tls,
  headers: table(secret),
  maxConnections: whole(1),
  maxQueue: whole(1),
  timeoutMs: whole(1),
  idleTimeoutMs: whole(1),
  maxAnswerBytes: whole(65_536),
} satisfies OptionKinds<QdrantOptions>

export type QdrantTarget =
  | { readonly kind: 'client'; readonly client: QdrantClient }
  | { readonly kind: 'server'; readonly url: URL }

export interface ResolvedQdrantOptions {
  readonly target: QdrantTarget
  readonly apiKey: Secret | undefined
  readonly tls: TlsOptions
  readonly headers: Readonly<Record<string, string>>
  readonly maxConnections: number
  readonly timeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxAnswerBytes: number
  readonly policy: PolicyOptions
}

/** Checks and completes; HW_INVALID_OPTIONS names what is wrong, never a secret. */
export function resolveQdrantOptions(given: QdrantOptions): ResolvedQdrantOptions {
  const options = checkOptions(given, kinds, 'qdrant')
  const { maxConnections, maxQueue, timeoutMs, idleTimeoutMs, maxAnswerBytes } = completed(qdrantDefaults, options)
  const target = targetOf(options)
  const { apiKey, tls = {}, headers = {} } = options
  for (const [name, value] of Object.entries(headers)) {
    if (/^[A-Za-z0-9-]+$/.test(name) && isHeaderText(value)) continue
    throw invalid(`headers.${shortened(name)}`, 'must be a text that a header can carry')
  }
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw invalid('apiKey', 'must be a text without spaces that a header can carry')
  }
  const insecure = target.kind === 'server' && target.url.protocol === 'http:'
  if (apiKey !== undefined && insecure && !(options.allowInsecure ?? qdrantDefaults.allowInsecure)) {
    throw invalid('apiKey', 'is not sent over plain http: use https, or set qdrant.allowInsecure where nobody listens')
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) throw invalid('tls', 'needs both cert and key, or neither')
  return Object.freeze({
    target,
    apiKey: apiKey === undefined ? undefined : new Secret(apiKey),
    tls: Object.freeze({ ...tls }),
    headers: Object.freeze({ ...headers }),
    maxConnections,
    timeoutMs,
    idleTimeoutMs,
    maxAnswerBytes,
    policy: Object.freeze({
      timeoutMs,
      retry: options.retry,
      budget: options.budget,
      breaker: options.breaker,
      bulkhead: { concurrency: maxConnections, queue: maxQueue },
    }),
  })
}

/** For messages; it holds no secret. */
export function describeQdrant(target: QdrantTarget): string {
  return target.kind === 'client' ? 'a client of yours' : target.url.href.replace(/\/$/, '')
}

function targetOf(options: QdrantOptions): QdrantTarget {
  const { url, client } = options
  if ((url === undefined) === (client === undefined)) {
    throw new HeadwaterError('HW_INVALID_OPTIONS', 'qdrant: give exactly one of url and client', { path: 'qdrant' })
  }
  if (client !== undefined) {
    for (const key of ['apiKey', 'tls', 'headers'] as const) {
      if (options[key] !== undefined) throw invalid(key, 'belongs to the client that was passed in')
    }
    if (typeof client.api === 'function') return { kind: 'client', client }
    throw invalid('client', 'must be a QdrantClient of @qdrant/js-client-rest 1.16 or later')
  }
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw invalid('url', 'must be http://host:port or https://host:port')
  }
  const parsed = new URL(url)
  if (parsed.username !== '' || parsed.password !== '') throw invalid('url', 'takes no user or password: use apiKey')
  if (parsed.search !== '' || parsed.hash !== '') throw invalid('url', 'takes no query and no fragment')
  // The port that belongs to the scheme is dropped by the parser, and means itself when it was written.
  if (!/^https?:\/\/[^/]*:\d+(\/|$)/.test(url)) parsed.port = '6333'
  return { kind: 'server', url: parsed }
}

function isHeaderText(value: string): boolean {
  return /^[\x20-\x7e]+$/.test(value)
}

function invalid(key: string, message: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `qdrant.${key} ${message}`, { path: `qdrant.${key}` })
}
