import type { Executor } from '../connections/postgres/executor'
import { quoteName } from '../connections/postgres/row-security'
import { migrationLockTable, migrationTable } from './catalogue'

export interface TableManifest {
  /** By name, in order: type, collation, NOT NULL, default, as one line. */
  readonly columns: Readonly<Record<string, string>>
  /** Definitions by name, of those that are ours: a later server also lists NOT NULL here. */
  readonly constraints: Readonly<Record<string, string>>
  readonly indexes: Readonly<Record<string, string>>
  /** Row level security: definitions by name, empty where it is not enabled and forced. */
  readonly policies: Readonly<Record<string, string>>
}

/** What a schema consists of, without its name and the names of roles. */
export interface SchemaManifest {
  /** Migrations that make it, in order. */
  readonly migrations: readonly string[]
  readonly sequences: readonly string[]
  readonly tables: Readonly<Record<string, TableManifest>>
}

/** Reads the tables of a schema; `names` leaves out others, such as the generations'. */
export async function readSchema(
  executor: Executor,
  schema: string,
  names?: readonly string[],
): Promise<Omit<SchemaManifest, 'migrations'>> {
  const escaped = schema.replaceAll(/[^\w]/g, '\\$&')
  // Not within a string, as the name of a setting is one.
  const plain = (text: string): string =>
    text.replaceAll(`${quoteName(schema)}.`, '').replaceAll(new RegExp(`(?<![\\w'])${escaped}\\.`, 'g'), '')
  const collect = async (text: string): Promise<Map<string, Record<string, string>>> => {
    const { rows } = await executor.query<{ table: string; name: string; definition: string }>(text, [schema])
    const found = new Map<string, Record<string, string>>()
    for (const row of rows) {
      const group = found.get(row.table) ?? {}
      group[row.name] = plain(row.definition)
      found.set(row.table, group)
    }
    return found
  }
  const columns = await collect(columnsSql)
  const constraints = await collect(constraintsSql)
  const indexes = await collect(indexesSql)
  const policies = await collect(policiesSql)
  const { rows: sequences } = await executor.query<{ name: string }>(sequencesSql, [schema])
  const tables: Record<string, TableManifest> = {}
  for (const table of [...columns.keys()].sort()) {
    if (table === migrationTable || table === migrationLockTable || (names && !names.includes(table))) continue
    tables[table] = {
      columns: columns.get(table)!,
      constraints: constraints.get(table) ?? {},
      indexes: indexes.get(table) ?? {},
      policies: policies.get(table) ?? {},
    }
  }
  return { sequences: sequences.map(({ name }) => name), tables }
}

/** The policies that hold for each table of a schema, by table and name; none where they are not enabled and forced. */
export async function readPolicies(
  executor: Executor,
  schema: string,
): Promise<Map<string, Readonly<Record<string, string>>>> {
  const { rows } = await executor.query<{ table: string; name: string; definition: string }>(policiesSql, [schema])
  const found = new Map<string, Record<string, string>>()
  for (const { table, name, definition } of rows) found.set(table, { ...found.get(table), [name]: definition })
  return found
}

/** Where two schemas differ, a line each, by path; empty when they are equal. */
export function schemaDifferences(expected: unknown, actual: unknown, path = ''): string[] {
  if (typeof expected !== 'object' || typeof actual !== 'object' || expected === null || actual === null) {
    return expected === actual ? [] : [`${path}: expected ${shown(expected)}, found ${shown(actual)}`]
  }
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)])
  return [...keys].flatMap((key) =>
    schemaDifferences(Reflect.get(expected, key), Reflect.get(actual, key), path === '' ? key : `${path}.${key}`),
  )
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

const inSchema = `n.nspname = $1 AND r.relkind = 'r'`

const columnsSql = `SELECT r.relname AS table, a.attname AS name,
    concat_ws(' ', format_type(a.atttypid, a.atttypmod),
      CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || quote_ident(c.collname) END,
      CASE WHEN a.attnotnull THEN 'NOT NULL' END,
      CASE WHEN a.attidentity <> '' THEN 'IDENTITY' END,
      'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)) AS definition
  FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_collation c ON c.oid = a.attcollation
  LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
  WHERE ${inSchema} ORDER BY r.relname, a.attnum`

// 'n' is NOT NULL, which Postgres 18 keeps as a constraint and the columns say already.
const constraintsSql = `SELECT r.relname AS table, k.conname AS name, pg_get_constraintdef(k.oid) AS definition
  FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
  WHERE ${inSchema} AND k.contype <> 'n' ORDER BY r.relname, k.conname`

const indexesSql = `SELECT r.relname AS table, i.relname AS name, pg_get_indexdef(i.oid) AS definition
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class r ON r.oid = x.indrelid
  JOIN pg_namespace n ON n.oid = r.relnamespace
  WHERE ${inSchema} ORDER BY r.relname, i.relname`

const policiesSql = `SELECT r.relname AS table, p.polname AS name,
    concat_ws(' ', CASE WHEN NOT p.polpermissive THEN 'RESTRICTIVE' END,
      'FOR', CASE p.polcmd WHEN '*' THEN 'ALL' ELSE p.polcmd::text END,
      CASE WHEN p.polroles = '{0}' THEN 'TO PUBLIC' WHEN p.polroles = ARRAY[r.relowner] THEN 'TO OWNER' ELSE 'TO OTHERS' END,
      'USING ' || pg_get_expr(p.polqual, p.polrelid), 'WITH CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid))
      AS definition
  FROM pg_policy p JOIN pg_class r ON r.oid = p.polrelid JOIN pg_namespace n ON n.oid = r.relnamespace
  WHERE ${inSchema} AND r.relrowsecurity AND r.relforcerowsecurity ORDER BY r.relname, p.polname`

const sequencesSql = `SELECT r.relname AS name FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
  WHERE n.nspname = $1 AND r.relkind = 'S'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = r.oid AND d.deptype = 'i') ORDER BY r.relname`
