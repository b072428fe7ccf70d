import type { ErrorCode, HeadwaterError } from '../../core/errors'

/** Failures of a store or of this process, never of the document at hand: the target pauses, the job is untouched. */
const ofTheStore: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'HW_UNAVAILABLE',
  'HW_SERVER_UNSUPPORTED',
  'HW_CIRCUIT_OPEN',
  'HW_TIMEOUT',
  'HW_ABORTED',
  'HW_CLOSED',
  'HW_OVERLOADED',
  'HW_UNAUTHORIZED',
  'HW_CONFLICT',
  'HW_COMMIT_UNKNOWN',
  'HW_GENERATION_MISSING',
  'HW_FINGERPRINT_MISMATCH',
  'HW_TOPOLOGY_MISMATCH',
  'HW_STORAGE',
  'HW_INVALID_OPTIONS',
  'HW_DRIVER_MISSING',
  'HW_EXTENSION_MISSING',
])

/** True when the failure says nothing about the document. */
export function isOfTheStore(error: HeadwaterError): boolean {
  return error.retryable || ofTheStore.has(error.code)
}

const outages: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'HW_UNAVAILABLE',
  'HW_CIRCUIT_OPEN',
  'HW_TIMEOUT',
  'HW_ABORTED',
  'HW_CLOSED',
  'HW_OVERLOADED',
  'HW_UNAUTHORIZED',
  'HW_DRIVER_MISSING',
])

/** True when an embedder says that it answers nothing; of its other failures only another text tells. */
export function isOutageByItself(error: HeadwaterError): boolean {
  return outages.has(error.code)
}
