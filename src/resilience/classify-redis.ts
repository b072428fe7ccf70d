import { type ErrorCode, HeadwaterError } from '../core/errors'
import { codeOf, errorChain, messageOf, networkFailure } from './classify-network'

export interface RedisFailure {
  readonly error: HeadwaterError
  /** True when the connection is of no more use: late, lost, or to a server that has changed its role. */
  readonly drop: boolean
}

interface Rule {
  readonly code: ErrorCode
  readonly retryable?: boolean
  readonly drop?: boolean
}

/** By the first word of the server's answer. */
const replies: Record<string, Rule> = {
  NOAUTH: { code: 'HW_UNAUTHORIZED', drop: true },
  WRONGPASS: { code: 'HW_UNAUTHORIZED', drop: true },
  NOPERM: { code: 'HW_UNAUTHORIZED' },
  LOADING: { code: 'HW_UNAVAILABLE' },
  MASTERDOWN: { code: 'HW_UNAVAILABLE' },
  CLUSTERDOWN: { code: 'HW_UNAVAILABLE' },
  TRYAGAIN: { code: 'HW_UNAVAILABLE' },
  BUSY: { code: 'HW_UNAVAILABLE' },
  // A primary that was demoted stays reachable, and refuses every write until one connects elsewhere.
  READONLY: { code: 'HW_UNAVAILABLE', drop: true },
  NOREPLICAS: { code: 'HW_UNAVAILABLE' },
  OOM: { code: 'HW_OVERLOADED' },
  MISCONF: { code: 'HW_UNAVAILABLE' },
}

/** What ioredis says in words only. */
const phrases: readonly (readonly [RegExp, Rule])[] = [
  [/^Command timed out/, { code: 'HW_TIMEOUT', drop: true }],
  [/^Connection is closed|isn't writeable|^Socket closed|^Socket timeout/, { code: 'HW_UNAVAILABLE', drop: true }],
  [/^Protocol error|^Command queue state error/, { code: 'HW_UNAVAILABLE', drop: true }],
  [/max number of clients reached/i, { code: 'HW_UNAVAILABLE', drop: true }],
  [/DB index is out of range|invalid DB index/i, { code: 'HW_INVALID_OPTIONS', drop: true }],
  [/without any password configured|no password is set|invalid (username-)?password/i, { code: 'HW_UNAUTHORIZED' }],
]

/** An error of ioredis as one of ours; `what` begins the message and says what was being done. */
export function classifyRedis(error: unknown, what: string): RedisFailure {
  if (error instanceof HeadwaterError) return { error, drop: false }
  const network = networkFailure(error)
  if (network) {
    const more = { cause: error, retryable: network.passing, details: { network: network.code } }
    return { error: new HeadwaterError('HW_UNAVAILABLE', `${what}: ${network.message}`, more), drop: true }
  }
  for (const link of errorChain(error)) {
    // An answer that nobody asked for may be anybody's value.
    const message = messageOf(link).replace(/ Last (?:reply|error): .*/s, '')
    const rule = phrases.find(([pattern]) => pattern.test(message))?.[1] ?? replies[/^[A-Z]+/.exec(message)?.[0] ?? '']
    if (!rule) continue
    const more = { cause: error, retryable: rule.retryable }
    return { error: new HeadwaterError(rule.code, `${what}: ${message}`, more), drop: rule.drop ?? false }
  }
  const code = codeOf(error)
  const details = code === undefined ? undefined : { code }
  return {
    error: new HeadwaterError('HW_DATABASE', `${what}: ${messageOf(error)}`, { cause: error, details }),
    // A refusal is an answer; anything else says nothing good about the connection.
    drop: !(error instanceof Error && error.name === 'ReplyError'),
  }
}
