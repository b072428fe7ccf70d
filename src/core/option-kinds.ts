import { describeValue } from './describe-value'
import { HeadwaterError } from './errors'
import { type InvalidCode, reading, refuseUnknown } from './known-options'

/** Gives the value as it is to be used, read once; throws with its path where it is not of the kind. */
export type Kind = (value: unknown, path: string, code: InvalidCode) => unknown

/** A kind for each name that options of type T may have: `{ ... } satisfies OptionKinds<T>` lacks none. */
export type OptionKinds<T> = { readonly [K in keyof T]-?: Kind }

/** Options of which none is `undefined`. */
export type Taken<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/**
 * The options as they are to be used: known names alone, each read once and of its kind, `undefined` left out. `path` is
 * of the options themselves, empty for those of a call.
 */
export function checkOptions<T extends object>(
  options: T | undefined,
  kinds: OptionKinds<T>,
  path: string,
  code: InvalidCode = 'HW_INVALID_OPTIONS',
): Taken<T> {
  const checked: Record<string, unknown> = {}
  if (options === undefined) return checked as Taken<T>
  reading(path, code, () => {
    refuseUnknown(options, kinds, path, code)
    for (const [name, kind] of Object.entries<Kind>(kinds)) {
      const value: unknown = Reflect.get(options, name)
      if (value !== undefined) checked[name] = kind(value, path === '' ? name : `${path}.${name}`, code)
    }
  })
  return checked as Taken<T>
}

/** Of the options that have a default: each as it was given, else by default. */
export function completed<D extends object, T extends { [K in keyof D]?: unknown }>(
  defaults: D,
  options: T,
): { [K in keyof D]: K extends keyof T ? Exclude<T[K], undefined> : never } {
  const names = Object.keys(defaults)
  return Object.fromEntries(
    names.map((name) => [name, Reflect.get(options, name) ?? Reflect.get(defaults, name)]),
  ) as never
}

const largest = 2 ** 31 - 1

/** A whole number within bounds, by default what fits 32 bits. */
export function whole(least: number, most = largest): Kind {
  return kind(
    `a whole number from ${least} to ${most}`,
    (value) => Number.isInteger(value) && within(value, least, most),
  )
}

/** A finite number within bounds, both included. */
export function number(least: number, most: number): Kind {
  return kind(`a number from ${least} to ${most}`, (value) => within(value, least, most))
}

/** As `number`, and Infinity, which stands for no bound. */
export function numberOrInfinity(least: number, most: number): Kind {
  const bounded = (value: unknown): boolean => value === Number.POSITIVE_INFINITY || within(value, least, most)
  return kind(`a number from ${least} to ${most}, or Infinity`, bounded)
}

/** A time in ms, whole or not. What waits for longer than 24.8 days waits in steps. */
export function milliseconds(least = 0): Kind {
  return kind(`a number of milliseconds from ${least}`, (value) => within(value, least, Number.MAX_SAFE_INTEGER))
}

/** Above 0 and below 1. */
export const share: Kind = kind('between 0 and 1', (value) => typeof value === 'number' && value > 0 && value < 1)

export const flag: Kind = kind('true or false', (value) => typeof value === 'boolean')

export const method: Kind = kind('a function', (value) => typeof value === 'function')

export function oneOf(...values: readonly unknown[]): Kind {
  return kind(`one of ${values.join(', ')}`, (value) => values.includes(value))
}

/** Text of 1 to so many characters, without NUL. */
export function text(most = 1_024): Kind {
  return kind(`a text of 1 to ${most} characters`, (value) => isText(value, most) && value !== '')
}

/** A name in Postgres, which cuts longer ones off in silence. */
export const identifier: Kind = kind(
  'a text of 1 to 63 bytes',
  (value) => isText(value, 63) && value !== '' && Buffer.byteLength(value as string) <= 63,
)

/** Text that may be empty. */
export function words(most = 1_024): Kind {
  return kind(`a text of at most ${most} characters`, (value) => isText(value, most))
}

/** Text that no message shows, a password or an address with one; what it must look like is said elsewhere. */
export const secret: Kind = (value, path, code) => {
  if (isText(value, 65_536)) return value
  throw wrong(path, 'must be a text', code)
}

/** PEM as text or bytes, or several of them. */
export const pem: Kind = (value, path, code) => {
  const one = (part: unknown): boolean => isText(part, 1_048_576) || part instanceof Uint8Array
  if (one(value) || (Array.isArray(value) && value.length <= 1_000 && value.every(one))) return value
  throw wrong(path, 'must be PEM, as text or bytes', code)
}

/** What has these methods: a client, a clock. */
export function having(...methods: readonly string[]): Kind {
  const has = (value: unknown): boolean =>
    methods.every((name) => typeof Reflect.get(Object(value), name) === 'function')
  const what = methods.length > 0 ? `an object with ${methods.map((name) => `${name}()`).join(', ')}` : 'an object'
  return kind(what, (value) => isObject(value) && has(value))
}

/** Options within options. */
export function group(kinds: Readonly<Record<string, Kind>>): Kind {
  return (value, path, code) => {
    if (value === null) throw wrong(path, 'must be an object, got null', code)
    return checkOptions(value as object, kinds, path, code)
  }
}

/** True or false, or more than that in a group. */
export function flagOr(other: Kind): Kind {
  return (value, path, code) => (typeof value === 'boolean' ? value : other(value, path, code))
}

/** A list, copied: no more than `most` of what is of one kind. */
export function list(of: Kind, most: number): Kind {
  return (value, path, code) => {
    if (!Array.isArray(value)) throw wrong(path, `must be a list, got ${describeValue(value)}`, code)
    const { length } = value
    if (!(Number.isInteger(length) && length <= most)) throw wrong(path, `at most ${most}, got ${length}`, code)
    return Array.from({ length }, (_, at) => of(value[at], `${path}[${at}]`, code))
  }
}

/** A table: values of one kind by names that are free. */
export function table(of: Kind): Kind {
  return (value, path, code) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw wrong(path, `must be an object, got ${describeValue(value)}`, code)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, of(one, `${path}.${name}`, code)]))
  }
}

/** What is checked where it is used. */
export const anything: Kind = (value) => value

function kind(what: string, is: (value: unknown) => boolean): Kind {
  return (value, path, code) => {
    if (is(value)) return value
    throw wrong(path, `must be ${what}, got ${describeValue(value)}`, code)
  }
}

/** True for a number within bounds, both included. */
export function within(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

function isText(value: unknown, most: number): boolean {
  return typeof value === 'string' && value.length <= most && !value.includes('\0') && value.isWellFormed()
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function wrong(path: string, problem: string, code: InvalidCode): HeadwaterError {
  return new HeadwaterError(code, `${path}: ${problem}`, { path })
}
