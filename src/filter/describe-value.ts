/** A value as an error message shows it: short, on one line, and never failing on what it shows. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 59)}…` : value)
  if (value === null || ['number', 'boolean', 'undefined'].includes(typeof value)) return String(value)
  if (typeof value === 'bigint') return 'a bigint'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : `Date ${value.toISOString()}`
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
