import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import {
  checkOptions,
  completed,
  flag,
  group,
  having,
  type OptionKinds,
  pem,
  secret,
  text,
  whole,
} from '../../core/option-kinds'
import { Secret } from '../../core/secret'
import { policyKinds } from '../../resilience/check-policy'
import type { PolicyOptions } from '../../resilience/policy'
import type { S3Client } from './client'

/** Trust of an `https:` endpoint; certificates are verified unless told otherwise. PEM texts. */
export interface S3TlsOptions {
  readonly ca?: string | Buffer | undefined
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
  readonly rejectUnauthorized?: boolean | undefined
}

/** Where S3 is (`endpoint` with keys, or `client`) and how it is used. Times in ms. */
export interface S3Options {
  /** `https://host:port`. The secret key itself is never sent, over `http:` neither; the blobs then are, in the clear. */
  readonly endpoint?: string | undefined
  readonly accessKey?: string | undefined
  readonly secretKey?: string | undefined
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined
  /**
   * A client of your own, from minio; it is never closed here and keeps its own settings. Give it
   * `retryOptions: { disableRetry: true }`: its own retries know no deadline. Its requests cannot be cut off.
   */
  readonly client?: S3Client | undefined
  readonly region?: string | undefined
  /** Start of the names of buckets. */
  readonly bucketPrefix?: string | undefined
  /** `https://host/bucket/key` rather than `https://bucket.host/key`. */
  readonly pathStyle?: boolean | undefined
  /** Longest time of a request whose caller names none, and the longest silence of a body that is read. */
  readonly requestTimeoutMs?: number | undefined
  /** Requests at once. */
  readonly maxInFlight?: number | undefined
  /** Requests that may wait for their turn; one more is HW_OVERLOADED. */
  readonly maxQueue?: number | undefined
  readonly tls?: S3TlsOptions | undefined
  readonly retry?: PolicyOptions['retry']
  readonly budget?: PolicyOptions['budget']
  readonly breaker?: PolicyOptions['breaker']
}

export interface S3Server {
  readonly kind: 'server'
  readonly host: string
  readonly port: number
  readonly secure: boolean
  readonly accessKey: string
  readonly secretKey: Secret
  readonly sessionToken: Secret | undefined
  readonly tls: S3TlsOptions | undefined
  readonly shown: string
}

export type S3Target = S3Server | { readonly kind: 'client'; readonly client: S3Client; readonly shown: string }

export const s3Defaults = Object.freeze({
  region: 'us-east-1',
  bucketPrefix: 'headwater',
  pathStyle: true,
  requestTimeoutMs: 30_000,
  maxInFlight: 64,
  maxQueue: 1_000,
}) satisfies S3Options

const kinds = {
  ...policyKinds,
  endpoint: secret,
  accessKey: secret,
  secretKey: secret,
  sessionToken: secret,
  client: having(),
  region: text(64),
  bucketPrefix: text(),
  pathStyle: flag,
  requestTimeoutMs: whole(1),
  maxInFlight: whole(1),
  maxQueue: whole(1),
  tls: group({ ca: pem, cert: pem, key: pem, rejectUnauthorized: flag } satisfies OptionKinds<S3TlsOptions>),
} satisfies OptionKinds<S3Options>

export interface ResolvedS3Options {
  readonly target: S3Target
  readonly region: string
  readonly bucketPrefix: string
  readonly pathStyle: boolean
  readonly requestTimeoutMs: number
  readonly policy: PolicyOptions
}

export function resolveS3Options(given: S3Options): ResolvedS3Options {
  const options = checkOptions(given, kinds, 's3')
  const { region, bucketPrefix, pathStyle, requestTimeoutMs, maxInFlight, maxQueue } = completed(s3Defaults, options)
  if (!/^[a-z0-9][a-z0-9-]{1,39}$/.test(bucketPrefix)) {
    throw invalid('bucketPrefix', `must be 2 to 40 characters of [a-z0-9-], got ${describeValue(bucketPrefix)}`)
  }
  return Object.freeze({
    target: targetOf(options),
    region,
    bucketPrefix,
    pathStyle,
    requestTimeoutMs,
    policy: Object.freeze({
      timeoutMs: requestTimeoutMs,
      retry: options.retry,
      budget: options.budget,
      breaker: options.breaker,
      bulkhead: { concurrency: maxInFlight, queue: maxQueue },
    }),
  })
}

function targetOf(options: S3Options): S3Target {
  const { endpoint, client, accessKey, secretKey, sessionToken, tls } = options
  if ((endpoint === undefined) === (client === undefined)) {
    throw new HeadwaterError('HW_INVALID_OPTIONS', 's3: give exactly one of endpoint and client', { path: 's3' })
  }
  if (client) return { kind: 'client', client, shown: 's3 client of the caller' }
  if (typeof endpoint !== 'string' || !/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw invalid('endpoint', 'must be https://host:port')
  }
  const url = new URL(endpoint)
  if (url.username || url.password || url.pathname !== '/' || url.search) {
    throw invalid('endpoint', 'must be https://host:port and nothing else; keys are options of their own')
  }
  for (const [key, value] of Object.entries({ accessKey, secretKey })) {
    if (value === undefined || value === '') throw invalid(key, 'must be given with s3.endpoint')
  }
  const secure = url.protocol === 'https:'
  if (tls && !secure) throw invalid('tls', 'is for an https: endpoint only')
  return {
    kind: 'server',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 443 : 80)),
    secure,
    accessKey: accessKey!,
    secretKey: new Secret(secretKey!),
    sessionToken: sessionToken === undefined ? undefined : new Secret(sessionToken),
    tls,
    shown: url.origin,
  }
}

function invalid(key: string, message: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `s3.${key} ${message}`, { path: `s3.${key}` })
}
