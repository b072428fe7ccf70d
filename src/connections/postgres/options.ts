import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import {
  anything,
  checkOptions,
  completed,
  flag,
  flagOr,
  group,
  having,
  identifier,
  type OptionKinds,
  oneOf,
  secret,
  whole,
} from '../../core/option-kinds'
import { isTornUrl, tornUrl } from '../../core/secret'
import { policyKinds } from '../../resilience/check-policy'
import type { PolicyOptions } from '../../resilience/policy'
import type { PostgresPool } from './client'

/** Whether row level security guards tenants: required, used where it works (said in health), or left out. */
export type RowLevelSecurityMode = 'auto' | 'require' | 'off'

/** Where Postgres is (exactly one of `url`, `pool` and `embedded`) and how it is used. Times in ms. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url?: string | undefined
  /** A pool of your own, from `pg`; it is never closed here, and its own timeouts stay as they are. */
  readonly pool?: PostgresPool | undefined
  /** PGlite within this process, in a folder that is made if missing; `':memory:'` keeps nothing. */
  readonly embedded?: { readonly path: string } | undefined
  /** Connections at most. More carry more at once and cost the server memory; with `pool`, as many as it has. */
  readonly max?: number | undefined
  /** Calls that may wait for a connection; one more is HW_OVERLOADED. */
  readonly maxQueue?: number | undefined
  /** Longest time to wait for a connection, a new one or one in use. */
  readonly connectionTimeoutMs?: number | undefined
  /** When the server stops a statement. Give one call more with its `timeoutMs`. */
  readonly statementTimeoutMs?: number | undefined
  /** When the client stops waiting for a statement's answer; above `statementTimeoutMs`, so that the server is first. */
  readonly queryTimeoutMs?: number | undefined
  /** When the server stops waiting for a lock (HW_CONFLICT). */
  readonly lockTimeoutMs?: number | undefined
  /** When the server ends a transaction that sends nothing. */
  readonly idleInTransactionTimeoutMs?: number | undefined
  /** When an unused connection is closed. */
  readonly idleTimeoutMs?: number | undefined
  /** Age at which a connection is replaced, seconds. */
  readonly maxLifetimeSeconds?: number | undefined
  /** A connection unused for longer is asked `SELECT 1` before it is handed out. */
  readonly checkAfterIdleMs?: number | undefined
  readonly ssl?: boolean | Readonly<Record<string, unknown>> | undefined
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string | undefined
  /** False behind PgBouncer older than 1.21 in transaction mode: statements are then sent unnamed. */
  readonly preparedStatements?: boolean | undefined
  /** False behind PgBouncer, which refuses them: timeouts are then set inside transactions only. */
  readonly startupParameters?: boolean | undefined
  /** False where workers shall only poll: writers send no NOTIFY, and no worker keeps a connection to listen on. */
  readonly hints?: boolean | undefined
  /** How soon a worker notices that the connection it listens on is dead. */
  readonly hintHeartbeatMs?: number | undefined
  readonly rowLevelSecurity?: RowLevelSecurityMode | undefined
  /** Roles to take on in transactions where the login itself is not under the policies. */
  readonly roles?: { readonly app?: string | undefined; readonly worker?: string | undefined } | undefined
  readonly retry?: PolicyOptions['retry']
  readonly budget?: PolicyOptions['budget']
  readonly breaker?: PolicyOptions['breaker']
}

export type PostgresTarget =
  | { readonly kind: 'server'; readonly url: string }
  | { readonly kind: 'pool'; readonly pool: PostgresPool }
  | { readonly kind: 'embedded'; readonly path: string }

export type DefaultedPostgresOptions = {
  readonly [K in keyof typeof postgresDefaults]: NonNullable<PostgresOptions[K]>
}

export interface ResolvedPostgresOptions extends DefaultedPostgresOptions {
  readonly target: PostgresTarget
  readonly ssl: boolean | Readonly<Record<string, unknown>> | undefined
  readonly roles: { readonly app?: string | undefined; readonly worker?: string | undefined }
  readonly policy: PolicyOptions
}

