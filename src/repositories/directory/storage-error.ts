import { HeadwaterError, isHeadwaterError } from '../../core/errors'

const meanings: Record<string, string> = {
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'access is denied',
  EPERM: 'the operation is not permitted',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a folder',
  EMFILE: 'too many files are open',
  EIO: 'the device failed',
}

/** A failure of the file system as HW_STORAGE, with what it means and where. */
export function storageError(cause: unknown, path: string): HeadwaterError {
  if (isHeadwaterError(cause)) return cause
  const code = errnoOf(cause)
  const meaning = (code && meanings[code]) ?? (cause instanceof Error ? cause.message : String(cause))
  return new HeadwaterError('HW_STORAGE', `${path}: ${meaning}${code ? ` (${code})` : ''}`, {
    cause,
    path,
    details: { path, ...(code && { code }) },
  })
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** What the work gives, or null where the file is not there. */
export async function unlessMissing<T>(work: Promise<T>, path: string): Promise<T | null> {
  try {
    return await work
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw storageError(error, path)
  }
}
