import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'

export interface NumberFlagOptions {
  readonly least: number
  readonly most?: number | undefined
  /** What is counted, for the message: "seconds". */
  readonly unit?: string | undefined
  /** Takes fractions too. */
  readonly fractions?: boolean | undefined
}

/** The value of a flag that takes a number; HW_INVALID_ARGUMENT names the flag and what it takes. */
export function numberFrom(flag: string, given: string, options: NumberFlagOptions): number
export function numberFrom(flag: string, given: string | undefined, options: NumberFlagOptions): number | undefined
export function numberFrom(flag: string, given: string | undefined, options: NumberFlagOptions): number | undefined {
  if (given === undefined) return undefined
  const { least, most = Number.MAX_SAFE_INTEGER, unit, fractions = false } = options
  const isWritten = fractions ? /^\d+(\.\d+)?$/ : /^\d+$/
  const value = isWritten.test(given) ? Number(given) : Number.NaN
  if (value >= least && value <= most) return value
  const kind = fractions ? 'a number' : 'a whole number'
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
  const what = unit === undefined ? `${kind} ${range}` : `${kind} of ${unit} ${range}`
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `${flag}: must be ${what}, got ${describeValue(given)}`, {
    path: flag,
  })
}