export const postgresDefaults = Object.freeze({
  max: 50,
  maxQueue: 1_000,
  connectionTimeoutMs: 30_000,
  statementTimeoutMs: 30_000,
  queryTimeoutMs: 35_000,
  lockTimeoutMs: 10_000,
  idleInTransactionTimeoutMs: 60_000,
  idleTimeoutMs: 30_000,
  maxLifetimeSeconds: 3_600,
  checkAfterIdleMs: 5_000,
  applicationName: 'headwater',
  preparedStatements: true,
  startupParameters: true,
  hints: true,
  hintHeartbeatMs: 10_000,
  rowLevelSecurity: 'auto',
}) satisfies PostgresOptions

const kinds = {
  ...policyKinds,
  url: secret,
  pool: having('connect', 'end'),
  embedded: group({ path: anything }),
  max: whole(1),
  maxQueue: whole(1),
  connectionTimeoutMs: whole(1),
  statementTimeoutMs: whole(1),
  queryTimeoutMs: whole(1),
  lockTimeoutMs: whole(1),
  idleInTransactionTimeoutMs: whole(1),
  idleTimeoutMs: whole(1),
  maxLifetimeSeconds: whole(1),
  checkAfterIdleMs: whole(1),
  hintHeartbeatMs: whole(1),
  ssl: flagOr(having()),
  applicationName: identifier,
  preparedStatements: flag,
  startupParameters: flag,
  hints: flag,
  rowLevelSecurity: oneOf('auto', 'require', 'off'),
  roles: group({ app: identifier, worker: identifier }),
} satisfies OptionKinds<PostgresOptions>

export function resolvePostgresOptions(given: PostgresOptions): ResolvedPostgresOptions {
  const options = checkOptions(given, kinds, 'postgres')
  const merged = completed(postgresDefaults, options)
  if (merged.queryTimeoutMs <= merged.statementTimeoutMs) {
    throw invalid(
      'queryTimeoutMs',
      `must be above statementTimeoutMs (${merged.statementTimeoutMs}), got ${merged.queryTimeoutMs}`,
    )
  }
  const target = targetOf(options)
  const max = target.kind === 'embedded' ? 1 : target.kind === 'pool' ? poolMax(target.pool, options) : merged.max
  return Object.freeze({
    ...merged,
    max,
    target,
    ssl: options.ssl,
    roles: Object.freeze({ ...options.roles }),
    policy: Object.freeze({
      timeoutMs: merged.queryTimeoutMs,
      retry: options.retry,
      budget: options.budget,
      breaker: options.breaker,
      bulkhead: { concurrency: max, queue: merged.maxQueue },
    }),
  })
}

function targetOf(options: PostgresOptions): PostgresTarget {
  const { url, pool, embedded } = options
  const given = [url, pool, embedded].filter((one) => one !== undefined).length
  if (given !== 1) {
    throw new HeadwaterError(
      'HW_INVALID_OPTIONS',
      `postgres: give exactly one of url, pool and embedded, got ${given}`,
      {
        path: 'postgres',
      },
    )
  }
  if (pool) return { kind: 'pool', pool }
  if (embedded) {
    if (typeof embedded.path === 'string' && embedded.path !== '') return { kind: 'embedded', path: embedded.path }
    throw invalid('embedded.path', `must be a folder or ':memory:', got ${describeValue(embedded.path)}`)
  }
  if (typeof url === 'string' && /^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) {
    if (isTornUrl(new URL(url))) throw invalid('url', tornUrl)
    return { kind: 'server', url }
  }
  // The value may hold a password, so only its beginning is shown.
  const shape =
    'postgres://user:password@host:port/database, with #, /, ? and @ in a password escaped (%23, %2F, %3F, %40)'
  throw invalid('url', `must be ${shape}, got ${JSON.stringify(schemeOf(url))}`)
}

function schemeOf(url: unknown): string {
  return typeof url === 'string' ? (/^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0] ?? 'no scheme') : typeof url
}

/** As many at once as the user's pool has connections. */
function poolMax(pool: PostgresPool, options: PostgresOptions): number {
  const settings: unknown = Reflect.get(pool, 'options')
  const max: unknown = typeof settings === 'object' && settings !== null ? Reflect.get(settings, 'max') : undefined
  return options.max ?? (typeof max === 'number' && max >= 1 ? max : 10)
}

function invalid(key: string, message: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `postgres.${key} ${message}`, { path: `postgres.${key}` })
}
