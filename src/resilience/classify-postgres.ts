import { type ErrorCode, HeadwaterError } from '../core/errors'
import { codeOf, errorChain, messageOf, networkFailure } from './classify-network'

/** What to do with the connection after an error: keep it, replace it, or replace all of the pool. */
export type Eviction = 'none' | 'connection' | 'pool'

export interface PostgresFailure {
  readonly error: HeadwaterError
  readonly evict: Eviction
  /** True when the server itself said so, false when the connection failed: then the outcome is open. */
  readonly answered: boolean
}

interface Rule {
  readonly code: ErrorCode
  readonly evict?: Eviction
  readonly retryable?: boolean
}

/** SQLSTATEs, then their classes (the first two characters); what is in neither is HW_DATABASE. */
const states: Readonly<Record<string, Rule>> = {
  '40001': { code: 'HW_CONFLICT' },
  '40P01': { code: 'HW_CONFLICT' },
  '55P03': { code: 'HW_CONFLICT' },
  '40003': { code: 'HW_UNAVAILABLE', evict: 'connection' },
  '57014': { code: 'HW_TIMEOUT' },
  '25P03': { code: 'HW_TIMEOUT', evict: 'connection' },
  '25P04': { code: 'HW_TIMEOUT', evict: 'connection' },
  '25P02': { code: 'HW_TRANSACTION_ABORTED' },
  // A demoted primary answers reads but no writes: every connection of the pool leads to it.
  '25006': { code: 'HW_UNAVAILABLE', evict: 'pool' },
  '57P01': { code: 'HW_UNAVAILABLE', evict: 'connection' },
  '57P02': { code: 'HW_UNAVAILABLE', evict: 'connection' },
  '57P03': { code: 'HW_UNAVAILABLE', evict: 'connection' },
  '57P05': { code: 'HW_UNAVAILABLE', evict: 'connection' },
  '53300': { code: 'HW_UNAVAILABLE', evict: 'connection' },
  '53200': { code: 'HW_UNAVAILABLE' },
  '53100': { code: 'HW_STORAGE' },
  '58030': { code: 'HW_STORAGE', evict: 'connection' },
  '42501': { code: 'HW_UNAUTHORIZED' },
  // Plans and statements that this connection remembers and the server no longer has.
  '26000': { code: 'HW_DATABASE', evict: 'connection' },
  '28': { code: 'HW_UNAUTHORIZED', evict: 'connection' },
  '08': { code: 'HW_UNAVAILABLE', evict: 'connection' },
}

/** Failures that pg and PGlite report in words only. */
const phrases: readonly (readonly [RegExp, Rule])[] = [
  [/timeout exceeded when trying to connect|Connection terminated due to connection timeout|timeout expired/, gone()],
  [/Connection terminated|Client has encountered a connection error|Client was closed/, gone()],
  [/server closed the connection|Connection ended|connection is (closed|insecure)|not queryable/i, gone()],
  [/Received unexpected .* message from backend/, gone()],
  [/Query read timeout/, { code: 'HW_TIMEOUT', evict: 'connection' }],
  [/Cannot use a pool after calling end|PGlite is (closed|closing)/, { code: 'HW_CLOSED', evict: 'connection' }],
  [/server does not support SSL/i, { code: 'HW_UNAVAILABLE', evict: 'connection', retryable: false }],
  [/SASL|client password must be a string|Password must be a string/, { code: 'HW_UNAUTHORIZED', evict: 'connection' }],
]

const sqlState = /^[0-9A-Z]{5}$/

/**
 * An error of pg, PGlite, Kysely or drizzle (which wrap it) as one of ours. `what` begins the message and says what
 * was being done.
 */
export function classifyPostgres(error: unknown, what: string): PostgresFailure {
  if (error instanceof HeadwaterError) return { error, evict: 'none', answered: false }
  const chain = errorChain(error)
  const state = chain.map(codeOf).find((code) => code !== undefined && isSqlState(code, chain))
  if (state !== undefined) return fromState(error, chain, state, what)
  const network = networkFailure(error)
  if (network) {
    const details = { network: network.code }
    const more = { cause: error, retryable: network.passing, details }
    return { error: new HeadwaterError('HW_UNAVAILABLE', `${what}: ${network.message}`, more), ...broken }
  }
  for (const link of chain) {
    const rule = phrases.find(([pattern]) => pattern.test(messageOf(link)))?.[1]
    if (rule) {
      const more = { cause: error, retryable: rule.retryable }
      return { error: new HeadwaterError(rule.code, `${what}: ${messageOf(link)}`, more), ...broken }
    }
  }
  // Unknown to us: nothing says that the connection is sound, so it is not used again.
  return { error: new HeadwaterError('HW_DATABASE', `${what}: ${messageOf(error)}`, { cause: error }), ...broken }
}

/** Whether a COMMIT that ended in this error may have committed all the same. */
export function commitIsUnknown(failure: PostgresFailure): boolean {
  if (!failure.answered) return true
  const state = String(failure.error.details?.['sqlState'] ?? '')
  // A backend told to stop while it waits for a standby has committed already; an I/O or internal error is anyone's guess.
  return /^(08|57P|58|XX|40003)/.test(state)
}

const broken = { evict: 'connection', answered: false } as const

function fromState(error: unknown, chain: unknown[], state: string, what: string): PostgresFailure {
  const source = chain.find((link) => codeOf(link) === state)
  const stale = state === '0A000' && /cached plan must not change/.test(messageOf(source))
  const rule: Rule = stale
    ? { code: 'HW_DATABASE', evict: 'connection', retryable: true }
    : (states[state] ?? states[state.slice(0, 2)] ?? { code: 'HW_DATABASE' })
  const wrapped = new HeadwaterError(rule.code, `${what}: ${messageOf(source)}`, {
    cause: error,
    retryable: rule.retryable,
    details: { sqlState: state, ...facts(source) },
  })
  return { error: wrapped, evict: rule.evict ?? 'none', answered: true }
}

/** Names of what a constraint or a privilege was about; values of rows are left out. */
function facts(source: unknown): Record<string, string> {
  const found: Record<string, string> = {}
  if (typeof source !== 'object' || source === null) return found
  for (const key of ['schema', 'table', 'column', 'constraint'] as const) {
    const value: unknown = Reflect.get(source, key)
    if (typeof value === 'string' && value !== '') found[key] = value
  }
  return found
}

/** Node's own codes such as EPIPE look like a SQLSTATE; a server's error also carries a severity. */
function isSqlState(code: string, chain: unknown[]): boolean {
  if (!sqlState.test(code)) return false
  const source = chain.find((link) => codeOf(link) === code)
  return typeof source === 'object' && source !== null && 'severity' in source
}

function gone(): Rule {
  return { code: 'HW_UNAVAILABLE', evict: 'connection' }
}
