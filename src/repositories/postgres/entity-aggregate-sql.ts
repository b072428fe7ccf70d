import { quoteName } from '../../connections/postgres/row-security'
import type { AggregateGroup, AggregateValue, EntityAggregation } from '../entity-aggregates'
import { columnOf, type EntityTable } from '../entity-table'

/** What comes after `SELECT`: fields `g0`, `g1` and `v0`, `v1`; `rows` is FROM and WHERE, `fieldOf` shows a value of a kind. */
export function aggregateSql(
  table: EntityTable,
  { groups, values, order }: EntityAggregation,
  rows: string,
  limit: string,
  fieldOf: (expression: string, kind: string) => string,
): string {
  const groupOf = ({ column, unit }: AggregateGroup): { value: string; kind: string } => {
    const { column: name, kind } = columnOf(table, column)
    const quoted = `e.${quoteName(name)}`
    if (unit === undefined) return { value: quoted, kind }
    if (kind === 'date') return { value: `date_trunc('${unit}', ${quoted}::timestamp)::date`, kind }
    return { value: `date_trunc('${unit}', ${quoted} AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'`, kind }
  }
  const measured = ({ measure, column }: AggregateValue): { value: string; kind: string } => {
    if (column === undefined) return { value: 'count(*)', kind: 'number' }
    const { column: name, kind } = columnOf(table, column)
    const quoted = `e.${quoteName(name)}`
    const sum = kind === 'integer' ? `sum(${quoted})::float8` : `sum(${quoted})`
    if (measure === 'sum') return { value: `coalesce(${sum}, 0)`, kind: 'number' }
    if (measure === 'avg') return { value: `${sum} / nullif(count(${quoted}), 0)`, kind: 'number' }
    return { value: `${measure}(${quoted})`, kind }
  }
  const all = [...groups.map(groupOf), ...values.map(measured)]
  const names = [...groups.map((_, at) => `g${at}`), ...values.map((_, at) => `v${at}`)]
  const fields = all.map(({ value, kind }, at) => `${fieldOf(`(${value})`, kind)} AS ${names[at]}`)
  const by =
    groups.length > 0
      ? ` GROUP BY ${all
          .slice(0, groups.length)
          .map(({ value }) => value)
          .join(', ')}`
      : ''
  const sorted = order.map(({ at, descending }) => `${all[at]!.value}${descending ? ' DESC' : ''}`)
  return `SELECT ${fields.join(', ')} ${rows}${by}${sorted.length > 0 ? ` ORDER BY ${sorted.join(', ')}` : ''} LIMIT ${limit}`
}
