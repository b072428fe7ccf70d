import { describeValue, shortened } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { isPlainObject, type Json, jsonCopy } from '../core/json'
import { reading } from '../core/known-options'
import type { Limits } from '../core/limits'
import { parseInstant } from '../filter/instant'
import { isStorableText } from '../filter/metadata-key'
import {
  type EntityColumn,
  type EntityRecord,
  type EntityTable,
  elementsOf,
  firstInstant,
  lastInstant,
} from '../repositories/entity-table'
import type { EntityDefinition } from './declaration'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const date = /^\d{4}-\d{2}-\d{2}$/

/** Bytes of a text key, and of all texts of one index: with the tenant and the key it takes no more than 2,704. */
const keyBytes = 512
const indexBytes = 1_900

/** Values of a row, as the schema gave them, as those of a record; columns that are not among them have none. */
export function toValues(
  { table, own }: EntityDefinition,
  given: unknown,
  limits: Limits,
  at: string,
): Record<string, Json> {
  return reading(at, 'HW_INVALID_ENTITY', () => {
    if (!isPlainObject(given)) throw invalid(at, `must be an object, got ${describeValue(given)}`)
    checkColumns(own, given, at)
    const record: Record<string, Json> = {}
    for (const column of own) {
      const value = given[column.name] ?? null
      const path = `${at}.${column.name}`
      if (value === null && column.required) throw invalid(path, 'has no value')
      record[column.name] = value === null ? null : stored(column, value, limits, path)
    }
    checkIndexed(table, record, at)
    return record
  })
}

/** Refuses what is no column; HW_INVALID_ENTITY. */
export function checkColumns(columns: readonly EntityColumn[], given: Record<string, unknown>, at: string): void {
  for (const name of Object.keys(given)) {
    if (given[name] === undefined || columns.some((column) => column.name === name)) continue
    const known = columns.map((column) => column.name).join(', ')
    throw invalid(`${at}.${shortened(name)}`, `unknown column; those are ${known}`)
  }
}

/** A key as records have it; HW_INVALID_ARGUMENT. */
export function toKey({ columns, key }: EntityTable, value: unknown, at: string): string | number {
  const column = columns.find(({ name }) => name === key)!
  const problem = problemOf(column, value)
  if (problem !== undefined) throw new HeadwaterError('HW_INVALID_ARGUMENT', `${at}: ${problem}`, { path: at })
  return normal(column, value) as string | number
}

/** A record as rows are read: columns without a value are left out, or null, as the declaration says. */
export function toRow(columns: readonly EntityColumn[], record: EntityRecord): Record<string, Json> {
  const row: Record<string, Json> = {}
  for (const { name, missing } of columns) {
    const value = record[name]!
    if (value !== null || missing === 'null') row[name] = value
  }
  return row
}

function stored(column: EntityColumn, value: unknown, { valueBytes }: Limits, path: string): Json {
  if (column.kind === 'json') {
    const copy = jsonCopy(value, path, valueBytes)
    const problem = textProblem(copy) ?? listProblem(column, copy)
    if (problem !== undefined) throw invalid(path, problem)
    return JSON.parse(JSON.stringify(copy)) as Json
  }
  const problem = problemOf(column, value)
  if (problem !== undefined) throw invalid(path, problem)
  if (typeof value === 'string' && value.length > valueBytes) {
    throw new HeadwaterError('HW_LIMIT_EXCEEDED', `${path}: at most ${valueBytes} bytes (limits.valueBytes)`, { path })
  }
  return normal(column, value)
}

/** The one spelling of a value that is of its kind. */
function normal({ kind }: EntityColumn, value: unknown): Json {
  if (kind === 'datetime') return new Date(parseInstant(value)!).toISOString()
  if (kind === 'uuid') return String(value).toLowerCase()
  // -0 becomes 0.
  return typeof value === 'number' ? value + 0 : (value as Json)
}

/** Why a column cannot hold a value; undefined where it can. */
export function problemOf({ name, kind }: EntityColumn, value: unknown): string | undefined {
  const found = describeValue(value)
  switch (kind) {
    case 'integer':
      return Number.isSafeInteger(value) ? undefined : `${name} holds whole numbers below 2^53, got ${found}`
    case 'number':
      return Number.isFinite(value) ? undefined : `${name} holds finite numbers, got ${found}`
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${name} holds true or false, got ${found}`
    case 'datetime':
      return isInstant(value) ? undefined : `${name} holds times of the years 1 to 9999 as ISO strings, got ${found}`
    case 'date':
      return isInstant(value) && date.test(String(value))
        ? undefined
        : `${name} holds dates as 2026-01-31, got ${found}`
    case 'uuid':
      return typeof value === 'string' && uuid.test(value) ? undefined : `${name} holds UUIDs, got ${found}`
    default:
      if (typeof value !== 'string') return `${name} holds text, got ${found}`
      return textProblem(value)
  }
}

function listProblem({ name, items }: EntityColumn, value: Json): string | undefined {
  if (items === undefined) return undefined
  const type = items === 'text' ? 'string' : items
  const fits = Array.isArray(value) && value.every((one) => one === null || typeof one === type)
  return fits ? undefined : `${name} holds a list of ${type}s`
}

function isInstant(value: unknown): boolean {
  const ms = typeof value === 'string' ? parseInstant(value) : undefined
  return ms !== undefined && ms >= firstInstant && ms <= lastInstant
}

function textProblem(value: Json): string | undefined {
  if (typeof value === 'string') {
    return isStorableText(value) ? undefined : 'holds a NUL character or half of a surrogate pair, which no store takes'
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, item] of Object.entries(value)) {
    const problem = textProblem(key) ?? textProblem(item)
    if (problem !== undefined) return problem
  }
  return undefined
}

function checkIndexed({ key, columns, indexes, lists = [] }: EntityTable, record: EntityRecord, at: string): void {
  const bytesOf = (name: string): number => {
    const value = record[name]
    const isText = columns.some((column) => column.name === name && column.kind === 'text')
    return isText && typeof value === 'string' ? Buffer.byteLength(value) : 0
  }
  const check = (names: readonly string[], most: number): void => {
    checkBytes(
      names,
      names.reduce((sum, name) => sum + bytesOf(name), 0),
      most,
    )
  }
  const checkBytes = (names: readonly string[], bytes: number, most: number): void => {
    if (bytes <= most) return
    const path = `${at}.${names[0]}`
    throw new HeadwaterError(
      'HW_LIMIT_EXCEEDED',
      `${path}: an index takes at most ${most} bytes of ${names.join(', ')}, got ${bytes}`,
      { path },
    )
  }
  check([key], keyBytes)
  for (const { columns: names } of indexes) check(names, indexBytes)
  for (const name of lists) {
    for (const element of elementsOf('text', record[name] ?? null))
      checkBytes([name], Buffer.byteLength(String(element)), indexBytes)
  }
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ENTITY', `${path}: ${problem}`, { path })
}
