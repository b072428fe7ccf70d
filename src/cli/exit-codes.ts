import type { ErrorCode, HeadwaterError } from '../core/errors'

/** What the process ends with; docs/cli.md says when. */
export const exitCodes = Object.freeze({ ok: 0, failed: 1, usage: 2, interrupted: 130 })

const ofUsage: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'HW_INVALID_ARGUMENT',
  'HW_INVALID_OPTIONS',
  'HW_INVALID_SETTINGS',
  'HW_INVALID_FILTER',
  'HW_INVALID_CURSOR',
  'HW_LIMIT_EXCEEDED',
  'HW_COLLECTION_UNKNOWN',
])

export function exitCodeOf(error: HeadwaterError, interrupted: boolean): number {
  if (interrupted && error.code === 'HW_ABORTED') return exitCodes.interrupted
  return ofUsage.has(error.code) ? exitCodes.usage : exitCodes.failed
}
