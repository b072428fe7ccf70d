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
import { isTornUrl, plainPart, redactUrl, tornUrl } from '../../core/secret'
import { policyKinds } from '../../resilience/check-policy'
import type { PolicyOptions } from '../../resilience/policy'
import type { RedisClient } from './client'

/** Trust of a `rediss:` server; certificates are verified unless told otherwise. PEM texts. */
export interface RedisTlsOptions {
  readonly ca?: string | Buffer | undefined
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
  readonly servername?: string | undefined
  readonly rejectUnauthorized?: boolean | undefined
}

/** Where Redis is (exactly one of `url` and `client`) and how it is used. Times in ms. */
export interface RedisOptions {
  /** `redis://user:password@host:port/database`, or `rediss:` for TLS. */
  readonly url?: string | undefined
  /**
   * A client of your own, from ioredis; it is never closed here and keeps its own settings. Give it
   * `enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0`: otherwise a command that
   * has timed out may still be sent later, or twice.
   */
  readonly client?: RedisClient | undefined
  /** Connections, 1 to 20; commands share them and do not wait for one another's answers. More help large values only. */
  readonly connections?: number | undefined
  /** Longest time of a call whose caller names none, connecting included; an answer later than this ends the connection. */
  readonly commandTimeoutMs?: number | undefined
  /** Longest time until a new connection is ready. */
  readonly connectTimeoutMs?: number | undefined
  /** Calls under way at once. */
  readonly maxInFlight?: number | undefined
  /** Calls that may wait for their turn; one more is HW_OVERLOADED. */
  readonly maxQueue?: number | undefined
  /** Most bytes of an answer; a longer one ends the connection and is HW_UNAVAILABLE. A client of yours reads without it. */
  readonly maxAnswerBytes?: number | undefined
  /** Shown by CLIENT LIST. */
  readonly connectionName?: string | undefined
  readonly tls?: RedisTlsOptions | undefined
  readonly retry?: PolicyOptions['retry']
  readonly budget?: PolicyOptions['budget']
  readonly breaker?: PolicyOptions['breaker']
}

/** What a URL says, in parts. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly username: string | undefined
  readonly password: string | undefined
  readonly db: number
  readonly tls: RedisTlsOptions | undefined
}

export type RedisTarget =
  | { readonly kind: 'server'; readonly address: RedisAddress; readonly shown: string }
  | { readonly kind: 'client'; readonly client: RedisClient; readonly shown: string }

export const redisDefaults = Object.freeze({
  connections: 1,
  commandTimeoutMs: 1_000,
  connectTimeoutMs: 1_000,
  maxInFlight: 512,
  maxQueue: 10_000,
  maxAnswerBytes: 128 * 2 ** 20,
  connectionName: 'headwater',
}) satisfies RedisOptions

const kinds = {
  ...policyKinds,
  url: secret,
  client: having(),
  connections: whole(1, 20),
  commandTimeoutMs: whole(1),
  connectTimeoutMs: whole(1),
  maxInFlight: whole(1),
  maxQueue: whole(1),
  maxAnswerBytes: whole(65_536),
  connectionName: text(255),
  tls: group({
    ca: pem,
    cert: pem,
    key: pem,
    servername: text(255),
    rejectUnauthorized: flag,
  } satisfies OptionKinds<RedisTlsOptions>),
} satisfies OptionKinds<RedisOptions>

export type DefaultedRedisOptions = { readonly [K in keyof typeof redisDefaults]: NonNullable<RedisOptions[K]> }

export interface ResolvedRedisOptions extends DefaultedRedisOptions {
  readonly target: RedisTarget
  readonly policy: PolicyOptions
}

export function resolveRedisOptions(given: RedisOptions): ResolvedRedisOptions {
  const options = checkOptions(given, kinds, 'redis')
  const merged = completed(redisDefaults, options)
  return Object.freeze({
    ...merged,
    target: targetOf(options),
    policy: Object.freeze({
      timeoutMs: merged.commandTimeoutMs,
      retry: { maxAttempts: 2, baseMs: 10, maxMs: 100, ...options.retry },
      budget: options.budget,
      breaker: { probeTimeoutMs: merged.commandTimeoutMs, ...options.breaker },
      bulkhead: { concurrency: merged.maxInFlight, queue: merged.maxQueue },
    }),
  })
}

function targetOf(options: RedisOptions): RedisTarget {
  const { url, client, tls } = options
  if ((url === undefined) === (client === undefined)) {
    throw new HeadwaterError('HW_INVALID_OPTIONS', 'redis: give exactly one of url and client', { path: 'redis' })
  }
  if (client) return { kind: 'client', client, shown: 'redis client of the caller' }
  if (typeof url !== 'string' || !/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    // The value may hold a password, so only its beginning is shown.
    const scheme = typeof url === 'string' ? (/^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0] ?? 'no scheme') : typeof url
    throw invalid('url', `must be redis://user:password@host:port/database, got ${JSON.stringify(scheme)}`)
  }
  const parsed = new URL(url)
  if (isTornUrl(parsed)) throw invalid('url', tornUrl)
  const db = parsed.pathname.replace(/^\//, '')
  if (!/^\d{0,5}$/.test(db)) throw invalid('url', `names the database by a number, got ${JSON.stringify(db)}`)
  const secure = parsed.protocol === 'rediss:'
  if (tls && !secure) throw invalid('tls', 'is for a rediss: url only')
  const address: RedisAddress = {
    host: parsed.hostname.replace(/^\[|\]$/g, '') || 'localhost',
    port: Number(parsed.port || 6379),
    username: plainPart(parsed.username) || undefined,
    password: plainPart(parsed.password) || undefined,
    db: Number(db || 0),
    tls: secure ? { ...tls } : undefined,
  }
  return { kind: 'server', address, shown: redactUrl(url) }
}

function invalid(key: string, message: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `redis.${key} ${message}`, { path: `redis.${key}` })
}
