import type { TypeParsers } from './client'

const int8 = 20
const int8Array = 1016
const dates = new Set([1114, 1184])

/** A bigint as a number where that is exact, else as its text. */
export function parseInt8(text: string): number | string {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : text
}

/**
 * pg's parsers as they come, except that bigint becomes a number. Not `pg.types`, which the application sets for itself:
 * what it does there must not reach our statements.
 */
export function typeParsers(): Promise<TypeParsers> {
  loaded ??= builtinParsers()
  return loaded
}

let loaded: Promise<TypeParsers> | undefined

async function builtinParsers(): Promise<TypeParsers> {
  const { default: builtins } = await import('pg-types/lib/textParsers.js')
  const parsers = new Map<number, (text: string) => unknown>()
  builtins.init((oid, parse) => parsers.set(oid, parse))
  const parseArray = parsers.get(int8Array)!
  parsers.set(int8, parseInt8)
  parsers.set(int8Array, (text) => parseItems(parseArray(text)))
  const asText = (text: string): string => text
  // Of a statement pg takes it for the types of its parameters, too: none.
  return Object.assign([], { getTypeParser: (oid: number) => parsers.get(oid) ?? asText })
}

function parseItems(items: unknown): unknown {
  return Array.isArray(items) ? items.map((item) => (item === null ? null : parseInt8(String(item)))) : items
}

interface Field {
  readonly name: string
  readonly dataTypeID: number
}

/**
 * Rows of a driver whose parsers are not ours, made the same where the answer says which columns are what: bigint text
 * to number, timestamps (drizzle leaves them as text) to Date.
 */
export function normaliseRows(rows: Record<string, unknown>[], fields: unknown): Record<string, unknown>[] {
  const convert = new Map<string, (value: unknown) => unknown>()
  for (const field of Array.isArray(fields) ? fields.filter(isField) : []) {
    if (field.dataTypeID === int8) convert.set(field.name, (value) => parseInt8(String(value)))
    else if (field.dataTypeID === int8Array) convert.set(field.name, parseItems)
    else if (dates.has(field.dataTypeID)) convert.set(field.name, toDate)
  }
  if (convert.size === 0) return rows
  return rows.map((row) => {
    const copy = { ...row }
    for (const [name, change] of convert) {
      const value = copy[name]
      if (value !== null && value !== undefined) copy[name] = change(value)
    }
    return copy
  })
}

function toDate(value: unknown): unknown {
  if (typeof value !== 'string') return value
  // Postgres writes '2026-01-01 10:00:00+00', which Date reads once it has its T and its minutes.
  const date = new Date(value.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))
  return Number.isNaN(date.getTime()) ? value : date
}

function isField(value: unknown): value is Field {
  return typeof value === 'object' && value !== null && 'name' in value && 'dataTypeID' in value
}
