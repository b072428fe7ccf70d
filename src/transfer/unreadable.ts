import { HeadwaterError, isHeadwaterError } from '../core/errors'

/** HW_STORAGE for a file or folder that could not be read, or written. */
export function unreadable(place: string, cause: unknown, verb: 'read' | 'written' = 'read'): HeadwaterError {
  if (isHeadwaterError(cause)) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new HeadwaterError('HW_STORAGE', `${place} cannot be ${verb}: ${reason}`, { cause, path: place })
}
