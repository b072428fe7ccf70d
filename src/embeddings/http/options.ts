import { HeadwaterError } from '../../core/errors'
import {
  anything,
  checkOptions,
  completed,
  flag,
  number,
  numberOrInfinity,
  type OptionKinds,
  oneOf,
  secret,
  table,
  text,
  whole,
  words,
} from '../../core/option-kinds'
import { Secret } from '../../core/secret'
import { policyKinds } from '../../resilience/check-policy'
import type { PolicyOptions } from '../../resilience/policy'

/** A server that speaks OpenAI's `/embeddings`: OpenAI, another provider, or one of your own. Times in ms. */
export interface HttpEmbedderOptions {
  /** Start of the address, to which `/embeddings` is added, e.g. `http://localhost:8080/v1`. */
  readonly baseUrl: string
  /** Name of the model, as the server knows it. */
  readonly model: string
  /** Numbers of a vector. Known for OpenAI's models; to be given for others. */
  readonly dimensions?: number | undefined
  /** Asks the server for vectors of `dimensions`. By default where a model is known to have more and to allow it. */
  readonly shorten?: boolean | undefined
  /** Sent as a bearer token; over plain http to another host only with `allowInsecure`. Never printed. */
  readonly apiKey?: string | Secret | undefined
  /** True sends the key over plain http: within a network that nobody else listens to. */
  readonly allowInsecure?: boolean | undefined
  /** Who made the model. Part of the fingerprint, as the address is not: two endpoints of one model are one space. */
  readonly provider?: string | undefined
  /** Version of the weights, if the name of the model does not tell. Part of the fingerprint. */
  readonly revision?: string | undefined
  /** Put before a query, and before a passage, for models that want it (`query: `). Part of the fingerprint. */
  readonly queryPrefix?: string | undefined
  readonly passagePrefix?: string | undefined
  /** Longest text that the model reads, in its tokens. */
  readonly maxTokens?: number | undefined
  /** A text that the server calls too long: 'error' (HW_LIMIT_EXCEEDED), or 'truncate' cuts its end until it fits. */
  readonly tooLong?: 'error' | 'truncate' | undefined
  /** Most texts of a request. */
  readonly batchSize?: number | undefined
  /** Most tokens of a request, counted approximately: a token for every three bytes of UTF-8. */
  readonly batchTokens?: number | undefined
  /** Requests at once, over all callers. */
  readonly concurrency?: number | undefined
  /** Calls that may wait for their turn; one more is HW_OVERLOADED. */
  readonly maxQueue?: number | undefined
  /** 'base64' carries float32 without JSON numbers; a server that answers with numbers all the same is understood. */
  readonly encoding?: 'base64' | 'float' | undefined
  /** Longest time of a request with its retries. */
  readonly timeoutMs?: number | undefined
  /** Longest time of one attempt, after which another is made. */
  readonly attemptTimeoutMs?: number | undefined
  /** When an unused connection is closed. */
  readonly idleTimeoutMs?: number | undefined
  /** Price of a million tokens, in whatever currency `usage().cost` is to be. */
  readonly pricePerMillionTokens?: number | undefined
  /** Headers of every request, for a proxy that asks for some. Their values are never printed. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly retry?: PolicyOptions['retry']
  readonly budget?: PolicyOptions['budget']
  readonly breaker?: PolicyOptions['breaker']
}

/** OpenAI itself, or what stands in for it at another address. */
export type OpenAiEmbedderOptions = Partial<HttpEmbedderOptions>

export const httpEmbedderDefaults = Object.freeze({
  provider: 'openai',
  revision: '',
  tooLong: 'error',
  batchSize: 64,
  batchTokens: 100_000,
  concurrency: 2,
  maxQueue: 1_000,
  encoding: 'base64',
  timeoutMs: 60_000,
  attemptTimeoutMs: 30_000,
  idleTimeoutMs: 4_000,
  allowInsecure: false,
}) satisfies Partial<HttpEmbedderOptions>

export const openAiDefaults = Object.freeze({ baseUrl: 'https://api.openai.com/v1', model: 'text-embedding-3-small' })

const kinds = {
  ...policyKinds,
  baseUrl: secret,
  model: text(),
  dimensions: whole(1, 65_536),
  shorten: flag,
  apiKey: anything,
  allowInsecure: flag,
  provider: words(),
  revision: words(),
  queryPrefix: words(16_384),
  passagePrefix: words(16_384),
  maxTokens: numberOrInfinity(1, 2 ** 31),
  tooLong: oneOf('error', 'truncate'),
  batchSize: whole(1, 100_000),
  batchTokens: whole(1),
  concurrency: whole(1, 10_000),
  maxQueue: whole(1),
  encoding: oneOf('base64', 'float'),
  timeoutMs: whole(1),
  attemptTimeoutMs: whole(1),
  idleTimeoutMs: whole(1),
  pricePerMillionTokens: number(0, Number.MAX_SAFE_INTEGER),
  headers: table(anything),
} satisfies OptionKinds<HttpEmbedderOptions>

/** What the makers say of their models. */
const knownModels: Readonly<Record<string, { dimensions: number; maxTokens: number; shortens: boolean }>> = {
  'text-embedding-3-small': { dimensions: 1_536, maxTokens: 8_191, shortens: true },
  'text-embedding-3-large': { dimensions: 3_072, maxTokens: 8_191, shortens: true },
  'text-embedding-ada-002': { dimensions: 1_536, maxTokens: 8_191, shortens: false },
}

export interface ResolvedHttpOptions {
  /** Path of the options, for messages. */
  readonly path: string
  readonly url: URL
  readonly model: string
  readonly dimensions: number
  readonly shorten: boolean
  readonly apiKey: Secret | undefined
  readonly headers: ReadonlyMap<string, Secret>
  readonly provider: string
  readonly revision: string
  readonly queryPrefix: string
  readonly passagePrefix: string
  readonly maxTokens: number
  readonly tooLong: 'error' | 'truncate'
  readonly batchSize: number
  readonly batchTokens: number
  readonly concurrency: number
  readonly encoding: 'base64' | 'float'
  readonly attemptTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly pricePerMillionTokens: number | undefined
  readonly policy: PolicyOptions
}

/** Checks and completes; HW_INVALID_OPTIONS names what is wrong, never a secret. */
export function resolveHttpOptions(given: HttpEmbedderOptions, path: string): ResolvedHttpOptions {
  const options = checkOptions(given, kinds, path)
  const { allowInsecure, timeoutMs, maxQueue, ...chosen } = completed(httpEmbedderDefaults, options)
  const invalid = (key: string, problem: string): HeadwaterError =>
    new HeadwaterError('HW_INVALID_OPTIONS', `${path}.${key}: ${problem}`, { path: `${path}.${key}` })
  const { model } = options
  if (model === undefined) throw invalid('model', 'must name a model of the server')
  const known = knownModels[model]
  const dimensions = options.dimensions ?? known?.dimensions
  if (dimensions === undefined) throw invalid('dimensions', `is needed: the length of vectors of ${model} is not known`)
  const url = addressOf(options.baseUrl, invalid)
  const apiKey = secretOf(options.apiKey, () => invalid('apiKey', 'must be a text that a header can carry'))
  const insecure = url.protocol === 'http:' && !isLoopback(url.hostname)
  if (apiKey && insecure && !allowInsecure) {
    throw invalid('apiKey', 'is not sent over plain http: use https, or set allowInsecure where nobody listens')
  }
  const headers = new Map<string, Secret>()
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    const refused = () => invalid(`headers.${name}`, 'must be a text that a header can carry')
    if (!/^[A-Za-z0-9-]+$/.test(name)) throw refused()
    headers.set(name.toLowerCase(), secretOf(value, refused)!)
  }
  return Object.freeze({
    ...chosen,
    path,
    url,
    model,
    dimensions,
    shorten: options.shorten ?? (known?.shortens === true && dimensions !== known.dimensions),
    apiKey,
    headers,
    queryPrefix: options.queryPrefix ?? '',
    passagePrefix: options.passagePrefix ?? '',
    maxTokens: options.maxTokens ?? known?.maxTokens ?? Number.POSITIVE_INFINITY,
    pricePerMillionTokens: options.pricePerMillionTokens,
    policy: {
      timeoutMs,
      retry: options.retry,
      budget: options.budget,
      breaker: options.breaker,
      bulkhead: { concurrency: chosen.concurrency, queue: maxQueue },
    },
  })
}

function addressOf(baseUrl: unknown, invalid: (key: string, problem: string) => HeadwaterError): URL {
  if (typeof baseUrl !== 'string' || !/^https?:\/\//.test(baseUrl) || !URL.canParse(baseUrl)) {
    throw invalid('baseUrl', 'must be http://host:port/v1 or https://host/v1')
  }
  const url = new URL(baseUrl)
  if (url.username !== '' || url.password !== '') throw invalid('baseUrl', 'takes no user or password: use apiKey')
  // A query may carry a version, as some providers ask; a key belongs into apiKey or headers, which are never printed.
  url.hash = ''
  url.pathname = `${url.pathname.replace(/(?<!\/)\/+$/, '')}/embeddings`
  return url
}

function secretOf(value: unknown, refused: () => HeadwaterError): Secret | undefined {
  if (value === undefined) return undefined
  const secret = typeof value === 'string' ? new Secret(value) : value
  if (secret instanceof Secret && /^[\x20-\x7e]+$/.test(secret.reveal()) && !secret.reveal().endsWith(' '))
    return secret
  throw refused()
}

function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/i.test(hostname)
}
