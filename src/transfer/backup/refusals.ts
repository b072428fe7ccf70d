import { HeadwaterError } from '../../core/errors'

export function damaged(what: string, details: Record<string, unknown> = {}, cause?: unknown): HeadwaterError {
  return new HeadwaterError('HW_BACKUP_DAMAGED', what, { details, cause })
}

export function missingFile(place: string, name: string): HeadwaterError {
  return damaged(`${name} is not in ${place}`, { file: name })
}
