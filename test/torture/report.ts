import type { Phase } from './aim'
import type { Profile, ServerName } from './servers'

/** What a torture came to. */
export interface TortureReport {
  readonly seed: number
  readonly profile: Profile
  rounds: number
  readonly kills: Record<Phase | 'anywhere', number>
  readonly pauses: Partial<Record<ServerName, number>>
  readonly restarts: Partial<Record<ServerName, number>>
  rebuilds: number
  /** Rebuilds into another engine that came to their end, under the faults of a round, by the engine's name. */
  readonly changes: Record<string, number>
  acknowledged: number
  searches: number
  hits: number
  /** Errors that callers were given, by code. */
  refusals: Record<string, number>
  checks: number
  /** Processes that printed something on stderr. */
  warnings: number
  /** Entries of a late delivery, found after a drain, that the sweep then removed. */
  resurrected: number
  /** Physical indexes without a generation at the end. */
  leftovers: string[]
  violations: string[]
  seconds: number
  /** Where the journals are, when there was a violation. */
  journals?: string
}

export function newReport(seed: number, profile: Profile): TortureReport {
  const kills = {
    'before-commit': 0,
    'at-commit': 0,
    'after-commit': 0,
    claimed: 0,
    apply: 0,
    copy: 0,
    switch: 0,
    anywhere: 0,
  }
  return {
    seed,
    profile,
    rounds: 0,
    kills,
    pauses: {},
    restarts: {},
    rebuilds: 0,
    changes: {},
    acknowledged: 0,
    searches: 0,
    hits: 0,
    refusals: {},
    checks: 0,
    warnings: 0,
    resurrected: 0,
    leftovers: [],
    violations: [],
    seconds: 0,
  }
}
