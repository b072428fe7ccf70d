import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { isPlainObject, type Json } from '../core/json'
import { reading } from '../core/known-options'
import type { Limits } from '../core/limits'
import { checkPageSize, decodeListCursor, encodeListCursor } from '../core/list-cursor'
import { anything, checkOptions, type OptionKinds } from '../core/option-kinds'
import { filterLimitsOf, parseColumnFilter } from '../filter/parse'
import type { ParsedFilter } from '../filter/parsed'
import type { CombinedFilters, FilterEquality, FilterInstant, FilterRange } from '../filter/typed'
import type { EntityOrder, EntityQuery, EntityScope } from '../repositories/entities'
import { columnOf, type EntityRecord, type EntityTable, filterColumns } from '../repositories/entity-table'
import { problemOf } from './values'

/** A filter over rows: the language of documents (docs/filters.md), whose fields are columns. */
export type EntityFilter<Row> = {
  readonly [K in keyof Row]?: ColumnCondition<NonNullable<Row[K]>> | undefined
} & CombinedFilters<EntityFilter<Row>>

/** What may stand under a column: a value, or operators. Columns of times have an order, others of text have none. */
export type ColumnCondition<V> = [V] extends [string]
  ? V | (FilterEquality<V> & FilterRange<FilterInstant>)
  : [V] extends [number]
    ? V | (FilterEquality<V> & FilterRange<number>)
    : [V] extends [boolean]
      ? V | FilterEquality<V>
      : V extends readonly (infer Item)[]
        ? ItemCondition<NonNullable<Item>>
        : Pick<FilterEquality<never>, 'exists'>

/** What may stand under a list: one element for which it holds is enough. */
export type ItemCondition<V> = [V] extends [string | boolean]
  ? V | FilterEquality<V>
  : [V] extends [number]
    ? V | (FilterEquality<V> & FilterRange<number>)
    : Pick<FilterEquality<never>, 'exists'>

/** By the columns of one index, or by the key; all in one direction. */
export type EntityOrderBy<Row> = readonly { readonly [K in keyof Row]?: 'asc' | 'desc' | undefined }[]

/** Which row of several is meant. */
export interface EntityFirstQuery<Row, K extends keyof Row = keyof Row> {
  filter?: EntityFilter<Row> | undefined
  /** `[{ credits: 'desc' }]`: the columns of an index that is declared; by the key when left out. */
  orderBy?: EntityOrderBy<Row> | undefined
  /** The columns that are wanted; all when left out. */
  select?: readonly K[] | undefined
}

/** What to list: all rows in the order of their keys when empty. */
export interface EntityListQuery<Row, K extends keyof Row = keyof Row> extends EntityFirstQuery<Row, K> {
  /** 1 to 1,000; 100 by default. */
  limit?: number | undefined
  /** From the page before, with the same filter and order; HW_INVALID_CURSOR with others. */
  cursor?: string | undefined
}

/** A page of rows. */
export interface EntityPage<Row> {
  readonly items: readonly Row[]
  /** Absent on the last page. */
  readonly cursor?: string | undefined
}

type AnyQuery = EntityListQuery<Record<string, unknown>>

const firstKinds = { filter: anything, orderBy: anything, select: anything } satisfies OptionKinds<
  EntityFirstQuery<Record<string, unknown>>
>
const listKinds = { ...firstKinds, limit: anything, cursor: anything } satisfies OptionKinds<AnyQuery>

/** A query that was checked. */
export interface CheckedQuery {
  /** Asks for one row more than are shown, with the columns of the order. */
  readonly query: EntityQuery
  readonly limit: number
  /** Names of the columns that are shown. */
  readonly shown: readonly string[]
  /** The cursor behind a row. */
  cursorAfter(record: EntityRecord): string
}

