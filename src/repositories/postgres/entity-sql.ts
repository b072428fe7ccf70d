import { quoteName } from '../../connections/postgres/row-security'
import type { ParsedFilter } from '../../filter/parsed'
import type { EntityQuery } from '../entities'
import type { EntityAggregation } from '../entity-aggregates'
import { columnOf, type EntityColumn, type EntityTable } from '../entity-table'
import { aggregateSql } from './entity-aggregate-sql'
import { compileColumnFilter, sqlTypes } from './entity-filter-sql'
import { listTableOf, tableNameOf } from './entity-tables'
import { byKey, nowMs, type PostgresRepositoryOptions, prepared, type Statement } from './statements'

export interface EntityStatements {
  readonly get: Statement
  readonly getMany: Statement
  readonly insert: Statement
  readonly replace: Statement
  readonly delete: Statement
  readonly restore: Statement
  upsert(on: readonly string[]): Statement
  list(query: EntityQuery, values: unknown[]): Statement
  count(filter: ParsedFilter | undefined, values: unknown[]): Statement
  aggregate(aggregation: EntityAggregation, values: unknown[]): Statement
  readonly deleteMany: Statement
  referring(column: string): Statement
  detach(column: string): Statement
}

const built = new WeakMap<EntityTable, Map<string, EntityStatements>>()

/** The statements of an entity, built once for each schema. The tenant is the first parameter, a write's marker the second. */
export function entityStatements(table: EntityTable, options: PostgresRepositoryOptions = {}): EntityStatements {
  const { schema = 'headwater' } = options
  const bySchema = built.get(table) ?? new Map<string, EntityStatements>()
  built.set(table, bySchema)
  const found = bySchema.get(schema) ?? statementsOf(table, quoteName(schema))
  bySchema.set(schema, found)
  return found
}

