import { abortable } from '../../core/abort'
import type { Deadline } from '../../core/deadline'
import { asHeadwaterError, type ErrorCode } from '../../core/errors'

/** One line of the report. */
export interface Check {
  /** What was looked at, e.g. `qdrant` or `index vector_documents_1`. */
  readonly name: string
  readonly state: 'ok' | 'warning' | 'failed'
  /** What was found. */
  readonly detail: string
  /** What to do; null when all is well. */
  readonly remedy: string | null
  /** Of the error behind a failure. */
  readonly code: ErrorCode | null
}

export function ok(name: string, detail: string): Check {
  return { name, state: 'ok', detail, remedy: null, code: null }
}

export function warning(name: string, detail: string, remedy: string): Check {
  return { name, state: 'warning', detail, remedy, code: null }
}

export function failed(name: string, cause: unknown, remedy?: string): Check {
  const { code, message, remedy: usual } = asHeadwaterError(cause)
  return { name, state: 'failed', detail: `${code}: ${message}`, remedy: remedy ?? usual, code }
}

/** What could not be looked at because another check failed. */
export function unseen(name: string, because: string): Check {
  return warning(name, `Not looked at, for what is wrong with ${because}.`, `Mend ${because}, then run this again.`)
}

/** The checks that `work` makes before the deadline, else one that failed. */
export async function attempt(name: string, deadline: Deadline, work: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await abortable(work(), deadline.signal)
  } catch (cause) {
    return [failed(name, cause)]
  }
}
