import { HeadwaterError } from '../../core/errors'

export function invalidArgument(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