function statementsOf(table: EntityTable, schema: string): EntityStatements {
  const from = `${schema}.${quoteName(tableNameOf(table))}`
  const key = columnOf(table, table.key)
  const keyName = quoteName(key.column)
  const keyType = sqlTypes[key.kind]
  const living = table.softDelete ? ' AND deleted_at IS NULL' : ''
  const names = table.columns.map(({ column }) => quoteName(column))
  const all = fieldsOf(table.columns)
  const own = `tenant = $1 AND ${keyName} = $3::${keyType}`
  const changed = table.columns.filter(({ name }) => name !== table.key && name !== 'createdAt')
  /** The marker, whose receipt is what the write answers; none where nothing was written. */
  const marking = (written: string, receipt: string): string => `WITH written AS (${written}), marked AS (
      INSERT INTO ${schema}.commits (tenant, key, request_hash, receipt, created_at)
      SELECT $1::text, $2::text, '', ${receipt}, ${nowMs} FROM written WHERE $2::text IS NOT NULL HAVING count(*) > 0)`
  const typed = (column: EntityColumn, at: number): string => `$${at}::${sqlTypes[column.kind]}`
  const lists = new Map(
    (table.lists ?? []).map((one) => [one, `${schema}.${quoteName(listTableOf(table, columnOf(table, one).column))}`]),
  )
  const filtered = (filter: ParsedFilter, values: unknown[]): string =>
    compileColumnFilter(filter, table, values, ({ name }) => lists.get(name))
  const deleting = table.softDelete
    ? `UPDATE ${from} SET deleted_at = $AT::timestamptz, updated_at = $AT::timestamptz, version = version + 1`
    : `DELETE FROM ${from}`
  const done = (name: string, written: string): Statement =>
    byKey(`${marking(written, `jsonb_build_object('${name}', true)`)} SELECT count(*) AS done FROM written`)

  return {
    get: byKey(`SELECT ${all} FROM ${from} WHERE tenant = $1 AND ${keyName} = $2::${keyType}${living}`),
    getMany: byKey(
      `SELECT ${all} FROM unnest($2::${keyType}[]) AS u (_key)
       CROSS JOIN LATERAL (SELECT * FROM ${from} t WHERE t.tenant = $1 AND t.${keyName} = u._key${living} OFFSET 0) d`,
    ),
    insert: byKey(
      `${marking(
        `INSERT INTO ${from} (tenant, ${names.join(', ')})
         SELECT $1::text, i.* FROM unnest(${table.columns.map((column, at) => `${typed(column, at + 3)}[]`).join(', ')})
           AS i (${names.join(', ')}) RETURNING 1`,
        `jsonb_build_object('inserted', count(*))`,
      )} SELECT count(*) AS done FROM written`,
    ),
    replace: done(
      'replaced',
      `UPDATE ${from} SET ${changed.map((column, at) => `${quoteName(column.column)} = ${typed(column, at + 5)}`).join(', ')}
       WHERE ${own} AND version = $4::bigint${living} RETURNING 1`,
    ),
    delete: byKey(
      `${marking(
        `${deleting.replaceAll('$AT', '$5')}
         WHERE ${own} AND ($4::bigint IS NULL OR version = $4::bigint)${living} RETURNING ${table.softDelete ? 'version - 1' : 'version'} AS version`,
        `jsonb_build_object('version', max(version), 'deleted', true)`,
      )} SELECT version, EXISTS (SELECT FROM written) AS deleted FROM ${from} WHERE ${own}${living}`,
    ),
    restore: done(
      'restored',
      `UPDATE ${from} SET deleted_at = NULL, updated_at = $4::timestamptz, version = version + 1
       WHERE ${own} AND deleted_at IS NOT NULL RETURNING 1`,
    ),
    upsert: (on) => {
      const ofKey = on.length === 1 && on[0] === table.key
      const target = on.map((name) => quoteName(columnOf(table, name).column)).join(', ')
      const set = changed
        .filter(({ name }) => name !== 'version')
        .map(({ column }) => `${quoteName(column)} = excluded.${quoteName(column)}`)
      const written = `INSERT INTO ${from} AS t (tenant, ${names.join(', ')})
        VALUES ($1::text, ${table.columns.map((column, at) => typed(column, at + 3)).join(', ')})
        ON CONFLICT (tenant, ${target})${table.softDelete && !ofKey ? ' WHERE deleted_at IS NULL' : ''} DO UPDATE
        SET ${set.join(', ')}, version = t.version + 1, deleted_at = NULL
        RETURNING ${fieldOf(key)} AS key, version,
          to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created`
      const receipt = `jsonb_build_object('key', max(key), 'version', max(version), 'createdAt', max(created))`
      return byKey(`${marking(written, receipt)} SELECT key, version, created FROM written`)
    },
    list: (query, values) => {
      const text = listSql(table, from, living, query, values, filtered)
      // Without a filter it is a range of the index that has its order, whatever the values.
      return query.filter ? shaped(text) : byKey(text)
    },
    count: (filter, values) => {
      const text = `SELECT count(*) AS count FROM ${from} WHERE tenant = $1${living}`
      return filter ? shaped(`${text} AND ${filtered(filter, values)}`) : prepared(text)
    },
    aggregate: (aggregation, values) => {
      const { filter, limit } = aggregation
      const rows = `FROM ${from} AS e WHERE tenant = $1${living}${filter ? ` AND ${filtered(filter, values)}` : ''}`
      return shaped(aggregateSql(table, aggregation, rows, `$${values.push(limit)}::bigint`, shownAs))
    },
    deleteMany: byKey(
      `${deleting.replaceAll('$AT', '$3')} WHERE tenant = $1 AND ${keyName} = ANY ($2::${keyType}[])${living} RETURNING 1`,
    ),
    referring: (name) => {
      const { column, kind } = columnOf(table, name)
      return byKey(
        `SELECT ${fieldOf(key)} AS key FROM ${from}
         WHERE tenant = $1 AND ${quoteName(column)} = ANY ($2::${sqlTypes[kind]}[])${living} LIMIT $3::bigint`,
      )
    },
    detach: (name) => {
      const { column, kind } = columnOf(table, name)
      return byKey(
        `UPDATE ${from} SET ${quoteName(column)} = NULL, updated_at = $3::timestamptz, version = version + 1
         WHERE tenant = $1 AND ${quoteName(column)} = ANY ($2::${sqlTypes[kind]}[])${living} RETURNING 1`,
      )
    },
  }
}

