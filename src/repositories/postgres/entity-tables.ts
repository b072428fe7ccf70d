import { quoteName } from '../../connections/postgres/row-security'
import { literal } from '../../connections/postgres/statement'
import { sha256 } from '../../core/ids'
import { columnOf, type EntityColumn, type EntityIndex, type EntityReference, type EntityTable } from '../entity-table'
import { elementsSql, sqlTypes } from './entity-filter-sql'

const longestName = 63

export function tableNameOf({ name }: Pick<EntityTable, 'name'>): string {
  return `e_${name}`
}

/** The name says all that the index is: one of that name is the same. */
export function indexNameOf(table: EntityTable, { columns, unique }: EntityIndex): string {
  const hash = sha256(JSON.stringify([columns, unique, table.softDelete])).slice(0, 8)
  const start = `${tableNameOf(table)}__${columns.join('_')}`
  return `${start.slice(0, longestName - hash.length - 1)}_${hash}`
}

/** Table of the elements of a list, with the key of each row that has them. */
export function listTableOf(table: EntityTable, column: string): string {
  const name = `${tableNameOf(table)}__${column}`
  return name.length <= longestName ? name : `${name.slice(0, longestName - 9)}_${sha256(name).slice(0, 8)}`
}

/** As names of indexes. */
export function referenceNameOf(table: EntityTable, { column, entity, shared }: EntityReference): string {
  const hash = sha256(JSON.stringify([entity, shared])).slice(0, 8)
  return `${`${tableNameOf(table)}__${column}`.slice(0, longestName - hash.length - 4)}_fk_${hash}`
}

/** What rows that refer to others look for: a key, and that its row is not deleted. */
export function livingKeyOf(table: Pick<EntityTable, 'name'>): string {
  return `${tableNameOf(table)}__living`
}

export function primaryKeyOf(table: EntityTable): string {
  return `${tableNameOf(table)}_pkey`
}

/** What migrations need to know of a table; what the fields say stands with their `DeclaredTable`. */
export function tableDeclaration(table: EntityTable) {
  const { references = [] } = table
  const named = (name: string): string => columnOf(table, name).column
  const key = named(table.key)
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
      { name: living, type: 'boolean', required: false, generated: 'CASE WHEN deleted_at IS NULL THEN true END' },
    ],
    key: ['tenant', key],
    indexes: [
      ...table.indexes.map((index) => ({
        name: indexNameOf(table, index),
        unique: index.unique,
        columns: ['tenant', ...index.columns.map(named), ...(index.unique ? [] : [key])],
        where: table.softDelete ? 'deleted_at IS NULL' : undefined,
      })),
      ...((table.referrers ?? []).length > 0
        ? [{ name: livingKeyOf(table), unique: true, columns: [...(table.shared ? [] : ['tenant']), key, living] }]
        : []),
      // Checks of what refers to the installation's rows look through those of every tenant.
      ...references
        .filter(({ shared }) => shared && !table.shared)
        .map((reference) => ({
          name: `${referenceNameOf(table, reference).slice(0, longestName - 2)}_i`,
          unique: false,
          columns: [named(reference.column), living],
        })),
    ],
    references: references.map((reference) => ({
      name: referenceNameOf(table, reference),
      columns: [...(reference.shared ? [] : ['tenant']), named(reference.column), living],
      table: tableNameOf({ name: reference.entity }),
      to: [...(reference.shared ? [] : ['tenant']), reference.key, living],
    })),
    lists: (table.lists ?? []).map((name) => {
      const { column, items } = columnOf(table, name)
      return {
        name: listTableOf(table, column),
        comment: `headwater entity list ${JSON.stringify({ name: table.name, column })}`,
        column,
        type: typeOf({ kind: items! }),
        key: typeOf(columnOf(table, table.key)),
        elements: elementsSql(`r.${quoteName(column)}`, items!),
      }
    }),
  }
}

/** Column that is true as long as a row is not deleted: a reference to it, or of it, holds no longer then. */
const living = '_living'

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
