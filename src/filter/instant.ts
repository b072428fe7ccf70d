const iso = /^(\d{4}-\d{2}-(\d{2}))(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?([Zz]|[+-]\d{2}:?\d{2})?)?$/

/**
 * Epoch ms of an ISO 8601 date or time, of a Date, or of epoch ms; undefined for anything else. A time without an
 * offset is UTC on every machine, digits below the millisecond are cut off.
 */
export function parseInstant(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : undefined
  if (value instanceof Date) return finite(value.getTime())
  if (typeof value !== 'string') return undefined
  const [, date, day, time = '00:00', fraction = '', offset = 'Z'] = iso.exec(value) ?? []
  // The engine's own parser takes the 31st of February for the 3rd of March.
  if (date === undefined || new Date(`${date}T00:00:00Z`).getUTCDate() !== Number(day)) return undefined
  const seconds = time.length === 5 ? `${time}:00` : time
  const zone = offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset.toUpperCase()
  return finite(Date.parse(`${date}T${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`))
}

function finite(ms: number): number | undefined {
  return Number.isFinite(ms) ? ms : undefined
}
