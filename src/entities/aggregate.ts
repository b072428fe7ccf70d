import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { isPlainObject, type Json } from '../core/json'
import { reading } from '../core/known-options'
import type { Limits } from '../core/limits'
import { checkPageSize } from '../core/list-cursor'
import { anything, checkOptions, flag, type OptionKinds } from '../core/option-kinds'
import type {
  AggregatedRow,
  AggregateGroup,
  AggregateValue,
  EntityAggregation,
  TimeUnit,
} from '../repositories/entity-aggregates'
import { type ColumnKind, columnOf, type EntityTable } from '../repositories/entity-table'
import { checkFilter, type EntityFilter } from './query'

/** Columns of numbers. */
export type NumberColumn<Row> = { [K in keyof Row]-?: [NonNullable<Row[K]>] extends [number] ? K : never }[keyof Row]

/** Columns of numbers, texts and times, which have a least and a greatest value. */
export type OrderedColumn<Row> = {
  [K in keyof Row]-?: [NonNullable<Row[K]>] extends [number | string] ? K : never
}[keyof Row]

/** Columns that rows can be put together by. */
export type GroupColumn<Row> = {
  [K in keyof Row]-?: [NonNullable<Row[K]>] extends [number | string | boolean] ? K : never
}[keyof Row]

/** A column by whose values rows are put together, or a time by a part of the calendar. */
export type GroupBy<Row> = GroupColumn<Row> | { readonly [K in GroupColumn<Row>]?: TimeUnit | undefined }

/** The columns of groups. */
export type GroupName<G> = G extends string ? G : keyof G

/** What rows come to: as a whole, or by groups. */
export interface EntityAggregateQuery<
  Row,
  G extends GroupBy<Row> = GroupBy<Row>,
  C extends boolean = boolean,
  S extends NumberColumn<Row> = NumberColumn<Row>,
  A extends NumberColumn<Row> = NumberColumn<Row>,
  L extends OrderedColumn<Row> = OrderedColumn<Row>,
  M extends OrderedColumn<Row> = OrderedColumn<Row>,
> {
  filter?: EntityFilter<Row> | undefined
  /** Columns whose equal values make a group; `{ createdAt: 'day' }` puts times together by a part of the calendar, in UTC. */
  groupBy?: readonly G[] | undefined
  /** How many rows there are. */
  count?: C | undefined
  /** 0 where no row has a value. */
  sum?: readonly S[] | undefined
  avg?: readonly A[] | undefined
  min?: readonly L[] | undefined
  max?: readonly M[] | undefined
  /** By groups and by what they come to: `[{ 'sum.credits': 'desc' }, { kind: 'asc' }]`. By the groups when left out. */
  orderBy?:
    | readonly {
        readonly [K in
          | NoInfer<GroupName<G> & string>
          | 'count'
          | `sum.${NoInfer<S> & string}`
          | `avg.${NoInfer<A> & string}`
          | `min.${NoInfer<L> & string}`
          | `max.${NoInfer<M> & string}`]?: 'asc' | 'desc' | undefined
      }[]
    | undefined
  /** The first groups in that order: 1 to 1,000; 100 by default. */
  limit?: number | undefined
}

/** What is said of a group: its values, and what was asked for. */
export type AggregateRow<Row, G, C, S extends keyof Row, A, L extends keyof Row, M extends keyof Row> = Pick<
  Row,
  GroupName<G> & keyof Row
> &
  ([C] extends [true] ? { readonly count: number } : unknown) &
  ([S] extends [never] ? unknown : { readonly sum: { readonly [K in S]: number } }) &
  ([A] extends [never] ? unknown : { readonly avg: { readonly [K in A & PropertyKey]: number | null } }) &
  ([L] extends [never] ? unknown : { readonly min: { readonly [K in L]-?: NonNullable<Row[K]> | null } }) &
  ([M] extends [never] ? unknown : { readonly max: { readonly [K in M]-?: NonNullable<Row[K]> | null } })

const kinds = {
  filter: anything,
  groupBy: anything,
  count: flag,
  sum: anything,
  avg: anything,
  min: anything,
  max: anything,
  orderBy: anything,
  limit: anything,
} satisfies OptionKinds<EntityAggregateQuery<Record<string, unknown>>>

const mostNames = 16
const measures = ['sum', 'avg', 'min', 'max'] as const
const numbers: readonly ColumnKind[] = ['integer', 'number']
const ordered: readonly ColumnKind[] = [...numbers, 'text', 'datetime', 'date']
const grouping: readonly ColumnKind[] = [...ordered, 'uuid', 'boolean']
const units: readonly unknown[] = ['hour', 'day', 'week', 'month', 'year'] satisfies TimeUnit[]

/** An aggregation that was checked. */
export interface CheckedAggregate {
  readonly aggregation: EntityAggregation
  rowOf(found: AggregatedRow): Record<string, Json>
}

