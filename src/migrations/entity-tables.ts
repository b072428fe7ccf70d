import type { PostgresPool } from '../connections/postgres/client'
import { quoteName, rowSecurityStatements } from '../connections/postgres/row-security'
import { literal } from '../connections/postgres/statement'
import { HeadwaterError } from '../core/errors'
import { classifyPostgres } from '../resilience/classify-postgres'
import { type HeldClient, holdClient, pinnedBegin } from './held-client'
import { ask } from './status'
import { type MigrationTarget, type SchemaOptions, schemaOf, withPool } from './target'

/** A table that a user's entity needs. Names are as they are, types in Postgres' own spelling. */
export interface DeclaredTable {
  readonly name: string
  readonly entity: string
  /** What marks it as made here. */
  readonly comment: string
  readonly columns: readonly {
    readonly name: string
    readonly type: string
    readonly required: boolean
    /** SQL of what the rows get that are there before a required column is. */
    readonly fill?: string | undefined
  }[]
  readonly key: readonly string[]
  readonly indexes: readonly {
    readonly name: string
    readonly columns: readonly string[]
    readonly unique: boolean
    readonly where?: string | undefined
  }[]
}

export interface EntityTableOptions extends SchemaOptions {
  readonly tables: readonly DeclaredTable[]
}

interface FoundTable {
  readonly name: string
  readonly comment: string | null
  readonly columns: Readonly<Record<string, { type: string; required: boolean; filled: boolean }>>
  readonly key: readonly string[]
  readonly indexes: Readonly<Record<string, { unique: boolean; valid: boolean; building: boolean }>>
}

/** What it takes that a table is as declared. */
interface Plan {
  /** A new table, or columns that rows may be without: done in one transaction. */
  readonly additions: readonly string[]
  /** On a table that is there: built beside writes, so outside of any transaction. */
  readonly indexes: readonly string[]
  /** What differs otherwise, with the statement that would change it. */
  readonly misfits: readonly { readonly what: string; readonly statement?: string | undefined }[]
}

/**
 * Makes the tables of entities, and adds to those that are there what leaves their rows as they are: columns that may be
 * without a value or bring one, and indexes. HW_ENTITY_MISMATCH for any other difference, with the statements of the
 * migration that it would take, and nothing of that table is touched.
 */
export async function migrateEntityTables(target: MigrationTarget, options: EntityTableOptions): Promise<void> {
  const schema = schemaOf(options)
  if (options.tables.length === 0) return
  await withPool(target, async (pool) => {
    if ((await plansOf(pool, schema, options.tables)).every(isEmpty)) return
    await withClient(pool, async (client) => {
      await client.query({ text: pinnedBegin })
      try {
        await client.query({
          text: `SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)`,
        })
        const lock = 'SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0::bigint))'
        await client.query({ text: lock, values: [`headwater:migrate:${schema}`] })
        // Another process may have made them meanwhile.
        for (const { additions } of await plansOf(client, schema, options.tables)) {
          for (const text of additions) await client.query({ text })
        }
        await client.query({ text: 'COMMIT' })
      } catch (error) {
        await client.query({ text: 'ROLLBACK' })
        throw error
      }
      await buildIndexes(client, schema, options.tables)
    })
  })
}

/** Resolves when every table is as declared; HW_MIGRATION_NEEDED for what `migrateEntityTables` would do. */
export async function assertEntityTables(target: MigrationTarget, options: EntityTableOptions): Promise<void> {
  const schema = schemaOf(options)
  if (options.tables.length === 0) return
  const plans = await withPool(target, (pool) => plansOf(pool, schema, options.tables))
  const pending = plans.flatMap(({ additions, indexes }) => [...additions, ...indexes])
  if (pending.length === 0) return
  const entities = options.tables.filter((_, at) => !isEmpty(plans[at]!)).map(({ entity }) => entity)
  throw new HeadwaterError(
    'HW_MIGRATION_NEEDED',
    `entities: tables of ${entities.join(', ')} are not as declared: open once with migrate: 'auto', as their owner`,
    { path: 'entities', details: { schema, entities, statements: pending } },
  )
}

