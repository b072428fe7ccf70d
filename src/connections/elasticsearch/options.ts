import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import { checkOptions, completed, flag, having, type OptionKinds, secret, text, whole } from '../../core/option-kinds'
import { plainPart, Secret } from '../../core/secret'
import { policyKinds } from '../../resilience/check-policy'
import type { PolicyOptions } from '../../resilience/policy'
import { type TlsOptions, tls } from '../tls'
import type { ElasticsearchClient } from './client'

/** Where Elasticsearch is (exactly one of `url` and `client`) and how it is used. Times in ms. */
export interface ElasticsearchOptions {
  /** `https://host:9200`; several nodes of one cluster separated by commas. Without a port it is 9200. */
  readonly url?: string | undefined
  /**
   * A `Client` of your own from `@elastic/elasticsearch`; it is never closed here, and its retries and timeouts are
   * overridden for each of our requests.
   */
  readonly client?: ElasticsearchClient | undefined
  /** Encoded API key; or `username` and `password`. Sent over TLS only unless `allowInsecure`. */
  readonly apiKey?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** True sends a key or password over plain http: within a network that nobody else listens to. */
  readonly allowInsecure?: boolean | undefined
  /** SHA-256 fingerprint of the certificate authority, as the server prints it at its first start. */
  readonly caFingerprint?: string | undefined
  readonly tls?: TlsOptions | undefined
  /** Requests at once. More carry more at once and cost the server memory. */
  readonly maxConnections?: number | undefined
  /** Calls that may wait for their turn; one more is HW_OVERLOADED. */
  readonly maxQueue?: number | undefined
  /** Longest time of a call whose caller names none. */
  readonly timeoutMs?: number | undefined
  /** Most bytes of an answer, unpacked: one that is longer is cut off (HW_UNAVAILABLE). */
  readonly maxAnswerBytes?: number | undefined
  readonly retry?: PolicyOptions['retry']
  readonly budget?: PolicyOptions['budget']
  readonly breaker?: PolicyOptions['breaker']
}

export const elasticsearchDefaults = Object.freeze({
  maxConnections: 32,
  maxQueue: 1_000,
  timeoutMs: 30_000,
  maxAnswerBytes: 128 * 2 ** 20,
  allowInsecure: false,
}) satisfies ElasticsearchOptions

const kinds = {
  ...policyKinds,
  url: secret,
  client: having(),
  apiKey: secret,
  username: text(),
  password: secret,
  allowInsecure: flag,
  caFingerprint: text(),
  tls,
  maxConnections: whole(1),
  maxQueue: whole(1),
  timeoutMs: whole(1),
  maxAnswerBytes: whole(65_536),
} satisfies OptionKinds<ElasticsearchOptions>

export interface ServerTarget {
  readonly kind: 'server'
  readonly nodes: readonly URL[]
}

export type ElasticsearchTarget = ServerTarget | { readonly kind: 'client'; readonly client: ElasticsearchClient }

export type ElasticsearchAuth =
  | { readonly kind: 'apiKey'; readonly apiKey: Secret }
  | { readonly kind: 'basic'; readonly username: string; readonly password: Secret }

export interface ResolvedElasticsearchOptions {
  readonly target: ElasticsearchTarget
  readonly auth: ElasticsearchAuth | undefined
  readonly caFingerprint: string | undefined
  readonly tls: TlsOptions
  readonly maxConnections: number
  readonly timeoutMs: number
  readonly maxAnswerBytes: number
  readonly policy: PolicyOptions
}