export function checkListQuery(scope: EntityScope, given: object, limits: Limits): CheckedQuery {
  const { table, tenant } = scope
  const taken = checkOptions(given as AnyQuery, listKinds, '', 'HW_INVALID_ARGUMENT')
  const limit = checkPageSize(taken.limit, limits.pageSize)
  const filter = checkFilter(table, taken.filter, limits)
  const order = reading('orderBy', 'HW_INVALID_ARGUMENT', () => orderOf(table, taken.orderBy))
  const shown = reading('select', 'HW_INVALID_ARGUMENT', () => selectOf(table, taken.select))
  const request = JSON.stringify([tenant, table.name, filter ?? null, order])
  const after =
    taken.cursor === undefined
      ? undefined
      : decodeListCursor(request, taken.cursor, maxPlaceBytes, (place) => placeOf(table, order, place))
  return {
    query: { filter, order, after, limit: limit + 1, select: [...new Set([...shown, ...order.columns])] },
    limit,
    shown,
    cursorAfter: (record) => encodeListCursor(request, JSON.stringify(order.columns.map((name) => record[name]!))),
  }
}

export function checkFirstQuery(scope: EntityScope, given: object, limits: Limits): CheckedQuery {
  const taken = checkOptions(given as EntityFirstQuery<Record<string, unknown>>, firstKinds, '', 'HW_INVALID_ARGUMENT')
  const checked = checkListQuery(scope, { ...taken, limit: 1 }, limits)
  return { ...checked, query: { ...checked.query, limit: 1 } }
}

export function checkFilter(table: EntityTable, filter: unknown, limits: Limits): ParsedFilter | undefined {
  return filter === undefined ? undefined : parseColumnFilter(filter, filterColumns(table), filterLimitsOf(limits))
}

/** Of all indexed texts and the key, as JSON. */
const maxPlaceBytes = 32_768

function placeOf(table: EntityTable, { columns }: EntityOrder, text: string): Json[] {
  const place: unknown = JSON.parse(text)
  const fits =
    Array.isArray(place) &&
    place.length === columns.length &&
    columns.every((name, at) => {
      const column = columnOf(table, name)
      return place[at] === null ? !column.required : problemOf(column, place[at]) === undefined
    })
  if (fits) return place
  throw new HeadwaterError('HW_INVALID_CURSOR', 'cursor: it is malformed', { path: 'cursor' })
}

function orderOf(table: EntityTable, given: unknown): EntityOrder {
  const { key, indexes, columns } = table
  if (given === undefined) return { columns: [key], descending: false }
  if (!Array.isArray(given) || given.length === 0 || given.length > columns.length) {
    throw invalid('orderBy', `must be a list such as [{ ${key}: 'asc' }], got ${describeValue(given)}`)
  }
  const parts = Array.from(given, (one: unknown, at) => {
    const path = `orderBy[${at}]`
    const entries = isPlainObject(one) ? Object.entries(one).filter(([, way]) => way !== undefined) : []
    const [[name, way] = ['', undefined]] = entries
    if (entries.length !== 1) throw invalid(path, "must be one column with 'asc' or 'desc'")
    if (!columns.some((column) => column.name === name)) throw invalid(`${path}.${name}`, unknownColumn(table))
    if (way !== 'asc' && way !== 'desc')
      throw invalid(`${path}.${name}`, `must be 'asc' or 'desc', got ${describeValue(way)}`)
    return { name, descending: way === 'desc' }
  })
  const descending = parts[0]!.descending
  if (parts.some((part) => part.descending !== descending)) {
    throw invalid('orderBy', 'all columns go in one direction, as an index has them')
  }
  const names = parts.map(({ name }) => name)
  const before = names.at(-1) === key ? names.slice(0, -1) : names
  const served = before.length === 0 || indexes.some((index) => index.columns.join() === before.join())
  if (served) return { columns: [...before, key], descending }
  const known = [[key], ...indexes.map((index) => index.columns)].map((one) => `[${one.join(', ')}]`).join(', ')
  throw invalid('orderBy', `no index has [${before.join(', ')}]: declare it in indexes; there are ${known}`)
}

function selectOf(table: EntityTable, given: unknown): string[] {
  const names = table.columns.map(({ name }) => name)
  if (given === undefined) return names
  if (!Array.isArray(given) || given.length === 0 || given.length > names.length) {
    throw invalid('select', `must be a list of columns, got ${describeValue(given)}`)
  }
  return Array.from(given, (name: unknown, at) => {
    if (names.includes(name as string)) return name as string
    throw invalid(`select[${at}]`, `${describeValue(name)} is an ${unknownColumn(table)}`)
  })
}

function unknownColumn({ columns }: EntityTable): string {
  return `unknown column; those are ${columns.map(({ name }) => name).join(', ')}`
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
