/** A value as an error message shows it: short, on one line, and never failing on what it shows. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shortened(value))
  if (value === null || ['number', 'boolean', 'undefined'].includes(typeof value)) return String(value)
  if (typeof value === 'bigint') return 'a bigint'
  if (typeof value !== 'object') return `a ${typeof value}`
  try {
    if (Array.isArray(value)) return `a list of ${value.length}`
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : `Date ${value.toISOString()}`
  } catch {
    // A Proxy may throw at every question.
  }
  return 'an object'
}

/** The beginning of a text, never half of a surrogate pair. */
export function shortened(text: string, most = 60): string {
  return (text.length > most ? `${text.slice(0, most - 1)}…` : text).toWellFormed()
}
