import { HeadwaterError } from '../core/errors'
import type { Target } from '../repositories/generations'

const targets: readonly string[] = ['vector', 'text'] satisfies Target[]

/** The value of --target. */
export function targetFrom(given: string): Target
export function targetFrom(given: string | undefined): Target | undefined
export function targetFrom(given: string | undefined): Target | undefined {
  if (given === undefined || isTarget(given)) return given
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `--target: must be vector or text, got ${JSON.stringify(given)}`, {
    path: '--target',
  })
}

function isTarget(given: string): given is Target {
  return targets.includes(given)
}