/** Checks and completes; HW_INVALID_OPTIONS names what is wrong, never a secret. */
export function resolveElasticsearchOptions(given: ElasticsearchOptions): ResolvedElasticsearchOptions {
  const options = checkOptions(given, kinds, 'elasticsearch')
  const { maxConnections, maxQueue, timeoutMs, maxAnswerBytes } = completed(elasticsearchDefaults, options)
  const { tls = {}, caFingerprint } = options
  const target = targetOf(options)
  const auth = authOf(options, target)
  if (target.kind === 'server') {
    const plain = target.nodes.find((node) => node.protocol === 'http:')
    if (plain && auth && !(options.allowInsecure ?? elasticsearchDefaults.allowInsecure)) {
      const what = auth.kind === 'apiKey' ? 'apiKey' : 'password'
      throw invalid(what, `would go over plain http to ${plain.host}: use https, or set allowInsecure: true`)
    }
    if (plain && caFingerprint !== undefined) throw invalid('caFingerprint', `is for https, ${plain.host} is http`)
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw invalid('tls', 'takes a client certificate with its key: give both cert and key, or neither')
  }
  if (caFingerprint !== undefined && !/^[0-9a-f]{2}(:?[0-9a-f]{2}){31}$/i.test(caFingerprint)) {
    throw invalid('caFingerprint', `must be 64 hex digits of a SHA-256, got ${describeValue(caFingerprint)}`)
  }
  return Object.freeze({
    target,
    auth,
    caFingerprint,
    tls: Object.freeze({ ...tls }),
    maxConnections,
    timeoutMs,
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

/** Where it is, for messages: no user, no password. */
export function describeElasticsearch({ target }: ResolvedElasticsearchOptions): string {
  return target.kind === 'client' ? 'the client given' : target.nodes.map((node) => node.host).join(',')
}

function targetOf({ url, client }: ElasticsearchOptions): ElasticsearchTarget {
  if ((url === undefined) === (client === undefined)) {
    const given = url === undefined ? 'none' : 'both'
    throw new HeadwaterError('HW_INVALID_OPTIONS', `elasticsearch: give exactly one of url and client, got ${given}`, {
      path: 'elasticsearch',
    })
  }
  if (client) return { kind: 'client', client }
  const nodes = url!.split(',').map(nodeOf)
  return { kind: 'server', nodes }
}

function nodeOf(text: string): URL {
  const trimmed = text.trim()
  if (!/^https?:\/\//.test(trimmed) || !URL.canParse(trimmed)) {
    // The value may hold a password, so only its beginning is shown.
    const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(trimmed)?.[0] ?? 'no scheme'
    throw invalid('url', `must be https://host:9200, several separated by commas; got ${JSON.stringify(scheme)}`)
  }
  const node = new URL(trimmed)
  if (node.port === '' && !/:\d+(\/|$)/.test(trimmed.replace(/^https?:\/\//, ''))) node.port = '9200'
  return node
}

function authOf(options: ElasticsearchOptions, target: ElasticsearchTarget): ElasticsearchAuth | undefined {
  const inUrl = target.kind === 'server' ? takeCredentials(target.nodes) : undefined
  const { apiKey, username = inUrl?.username, password = inUrl?.password } = options
  if (target.kind === 'client' && (apiKey ?? username ?? password) !== undefined) {
    throw invalid('client', 'brings its own credentials: leave out apiKey, username and password')
  }
  if (apiKey !== undefined) {
    if (username !== undefined) throw invalid('apiKey', 'and username exclude each other')
    if (!/^[\x21-\x7e]+$/.test(apiKey)) {
      throw invalid('apiKey', 'must be an encoded key of printable ASCII')
    }
    return { kind: 'apiKey', apiKey: new Secret(apiKey) }
  }
  if ((username === undefined) !== (password === undefined)) throw invalid('username', 'and password go together')
  return username === undefined ? undefined : { kind: 'basic', username, password: new Secret(password!) }
}

/** User and password out of the URLs, which are shown in messages. */
function takeCredentials(nodes: readonly URL[]): { username: string; password: string } | undefined {
  let found: { username: string; password: string } | undefined
  for (const node of nodes) {
    if (node.username === '') continue
    found ??= { username: plainPart(node.username), password: plainPart(node.password) }
    node.username = ''
    node.password = ''
  }
  return found
}

function invalid(key: string, message: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `elasticsearch.${key} ${message}`, { path: `elasticsearch.${key}` })
}
