import type { TenantId } from '../core/ids'
import type { Json } from '../core/json'
import { parseInstant } from '../filter/instant'
import { flattenMetadata, leafKey } from '../filter/leaves'
import type { FilterColumn } from '../filter/operands'
import type { LeafType, Leaves } from '../filter/parsed'

/** What a column holds; comparisons of all but `json` are leakproof, so that indexes serve under row level security. */
export type ColumnKind = 'text' | 'integer' | 'number' | 'boolean' | 'datetime' | 'date' | 'uuid' | 'json'

/** What the elements of a list are, that filters can be about. */
export type ItemKind = 'text' | 'number' | 'boolean'

export interface EntityColumn {
  /** In rows, filters and orders. */
  readonly name: string
  /** In Postgres. */
  readonly column: string
  readonly kind: ColumnKind
  /** Of `json` that is a list of these. */
  readonly items?: ItemKind | undefined
  readonly required: boolean
  /** How a row shows that there is no value: without the property, or by null. */
  readonly missing: 'absent' | 'null'
  /** What rows get that are there before a required column is. */
  readonly default?: string | number | boolean | undefined
  /** Text of which the schema lists every value. */
  readonly listed?: boolean | undefined
}

export interface EntityIndex {
  /** Names of columns; the tenant stands before them, the key after those of one that is not unique. */
  readonly columns: readonly string[]
  readonly unique: boolean
}

/** What becomes of a row when the one that it refers to is deleted. */
export type OnDelete = 'restrict' | 'cascade' | 'set null'

/** A column that holds the key of a row of another entity, which must be there and not be deleted. */
export interface EntityReference {
  /** Name of the column. */
  readonly column: string
  /** Name of the entity referred to, and of the column that is its key. */
  readonly entity: string
  readonly key: string
  /** Whether its rows are the installation's; else they are of the same tenant. */
  readonly shared: boolean
  readonly onDelete: OnDelete
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
  /** Names of the columns that are shown where changes are written down; undefined where they are not. */
  readonly audit?: readonly string[] | undefined
  /** Lists whose elements have an index, by the names of their columns. */
  readonly lists?: readonly string[] | undefined
  readonly references?: readonly EntityReference[] | undefined
  /** Names of columns that hold documents, by their `documentKey`: rows go with them. */
  readonly documents?: readonly string[] | undefined
  /** Entities whose rows refer to rows of this one. */
  readonly referrers?: readonly { readonly table: EntityTable; readonly reference: EntityReference }[] | undefined
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

/** Whose the rows of the installation are: no tenant can have this name, so that the same walls keep all of them off. */
export const installation = '*' as TenantId

/** How a column holds a document. */
export function documentKey(collection: string, id: string): string {
  return `${collection}/${id}`
}

/** What a column says of a document; the collection is empty where it is no key of one. */
export function documentOfKey(key: string): { readonly collection: string; readonly id: string } {
  const at = key.indexOf('/')
  return { collection: key.slice(0, Math.max(0, at)), id: key.slice(at + 1) }
}

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
  const of = ({ kind, items }: EntityColumn): FilterColumn => ({
    only: leafTypes[items ?? kind],
    normal: kind === 'uuid' ? (text) => text.toLowerCase() : undefined,
  })
  return Object.fromEntries(columns.map((column) => [column.name, of(column)]))
}

/** A record as filters see it. */
export function recordLeaves({ columns }: EntityTable, record: EntityRecord): Leaves {
  const leaves: Leaves = {}
  for (const { name, kind, items } of columns) {
    const value = record[name] ?? null
    if (value === null) continue
    if (items) {
      const elements = elementsOf(items, value)
      if (elements.length > 0) leaves[leafKey(leafTypes[items] as LeafType, name)] = elements
    } else if (kind === 'json') {
      if (Object.keys(flattenMetadata({ value })).length > 0) leaves[leafKey('b', name)] = [true]
    } else {
      const type = leafTypes[kind] as LeafType
      leaves[leafKey(type, name)] = [type === 'd' ? parseInstant(value)! : (value as string | number | boolean)]
    }
  }
  return leaves
}

/** The elements of a list that are of its kind, each once. */
export function elementsOf(items: ItemKind, list: Json): (string | number | boolean)[] {
  const type = items === 'text' ? 'string' : items
  const found = Array.isArray(list) ? list.filter((one) => typeof one === type) : []
  return [...new Set(found as (string | number | boolean)[])]
}
