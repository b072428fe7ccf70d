const shape =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*(?:([Zz])|([+-])(\d{2}):?(\d{2}))?)?$/

/** Microseconds since 1970 of a datetime as Qdrant reads it: RFC 3339, also without a zone (UTC) or a time (midnight). */
export function parseInstant(text: string): number | undefined {
  const found = shape.exec(text)
  if (!found) return undefined
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0)) as number[]
  if (month! < 1 || month! > 12 || hour! > 23 || minute! > 59 || second! > 60) return undefined
  const midnight = new Date(0)
  midnight.setUTCFullYear(year!, month! - 1, day!)
  if (midnight.getUTCDate() !== day || day === 0) return undefined
  const micros = Number((found[7] ?? '').padEnd(6, '0').slice(0, 6))
  const offset = (found[9] === '-' ? -1 : 1) * (Number(found[10] ?? 0) * 60 + Number(found[11] ?? 0))
  const seconds = midnight.getTime() / 1000 + (hour! * 60 + minute! - offset) * 60 + second!
  return seconds * 1_000_000 + micros
}
