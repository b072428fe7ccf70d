import { compareBytes } from '../../core/ids'
import type { Json } from '../../core/json'
import { parseInstant } from '../../filter/instant'
import {
  type AggregatedRow,
  type AggregateValue,
  type EntityAggregation,
  type TimeUnit,
  tooLarge,
} from '../entity-aggregates'
import { columnOf, type EntityRecord, type EntityTable } from '../entity-table'

type Value = string | number | boolean | null

/** What records come to, as Postgres has it. */
export function aggregated(
  table: EntityTable,
  { groups, values, order, limit }: EntityAggregation,
  records: readonly EntityRecord[],
): AggregatedRow[] {
  const found = new Map<string, { readonly groups: Value[]; readonly records: EntityRecord[] }>()
  // As a whole, there is a row where there is no record.
  if (groups.length === 0) found.set('[]', { groups: [], records: [] })
  for (const record of records) {
    const place = groups.map(({ column, unit }): Value => {
      const value = record[column] as Value
      return unit === undefined || value === null ? value : begin(String(value), unit)
    })
    const name = JSON.stringify(place)
    const group = found.get(name) ?? { groups: place, records: [] }
    found.set(name, group)
    group.records.push(record)
  }
  const rows = Array.from(found.values(), (group) => ({
    groups: group.groups,
    values: values.map((value) => measured(table, value, group.records)),
  }))
  const at = (row: AggregatedRow, place: number): Json => [...row.groups, ...row.values][place]!
  rows.sort((a, b) => {
    for (const { at: place, descending } of order) {
      const compared = compareValues(at(a, place), at(b, place))
      if (compared !== 0) return descending ? -compared : compared
    }
    return 0
  })
  return rows.slice(0, limit)
}

function measured(
  table: EntityTable,
  { measure, column }: AggregateValue,
  records: readonly EntityRecord[],
): string | number | null {
  if (column === undefined) return records.length
  const values = records.flatMap((record) => (record[column] === null ? [] : [record[column] as string | number]))
  if (measure === 'min' || measure === 'max') {
    const sorted = [...values].sort(compareValues)
    return (measure === 'min' ? sorted[0] : sorted.at(-1)) ?? null
  }
  const whole = columnOf(table, column).kind === 'integer'
  const sum = whole
    ? Number(values.reduce((total, value) => total + BigInt(value), 0n))
    : values.reduce<number>((total, value) => total + Number(value), 0)
  if (!Number.isFinite(sum)) throw tooLarge()
  if (measure === 'sum') return sum
  return values.length === 0 ? null : sum / values.length
}

function begin(value: string, unit: TimeUnit): string {
  const time = new Date(parseInstant(value)!)
  if (unit === 'hour') time.setUTCMinutes(0, 0, 0)
  else time.setUTCHours(0, 0, 0, 0)
  if (unit === 'week') time.setUTCDate(time.getUTCDate() - ((time.getUTCDay() + 6) % 7))
  if (unit === 'month' || unit === 'year') time.setUTCDate(1)
  if (unit === 'year') time.setUTCMonth(0)
  const text = time.toISOString()
  return value.length === 10 ? text.slice(0, 10) : text
}

/** As Postgres orders: no value after all others. */
export function compareValues(a: Json, b: Json): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  if (typeof a === 'string') return compareBytes(a, String(b))
  return Number(a) - Number(b)
}