/** The plan of each table, in order; HW_ENTITY_MISMATCH where one is of another kind. */
async function plansOf(
  source: PostgresPool | HeldClient,
  schema: string,
  tables: readonly DeclaredTable[],
): Promise<Plan[]> {
  const values = [schema, tables.map(({ name }) => name)]
  const rows =
    'connect' in source
      ? await ask(source, readSql, values, 'Reading the tables of entities')
      : (await source.query({ text: readSql, values })).rows
  const plans = tables.map((table) => {
    const found = rows.find(({ name }) => name === table.name) as FoundTable | undefined
    return found ? planOf(schema, table, found) : { additions: creation(schema, table), indexes: [], misfits: [] }
  })
  for (const [at, { misfits }] of plans.entries()) if (misfits.length > 0) throw misfit(schema, tables[at]!, misfits)
  return plans
}

function isEmpty({ additions, indexes }: Plan): boolean {
  return additions.length + indexes.length === 0
}

function creation(schema: string, table: DeclaredTable): string[] {
  const name = `${quoteName(schema)}.${quoteName(table.name)}`
  const columns = table.columns.map((column) => definitionOf(column))
  return [
    `CREATE TABLE ${name} (${columns.join(', ')}, PRIMARY KEY (${table.key.map(quoteName).join(', ')}))`,
    `COMMENT ON TABLE ${name} IS ${literal(table.comment)}`,
    ...table.indexes.map((index) => indexSql(name, index, '')),
    ...rowSecurityStatements(name),
  ]
}

function planOf(schema: string, table: DeclaredTable, found: FoundTable): Plan {
  const name = `${quoteName(schema)}.${quoteName(table.name)}`
  const alter = `ALTER TABLE ${name}`
  const additions: string[] = []
  const misfits: { what: string; statement: string }[] = []
  if (found.comment !== table.comment) {
    const ours = found.comment?.startsWith('headwater entity ')
    const what = ours
      ? 'its rows were made with another `tenant`'
      : `the table ${table.name} was not made by headwater: give it, or the entity, another name`
    return { additions, indexes: [], misfits: [{ what }] }
  }
  if (found.key.join() !== table.key.join()) {
    const key = table.key.map(quoteName).join(', ')
    const statement = `${alter} DROP CONSTRAINT ${quoteName(`${table.name}_pkey`)}, ADD PRIMARY KEY (${key})`
    misfits.push({ what: `the key is (${found.key.join(', ')})`, statement })
  }
  for (const column of table.columns) {
    const quoted = quoteName(column.name)
    const there = found.columns[column.name]
    if (!there) {
      const statement = `${alter} ADD COLUMN ${definitionOf(column)}`
      if (column.required && column.fill === undefined) {
        misfits.push({ what: `${column.name} is required, and rows that are there have none`, statement })
      } else additions.push(statement)
      continue
    }
    if (there.type !== column.type) {
      const using = column.type.replace(/ COLLATE .*/, '')
      const statement = `${alter} ALTER COLUMN ${quoted} TYPE ${column.type} USING ${quoted}::${using}`
      misfits.push({ what: `${column.name} is ${there.type}, declared as ${column.type}`, statement })
    }
    if (there.required !== column.required) {
      const statement = `${alter} ALTER COLUMN ${quoted} ${column.required ? 'SET' : 'DROP'} NOT NULL`
      misfits.push({ what: `${column.name} is ${there.required ? 'required' : 'optional'} in the table`, statement })
    }
  }
  for (const [column, { required, filled }] of Object.entries(found.columns)) {
    if (!required || filled || table.columns.some((one) => one.name === column)) continue
    const statement = `${alter} ALTER COLUMN ${quoteName(column)} DROP NOT NULL`
    misfits.push({ what: `${column} is not declared, and required in the table`, statement })
  }
  for (const [index, { unique }] of Object.entries(found.indexes)) {
    if (!unique || table.indexes.some((one) => one.name === index)) continue
    const statement = `DROP INDEX ${quoteName(schema)}.${quoteName(index)}`
    misfits.push({ what: `${index} keeps values unique, which is not declared`, statement })
  }
  const indexes = table.indexes.flatMap((index) => {
    const there = found.indexes[index.name]
    if (there && (there.valid || there.building)) return []
    // What an interrupted build left is in the way of the next one.
    const drop = there ? [`DROP INDEX CONCURRENTLY IF EXISTS ${quoteName(schema)}.${quoteName(index.name)}`] : []
    return [...drop, indexSql(name, index, 'CONCURRENTLY IF NOT EXISTS ')]
  })
  return { additions, indexes, misfits }
}