export function checkAggregate(table: EntityTable, given: object, limits: Limits): CheckedAggregate {
  const taken = checkOptions(given as Readonly<Record<string, unknown>>, kinds, '', 'HW_INVALID_ARGUMENT')
  const filter = checkFilter(table, taken.filter, limits)
  const groups = reading('groupBy', 'HW_INVALID_ARGUMENT', () => groupsOf(table, taken.groupBy))
  const values: AggregateValue[] = taken.count === true ? [{ measure: 'count' }] : []
  for (const measure of measures) {
    const columns = reading(measure, 'HW_INVALID_ARGUMENT', () => {
      const wanted = measure === 'sum' || measure === 'avg' ? numbers : ordered
      return namesOf(taken[measure], measure).map((name, at) => checked(table, name, wanted, `${measure}[${at}]`))
    })
    values.push(...columns.map((column) => ({ measure, column })))
  }
  if (groups.length + values.length === 0) {
    throw invalid('groupBy', 'give something to ask for: groupBy, count, sum, avg, min or max')
  }
  for (const { column } of groups) {
    if (!values.some((value) => value.measure === column)) continue
    throw invalid('groupBy', `a column of the name ${column} and ${column} itself cannot both be answered`)
  }
  const order = reading('orderBy', 'HW_INVALID_ARGUMENT', () => orderOf(groups, values, taken.orderBy))
  const limit = checkPageSize(taken.limit as number | undefined, limits.pageSize)
  return {
    aggregation: { filter, groups, values, order, limit },
    rowOf: (found) => rowOf(table, groups, values, found),
  }
}

function rowOf(
  table: EntityTable,
  groups: readonly AggregateGroup[],
  values: readonly AggregateValue[],
  found: AggregatedRow,
): Record<string, Json> {
  const row: Record<string, Json> = {}
  for (const [at, { column }] of groups.entries()) {
    const value = found.groups[at]!
    if (value !== null || columnOf(table, column).missing === 'null') row[column] = value
  }
  for (const [at, { measure, column }] of values.entries()) {
    const value = found.values[at]!
    if (column === undefined) row[measure] = value
    else row[measure] = { ...(row[measure] as object | undefined), [column]: value }
  }
  return row
}

function groupsOf(table: EntityTable, given: unknown): AggregateGroup[] {
  const groups = listOf(given, 'groupBy').map((one, at): AggregateGroup => {
    const path = `groupBy[${at}]`
    if (!isPlainObject(one)) return { column: checked(table, one, grouping, path) }
    const [[name, unit] = ['', undefined], ...more] = Object.entries(one).filter(([, value]) => value !== undefined)
    if (more.length > 0) throw invalid(path, 'must be one column')
    const column = checked(table, name, ['datetime', 'date'], path)
    if (!units.includes(unit) || (unit === 'hour' && columnOf(table, column).kind === 'date')) {
      throw invalid(`${path}.${column}`, `must be one of ${units.join(', ')}, got ${describeValue(unit)}`)
    }
    return { column, unit: unit as TimeUnit }
  })
  const names = groups.map(({ column }) => column)
  if (new Set(names).size < names.length) throw invalid('groupBy', 'names a column twice')
  return groups
}

function orderOf(
  groups: readonly AggregateGroup[],
  values: readonly AggregateValue[],
  given: unknown,
): EntityAggregation['order'] {
  const names = [
    ...groups.map(({ column }) => column),
    ...values.map(({ measure, column }) => (column === undefined ? measure : `${measure}.${column}`)),
  ]
  const asked = listOf(given, 'orderBy').map((one, index) => {
    const path = `orderBy[${index}]`
    const entries = isPlainObject(one) ? Object.entries(one).filter(([, way]) => way !== undefined) : []
    const [[name, way] = ['', undefined]] = entries
    if (entries.length !== 1) throw invalid(path, "must be one name with 'asc' or 'desc'")
    const at = names.indexOf(name)
    if (at < 0) throw invalid(`${path}.${name}`, `is not asked for; there are ${names.join(', ')}`)
    if (way !== 'asc' && way !== 'desc') {
      throw invalid(`${path}.${name}`, `must be 'asc' or 'desc', got ${describeValue(way)}`)
    }
    return { at, descending: way === 'desc' }
  })
  // Groups differ, so that the order is one.
  return [...asked, ...groups.map((_, at) => ({ at, descending: false }))]
}

function namesOf(given: unknown, path: string): unknown[] {
  const names = listOf(given, path)
  if (new Set(names).size < names.length) throw invalid(path, 'names a column twice')
  return names
}

function listOf(given: unknown, path: string): unknown[] {
  if (given === undefined) return []
  if (Array.isArray(given) && given.length <= mostNames) return [...given]
  throw invalid(path, `must be a list, of at most ${mostNames}, got ${describeValue(given)}`)
}

function checked(table: EntityTable, name: unknown, wanted: readonly ColumnKind[], path: string): string {
  const fitting = table.columns.filter(({ kind }) => wanted.includes(kind)).map((column) => column.name)
  if (fitting.includes(name as string)) return name as string
  throw invalid(path, `${describeValue(name)} is none of ${fitting.join(', ')}`)
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
