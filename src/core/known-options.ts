import { describeValue, shortened } from './describe-value'
import { HeadwaterError, isHeadwaterError } from './errors'

/** Each name that options of type T may have: `{ ... } satisfies KnownOptions<T>` lacks none and has none too many. */
export type KnownOptions<T> = { readonly [K in keyof T]-?: unknown }

/** Of an option of a store, and of an argument or an option of a call. */
export type InvalidCode = 'HW_INVALID_OPTIONS' | 'HW_INVALID_ARGUMENT' | 'HW_INVALID_DOCUMENT'

/** Reads what a caller gave: whatever a getter or a Proxy of his throws becomes an error that names the path. */
export function reading<T>(
  path: string,
  code: InvalidCode | 'HW_INVALID_ENTITY' | 'HW_INVALID_METADATA' | 'HW_INVALID_FILTER',
  read: () => T,
): T {
  try {
    return read()
  } catch (cause) {
    if (isHeadwaterError(cause)) throw cause
    throw new HeadwaterError(code, `${path || 'options'}: cannot be read`, { path, cause })
  }
}

/**
 * Refuses a name that is no key of `known`, which would be ignored in silence otherwise. `path` is of the options
 * themselves, empty for those of a call. HW_INVALID_OPTIONS names the path and what was meant.
 */
export function refuseUnknown(
  options: object | undefined,
  known: object,
  path: string,
  code: InvalidCode = 'HW_INVALID_OPTIONS',
): void {
  if (options === undefined) return
  // Bytes and vectors have as many names as numbers.
  if (typeof options !== 'object' || options === null || Array.isArray(options) || ArrayBuffer.isView(options)) {
    throw new HeadwaterError(code, `${path || 'options'}: must be an object, got ${describeValue(options)}`, { path })
  }
  for (const name in options) {
    if (Object.hasOwn(known, name)) continue
    const at = path === '' ? shortened(name) : `${path}.${shortened(name)}`
    const names = Object.keys(known)
    const near = name.length > longestName ? undefined : nearest(name, names)
    const meant = near === undefined ? '' : `, did you mean ${near}?`
    throw new HeadwaterError(code, `${at}: unknown option${meant}; known are ${names.join(', ')}`, { path: at })
  }
}

const longestName = 60

/** The name that a slip of the hand turns into `name`: one letter in three is wrong at most, or one is part of the other. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const wrong = name.toLowerCase()
  const ranked = names
    .map((one) => ({ one, slips: distance(wrong, one.toLowerCase()) }))
    .sort((a, b) => a.slips - b.slips)
  const [best] = ranked
  if (best && best.slips <= Math.max(1, Math.floor(name.length / 3))) return best.one
  return names.find((one) => one.length > 2 && wrong.length > 2 && contains(one.toLowerCase(), wrong))
}

function contains(a: string, b: string): boolean {
  return a.includes(b) || b.includes(a)
}

/** Letters to add, drop or change to come from one text to the other; two that changed places count as one. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1)
      next.push(least)
    }
    before = row
    row = next
  }
  return row[b.length]!
}
