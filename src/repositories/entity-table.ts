import type { Json } from '../core/json'
import { parseInstant } from '../filter/instant'
import { flattenMetadata, leafKey } from '../filter/leaves'
import type { FilterColumn } from '../filter/operands'
import type { LeafType, Leaves } from '../filter/parsed'

/** What a column holds; comparisons of all but `json` are leakproof, so that indexes serve under row level security. */
export type ColumnKind = 'text' | 'integer' | 'number' | 'boolean' | 'datetime' | 'date' | 'uuid' | 'json'

export interface EntityColumn {
  /** In rows, filters and orders. */
  readonly name: string
  /** In Postgres. */
  readonly column: string
  readonly kind: ColumnKind
  readonly required: boolean
  /** How a row shows that there is no value: without the property, or by null. */
  readonly missing: 'absent' | 'null'
  /** What rows get that are there before a required column is. */
  readonly default?: string | number | boolean | undefined
}

export interface EntityIndex {
  /** Names of columns; the tenant stands before them, the key after those of one that is not unique. */
  readonly columns: readonly string[]
  readonly unique: boolean
}

/** A declared entity, as backends need to know it. */
export interface EntityTable {
  readonly name: string
  /** Name of the column that identifies a row. */
  readonly key: string
  /** All of them, `version`, `createdAt` and `updatedAt` included. */
  readonly columns: readonly EntityColumn[]
  /** Beside the key. */
  readonly indexes: readonly EntityIndex[]
  readonly softDelete: boolean
  /** Of the whole installation, under a name that no tenant can have. */
  readonly shared: boolean
}

/** A row by the names of its columns, null where there is no value. Times are ISO strings in UTC, to the millisecond. */
export type EntityRecord = Readonly<Record<string, Json>>

export const systemColumns: readonly EntityColumn[] = [
  { name: 'version', column: 'version', kind: 'integer', required: true, missing: 'null' },
  { name: 'createdAt', column: 'created_at', kind: 'datetime', required: true, missing: 'null' },
  { name: 'updatedAt', column: 'updated_at', kind: 'datetime', required: true, missing: 'null' },
]

export function columnOf({ columns }: EntityTable, name: string): EntityColumn {
  return columns.find((column) => column.name === name)!
}

/** The day or time of the first and the last moment that a column can hold, epoch ms: years 1 to 9999. */
export const firstInstant = Date.parse('0001-01-01T00:00:00.000Z')
export const lastInstant = Date.parse('9999-12-31T23:59:59.999Z')

const leafTypes: Readonly<Record<ColumnKind, LeafType | 'none'>> = {
  text: 's',
  uuid: 's',
  integer: 'n',
  number: 'n',
  boolean: 'b',
  datetime: 'd',
  date: 'd',
  json: 'none',
}

/** What filters may ask of a table. */
export function filterColumns({ columns }: EntityTable): Readonly<Record<string, FilterColumn>> {
  const of = ({ kind }: EntityColumn): FilterColumn => ({
    only: leafTypes[kind],
    normal: kind === 'uuid' ? (text) => text.toLowerCase() : undefined,
  })
  return Object.fromEntries(columns.map((column) => [column.name, of(column)]))
}

/** A record as filters see it. */
export function recordLeaves({ columns }: EntityTable, record: EntityRecord): Leaves {
  const leaves: Leaves = {}
  for (const { name, kind } of columns) {
    const value = record[name] ?? null
    if (value === null) continue
    if (kind === 'json') {
      if (Object.keys(flattenMetadata({ value })).length > 0) leaves[leafKey('b', name)] = [true]
    } else {
      const type = leafTypes[kind] as LeafType
      leaves[leafKey(type, name)] = [type === 'd' ? parseInstant(value)! : (value as string | number | boolean)]
    }
  }
  return leaves
}
