import type { Executor } from '../../connections/postgres/executor'
import { quoteName } from '../../connections/postgres/row-security'
import type { BackupColumn, TableSource } from './tables'

/** A row as it is kept: one line of JSON, without the line end. */
export interface RowLine {
  readonly line: string
  /** Its key, as a JSON array of texts: what the cuts between parts follow. */
  readonly key: string
  /** Whose it is; empty for what belongs to no tenant. */
  readonly tenant: string
}

const mostRows = 2_000
/** Of texts and bytes that one page holds, as long as it has more than one row. */
const pageBytes = 2 * 1024 * 1024

/** Settings under which rows are told alike on every server. */
export const plainSettings: readonly (readonly [string, string])[] = [
  ['TimeZone', 'UTC'],
  ['DateStyle', 'ISO, YMD'],
  ['IntervalStyle', 'iso_8601'],
  ['extra_float_digits', '1'],
  ['bytea_output', 'hex'],
]

/**
 * The rows of a table in the order of its key, a page at a time, each page bounded in rows and bytes; documents may be
 * large. `columns` are those that are told.
 */
export async function* rowsOf(
  executor: Executor,
  table: TableSource,
  columns: readonly BackupColumn[] = table.columns,
): AsyncGenerator<readonly RowLine[]> {
  const text = pageSql(table, columns)
  let after: readonly string[] | undefined
  for (;;) {
    const values = table.key.map((_, at) => after?.[at] ?? null)
    const { rows } = await executor.query<RowLine>(after ? text.next : text.first, after ? values : [])
    const last = rows.at(-1)
    if (!last) return
    yield rows
    after = JSON.parse(last.key) as string[]
  }
}

function pageSql(table: TableSource, columns: readonly BackupColumn[]): { first: string; next: string } {
  const key = table.key.map(quoteName)
  const order = key.join(', ')
  const told = columns.map((column) => `${toldOf(`q.${quoteName(column.name)}`, column)} AS ${quoteName(column.name)}`)
  const keyTexts = key.map((name) => `q.${name}::text`).join(', ')
  const tenant = table.columns.some(({ name }) => name === 'tenant') ? 'q.tenant' : `''`
  const names = table.columns.map(({ name }) => quoteName(name)).join(', ')
  const types = table.key.map((name) => table.columns.find((column) => column.name === name)!.type)
  const page = (conditions: readonly string[]): string => {
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
    return `SELECT (SELECT row_to_json(told)::text FROM (SELECT ${told.join(', ')}) AS told) AS line,
        array_to_json(ARRAY[${keyTexts}])::text AS key, ${tenant} AS tenant
      FROM (SELECT *, sum(bytes_of_row) OVER (ORDER BY ${order} ROWS UNBOUNDED PRECEDING) - bytes_of_row AS bytes_before
        FROM (SELECT ${names}, ${sizeOf(columns)} AS bytes_of_row FROM ${table.source} AS t ${where}
          ORDER BY ${order} LIMIT ${mostRows}) AS page) AS q
      WHERE q.bytes_before < ${pageBytes} ORDER BY ${key.map((name) => `q.${name}`).join(', ')}`
  }
  const own = table.where === undefined ? [] : [table.where]
  const above = `(${order}) > (${types.map((type, at) => `$${at + 1}::text::${type}`).join(', ')})`
  return { first: page(own), next: page([...own, above]) }
}

/** Bytes as base64 without line ends; all else as Postgres tells it in JSON. */
function toldOf(name: string, { type }: BackupColumn): string {
  return type === 'bytea' ? `translate(encode(${name}, 'base64'), E'\\n', '')` : name
}

/** Told by the length that a value was stored with: nothing is read for it. */
function sizeOf(columns: readonly BackupColumn[]): string {
  const sizes = columns.flatMap(({ name, type }) => {
    const quoted = quoteName(name)
    if (type === 'text' || type === 'bytea') return [`coalesce(octet_length(${quoted}), 0)`]
    return type === 'jsonb' || type === 'json' ? [`4 * coalesce(pg_column_size(${quoted}), 0)`] : []
  })
  return ['100', ...sizes].join(' + ')
}
