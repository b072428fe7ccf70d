import { sha256 } from '../../core/ids'
import type { Setting } from './client'
import type { Identity } from './executor'
import type { ResolvedPostgresOptions } from './options'

/** What a prepared statement is called: it follows the text, and Postgres tells names apart by 63 bytes. */
export function statementName(text: string): string {
  return `hw_${sha256(text).slice(0, 24)}`
}

export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

/**
 * Where names without a schema are looked for: among the server's own alone. With any other schema in the path, whoever
 * may create there decides what a function or an operator means. Temporary tables come last, since they come first
 * where they are not named.
 */
export const pinnedPath = 'pg_catalog, pg_temp'

/** What store.open found out about row level security; statements follow it from then on. */
export interface RowSecurity {
  /** True when each statement must carry its tenant (and take on a role where one is set). */
  readonly active: boolean
  /** Role for tenants' statements; undefined leaves the login's. */
  readonly appRole?: string | undefined
  readonly workerRole?: string | undefined
}

export interface Opening {
  readonly as: Identity
  readonly security: RowSecurity
  readonly isolation?: Isolation | undefined
  readonly readOnly?: boolean | undefined
  /** Limits for the server, ms, where the connection's own do not hold. */
  readonly limits?: Readonly<Record<string, number>> | undefined
  readonly settings?: readonly Setting[] | undefined
  /** Whether the session has the pinned path already. */
  readonly pinned: boolean
}

/**
 * BEGIN and all that must hold inside, in one message: tenant, role and limits end with the transaction, so nothing is
 * left on a connection that somebody else (or PgBouncer) uses next.
 */
export function openingStatement(opening: Opening): string {
  const { isolation, readOnly } = opening
  const modes = [
    isolation !== undefined && isolation !== 'read committed' && ` ISOLATION LEVEL ${isolation.toUpperCase()}`,
    readOnly && ' READ ONLY',
  ].filter(Boolean)
  const settings = settingsOf(opening)
  const begin = `BEGIN${modes.join('')}`
  if (settings.length === 0) return begin
  const calls = settings.map(([name, value]) => `pg_catalog.set_config(${literal(name)}, ${literal(value)}, true)`)
  return `${begin}; SELECT ${calls.join(', ')}`
}

/** What must hold inside; the role last, since it may have no right to the others. */
export function settingsOf({ as, security, limits, settings: own = [], pinned }: Opening): Setting[] {
  const settings: Setting[] = pinned ? [...own] : [['search_path', pinnedPath], ...own]
  if ('tenant' in as) settings.push(['headwater.tenant', as.tenant])
  if ('tenant' in as && as.actor !== undefined) settings.push(['headwater.actor', as.actor])
  if (limits) for (const [name, ms] of Object.entries(limits)) settings.push([name, String(Math.ceil(ms))])
  const role = roleOf(as, security)
  if (role !== undefined) settings.push(['role', role])
  return settings
}

export function roleOf(as: Identity, security: RowSecurity): string | undefined {
  if (!security.active) return undefined
  return 'tenant' in as ? security.appRole : security.workerRole
}

/** Whether a single statement needs a transaction around it to carry its tenant, role or actor. */
export function needsOpening(as: Identity, security: RowSecurity, read: boolean): boolean {
  if (!read && 'tenant' in as && as.actor !== undefined) return true
  return security.active && ('tenant' in as || security.workerRole !== undefined)
}

/**
 * Limits of a transaction, ms. The connection's own come from its startup parameters, where those were sent; a call's
 * own time raises or lowers the statement's, kept below the client's so that the server ends it first.
 */
export function limitsOf(
  options: ResolvedPostgresOptions,
  remainingMs: number,
  timed: boolean,
): Record<string, number> | undefined {
  const { target } = options
  // PGlite stops no statement at its timeout and has nobody to wait for.
  if (target.kind === 'embedded') return undefined
  const limits: Record<string, number> = {}
  if (target.kind === 'pool' || !options.startupParameters) {
    limits['statement_timeout'] = options.statementTimeoutMs
    limits['lock_timeout'] = options.lockTimeoutMs
    limits['idle_in_transaction_session_timeout'] = options.idleInTransactionTimeoutMs
  }
  if (timed && Number.isFinite(remainingMs)) limits['statement_timeout'] = Math.max(1, remainingMs * 0.9)
  return Object.keys(limits).length > 0 ? limits : undefined
}

/** A string as SQL text. Names of tenants and roles have no need of it, but a guard that relies on that is none. */
export function literal(value: string): string {
  const quoted = `'${value.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return value.includes('\\') ? ` E${quoted}` : quoted
}

const lead = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/|\()*/
const reads = /^(select|values|table|show)\b/i
const changes = /\b(insert|update|delete|merge)\b/i

/** True when repeating the statement, or not knowing whether it ran, does no harm. Doubt counts as a change. */
export function isRead(text: string): boolean {
  const body = text.replace(lead, '')
  return reads.test(body) || (/^with\b/i.test(body) && !changes.test(body))
}