const mostShapes = 200
const shapes = new Set<string>()

/** Prepared, unless callers bring more different filters than a connection should remember. */
function shaped(text: string): Statement {
  if (shapes.has(text)) return prepared(text)
  if (shapes.size >= mostShapes) return { text }
  shapes.add(text)
  return prepared(text)
}

/**
 * A page of the order that an index has. Behind a row means one range of the index where all columns have values; where
 * some may have none, which no comparison of rows can say, it is the few ranges that together are the same.
 */
function listSql(
  table: EntityTable,
  from: string,
  living: string,
  query: EntityQuery,
  values: unknown[],
  filtered: (filter: ParsedFilter, values: unknown[]) => string,
): string {
  const { filter, order, after, limit } = query
  const columns = order.columns.map((name) => columnOf(table, name))
  const wanted = fieldsOf(query.select.map((name) => columnOf(table, name)))
  // Of the table: a name alone is that of what is shown, which no index has the order of.
  const sorted = columns.map(({ column }) => `e.${quoteName(column)}${order.descending ? ' DESC' : ''}`).join(', ')
  const condition = filter ? ` AND ${filtered(filter, values)}` : ''
  const here = `FROM ${from} AS e WHERE tenant = $1${living}${condition}`
  const end = `ORDER BY ${sorted} LIMIT $${values.push(limit)}::bigint`
  if (!after) return `SELECT ${wanted} ${here} ${end}`
  const word = order.descending ? '<' : '>'
  const places = columns.map(({ kind }, at) =>
    after[at] === null ? 'NULL' : `$${values.push(after[at])}::${sqlTypes[kind]}`,
  )
  if (columns.every(({ required }) => required)) {
    const names = columns.map(({ column }) => quoteName(column)).join(', ')
    return `SELECT ${wanted} ${here} AND (${names}) ${word} (${places.join(', ')}) ${end}`
  }
  const ranges = columns.flatMap(({ column, required }, at) => {
    const name = quoteName(column)
    const before = columns.slice(0, at).map(({ column: one }, index) => {
      return after[index] === null ? `${quoteName(one)} IS NULL` : `${quoteName(one)} = ${places[index]}`
    })
    const behind = after[at] === null ? [] : [`${name} ${word} ${places[at]}`]
    if (!required && order.descending && after[at] === null) behind.push(`${name} IS NOT NULL`)
    if (!required && !order.descending && after[at] !== null) behind.push(`${name} IS NULL`)
    return behind.map((one) => [...before, one].join(' AND '))
  })
  const pages = ranges.map((range) => `(SELECT * ${here} AND ${range} ${end})`).join(' UNION ALL ')
  return `SELECT ${wanted} FROM (${pages}) AS e ${end}`
}

/** Columns by their names, in the form of records. */
function fieldsOf(columns: readonly EntityColumn[]): string {
  return columns.map((column) => `${fieldOf(column)} AS ${quoteName(column.name)}`).join(', ')
}

/** Times as numbers: what the parsers of a caller's driver make of them does not matter, and writing them is dear. */
function fieldOf({ column, kind }: EntityColumn): string {
  return shownAs(quoteName(column), kind)
}

function shownAs(name: string, kind: string): string {
  switch (kind) {
    case 'datetime':
      return `date_part('epoch', ${name})`
    case 'date':
      return `(${name} - '1970-01-01'::date)`
    case 'uuid':
      return `${name}::text`
    default:
      return name
  }
}
