import { literal } from '../../connections/postgres/statement'
import { sha256 } from '../../core/ids'
import { columnOf, type EntityColumn, type EntityIndex, type EntityTable } from '../entity-table'
import { sqlTypes } from './entity-filter-sql'

const longestName = 63

export function tableNameOf({ name }: EntityTable): string {
  return `e_${name}`
}

/** The name says all that the index is: one of that name is the same. */
export function indexNameOf(table: EntityTable, { columns, unique }: EntityIndex): string {
  const hash = sha256(JSON.stringify([columns, unique, table.softDelete])).slice(0, 8)
  const start = `${tableNameOf(table)}__${columns.join('_')}`
  return `${start.slice(0, longestName - hash.length - 1)}_${hash}`
}

export function primaryKeyOf(table: EntityTable): string {
  return `${tableNameOf(table)}_pkey`
}

/** What migrations need to know of a table; what the fields say stands with their `DeclaredTable`. */
export function tableDeclaration(table: EntityTable) {
  const named = (name: string): string => columnOf(table, name).column
  return {
    name: tableNameOf(table),
    entity: table.name,
    comment: `headwater entity ${JSON.stringify({ name: table.name, ...(table.shared && { shared: true }) })}`,
    columns: [
      { name: 'tenant', type: 'text COLLATE "C"', required: true },
      ...table.columns.map((column) => ({
        name: column.column,
        type: typeOf(column),
        required: column.required,
        fill: fillOf(column),
      })),
      { name: 'deleted_at', type: typeOf({ kind: 'datetime' }), required: false },
    ],
    key: ['tenant', named(table.key)],
    indexes: table.indexes.map((index) => ({
      name: indexNameOf(table, index),
      unique: index.unique,
      columns: ['tenant', ...index.columns.map(named), ...(index.unique ? [] : [named(table.key)])],
      where: table.softDelete ? 'deleted_at IS NULL' : undefined,
    })),
  }
}

const longTypes: Readonly<Record<string, string>> = {
  text: 'text COLLATE "C"',
  float8: 'double precision',
  timestamptz: 'timestamp with time zone',
}

/** As the catalogue of Postgres spells it. */
function typeOf({ kind }: Pick<EntityColumn, 'kind'>): string {
  return longTypes[sqlTypes[kind]] ?? sqlTypes[kind]
}

function fillOf(column: EntityColumn): string | undefined {
  if (column.default === undefined) return undefined
  return `${literal(String(column.default))}::${sqlTypes[column.kind]}`
}
