import { describeValue } from './describe-value'
import { HeadwaterError } from './errors'
import type { InvalidCode } from './known-options'

/**
 * Text that may become a parameter of a statement or part of a key: a string of so many bytes in UTF-8, without NUL and
 * without half of a surrogate pair, of which no store takes any. Long ones are refused before they are counted.
 */
export function checkText(value: unknown, path: string, maxBytes: number, code: InvalidCode): string {
  if (typeof value !== 'string') {
    throw wrong(path, `must be a string, got ${value === null ? 'null' : describeValue(value)}`, code)
  }
  if (value.length > maxBytes || (value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes)) {
    throw wrong(path, `must be at most ${maxBytes} bytes, got ${Buffer.byteLength(value)}`, code)
  }
  if (value.includes('\0')) throw wrong(path, 'must not hold a NUL character', code)
  if (!value.isWellFormed()) throw wrong(path, 'must not hold a lone surrogate (half of a UTF-16 pair)', code)
  return value
}

function wrong(path: string, problem: string, code: InvalidCode): HeadwaterError {
  return new HeadwaterError(code, `${path}: ${problem}`, { path })
}
