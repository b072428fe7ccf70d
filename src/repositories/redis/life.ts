import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import type { Random } from '../../core/random'

/** A time to live in whole ms, or an error that names the option. */
export function checkTtl(ttlMs: number, path: string, code: 'HW_INVALID_OPTIONS' | 'HW_INVALID_ARGUMENT'): number {
  if (Number.isFinite(ttlMs) && ttlMs > 0 && ttlMs < 2 ** 52) return Math.ceil(ttlMs)
  throw new HeadwaterError(code, `${path}: must be a number of milliseconds above 0, got ${describeValue(ttlMs)}`, {
    path,
  })
}

/** Shortened by up to its share `jitter`, so that what was stored together does not expire together. */
export function jittered(ttlMs: number, jitter: number, random: Random): number {
  return jitter === 0 ? ttlMs : Math.max(1, Math.round(ttlMs * (1 - jitter * random.next())))
}

export function checkJitter(jitter: number, path: string): number {
  if (typeof jitter === 'number' && jitter >= 0 && jitter < 1) return jitter
  const message = `${path}: must be at least 0 and below 1, got ${describeValue(jitter)}`
  throw new HeadwaterError('HW_INVALID_OPTIONS', message, { path })
}
