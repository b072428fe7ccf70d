import { isPlainObject } from '../../core/json'

/** The value at a dotted path; a name that has dots itself is found first. */
export function valueAt(values: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(values, path)) return values[path]
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const name = path.slice(0, dot)
    const inner = Object.hasOwn(values, name) ? values[name] : undefined
    if (isPlainObject(inner)) return valueAt(inner, path.slice(dot + 1))
  }
  return undefined
}

const deepest = 100

/** A value of a driver's as JSON has it: times as ISO strings, large numbers and bytes as text. NaN stays what it is. */
export function plainValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, (one) => plainValue(one))
  if (typeof value !== 'object' || value === null || depth > deepest) return value
  if (Array.isArray(value)) return value.map((one) => plainValue(one, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plainValue(one, depth + 1)]))
}

/** A vector in whichever form a source has it: a list, typed numbers, or the text of pgvector. Undefined for none. */
export function vectorOf(value: unknown): ArrayLike<number> | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') return value as ArrayLike<number>
  try {
    return JSON.parse(value) as number[]
  } catch {
    return value as unknown as number[]
  }
}