function definitionOf({ name, type, required, fill }: DeclaredTable['columns'][number]): string {
  return `${quoteName(name)} ${type}${required ? ' NOT NULL' : ''}${fill === undefined ? '' : ` DEFAULT ${fill}`}`
}

function indexSql(table: string, index: DeclaredTable['indexes'][number], how: string): string {
  const where = index.where === undefined ? '' : ` WHERE ${index.where}`
  const columns = index.columns.map(quoteName).join(', ')
  return `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${how}${quoteName(index.name)} ON ${table} (${columns})${where}`
}

const attempts = 20
const deadlock = '40P01'

/**
 * Not in a transaction: the limits are the connection's for as long as it takes. Builds of two processes wait for each
 * other, and Postgres ends one of them: that one looks again at what is left to do, and leaves what the other is at.
 */
async function buildIndexes(client: HeldClient, schema: string, tables: readonly DeclaredTable[]): Promise<void> {
  const planned = async () => (await plansOf(client, schema, tables)).flatMap(({ indexes }) => indexes)
  let statements = await planned()
  if (statements.length === 0) return
  await client.query({ text: 'SET statement_timeout = 0; SET lock_timeout = 0' })
  try {
    for (let attempt = 1; statements.length > 0; attempt++) {
      try {
        for (const text of statements) await client.query({ text })
      } catch (cause) {
        const { details } = classifyPostgres(cause, '').error
        if (details?.['sqlState'] !== deadlock || attempt === attempts) throw cause
        await client.query({ text: 'SELECT pg_catalog.pg_sleep(0.05 + 0.1 * pg_catalog.random())' })
      }
      statements = await planned()
    }
  } finally {
    await client.query({ text: 'RESET statement_timeout; RESET lock_timeout' })
  }
}

async function withClient(pool: PostgresPool, work: (client: HeldClient) => Promise<void>): Promise<void> {
  const what = 'Making the tables of entities'
  const client = await holdClient(pool).catch((cause: unknown) => {
    throw classifyPostgres(cause, what).error
  })
  try {
    await work(client)
    client.release()
  } catch (cause) {
    const { error, evict } = classifyPostgres(cause, what)
    client.release(evict === 'none' ? undefined : error)
    if (error.details?.['sqlState'] !== '23505') throw error
    const text = 'entities: a unique index cannot be made, since rows have equal values: make them differ first'
    throw new HeadwaterError('HW_ENTITY_MISMATCH', text, { path: 'entities', details: { ...error.details } })
  }
}

function misfit(schema: string, { entity, name }: DeclaredTable, misfits: Plan['misfits']): HeadwaterError {
  const statements = misfits.flatMap(({ statement }) => statement ?? [])
  const what = misfits.map((one) => one.what).join('; ')
  const remedy = statements.length === 0 ? '' : `; a migration of yours would be: ${statements.join('; ')}`
  return new HeadwaterError('HW_ENTITY_MISMATCH', `entities.${entity}: ${what}${remedy}`, {
    path: `entities.${entity}`,
    details: { schema, table: name, statements },
  })
}

const readSql = `SELECT c.relname::text AS name, obj_description(c.oid, 'pg_class') AS comment,
    (SELECT jsonb_object_agg(a.attname, jsonb_build_object(
        'type', concat_ws(' COLLATE ', format_type(a.atttypid, a.atttypmod),
          CASE WHEN a.attcollation <> t.typcollation THEN quote_ident(l.collname) END),
        'required', a.attnotnull, 'filled', a.atthasdef OR a.attidentity <> ''))
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    coalesce((SELECT jsonb_agg(a.attname ORDER BY k.at)
      FROM pg_index x CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k (attnum, at)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
      WHERE x.indrelid = c.oid AND x.indisprimary), '[]') AS key,
    coalesce((SELECT jsonb_object_agg(i.relname, jsonb_build_object('unique', x.indisunique, 'valid', x.indisvalid,
        'building', EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.oid)))
      FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
      WHERE x.indrelid = c.oid AND NOT x.indisprimary), '{}') AS indexes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = ANY($2::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`
