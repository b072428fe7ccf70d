import type { PostgresPool } from '../connections/postgres/client'
import { PostgresConnection } from '../connections/postgres/connection'
import type { PostgresOptions } from '../connections/postgres/options'
import { quoteName, rowSecurityStatements } from '../connections/postgres/row-security'
import { literal } from '../connections/postgres/statement'
import { HeadwaterError } from '../core/errors'
import { classifyPostgres } from '../resilience/classify-postgres'
import { askPinned, type HeldClient, holdClient, pinnedBegin } from './held-client'
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
  readonly indexes: Readonly<Record<string, { unique: boolean; valid: boolean; building: boolean; sql: string }>>
}

/** What it takes that a table is as declared. */
export interface EntityTablePlan {
  readonly entity: string
  readonly table: string
  /** A new table, or columns that rows may be without: done in one transaction. */
  readonly additions: readonly string[]
  /** On a table that is there: built beside writes, so outside of any transaction. */
  readonly indexes: readonly string[]
  /** What differs otherwise, with the statement that would change it. */
  readonly misfits: readonly Misfit[]
}

interface Misfit {
  readonly what: string
  readonly statement?: string | undefined
  /** What takes the statement back. */
  readonly undo?: string | undefined
}

type Plan = Omit<EntityTablePlan, 'entity' | 'table'>

/**
 * Makes the tables of entities, and adds to those that are there what leaves their rows as they are: columns that may be
 * without a value or bring one, and indexes. HW_ENTITY_MISMATCH for any other difference, with the statements of the
 * migration that it would take, and nothing of that table is touched. Resolves to the statements that were run.
 */
export async function migrateEntityTables(target: MigrationTarget, options: EntityTableOptions): Promise<string[]> {
  const schema = schemaOf(options)
  const done: string[] = []
  if (options.tables.length === 0) return done
  const indexes = await withPool(target, async (pool) => {
    const plans = await fittingPlans(pool, schema, options.tables)
    if (plans.every(isEmpty)) return false
    await withClient(pool, async (client) => {
      await client.query({ text: pinnedBegin })
      try {
        await client.query({
          text: `SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)`,
        })
        const lock = 'SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0::bigint))'
        await client.query({ text: lock, values: [`headwater:migrate:${schema}`] })
        // Another process may have made them meanwhile.
        for (const { additions } of await fittingPlans(client, schema, options.tables)) {
          for (const text of additions) await client.query({ text })
          done.push(...additions)
        }
        await client.query({ text: 'COMMIT' })
      } catch (error) {
        await client.query({ text: 'ROLLBACK' })
        throw error
      }
    })
    return plans.some((plan) => plan.indexes.length > 0)
  })
  if (!indexes) return done
  await withPool(unhurried(target), (pool) =>
    withClient(pool, async (client) => {
      done.push(...(await buildIndexes(client, schema, options.tables)))
    }),
  )
  return done
}

/** What each table lacks, and what of it is another; changes nothing. */
export async function planEntityTables(
  target: MigrationTarget,
  options: EntityTableOptions,
): Promise<EntityTablePlan[]> {
  const schema = schemaOf(options)
  if (options.tables.length === 0) return []
  return withPool(target, (pool) => plansOf(pool, schema, options.tables))
}

/** As long as it takes, ms: the most that a server can be told. */
const longest = 2_147_483_647

/**
 * Where indexes are built, which no transaction may do and no limit should end. A connection of ours brings its limits
 * when it starts, so that one is made without them; they are never set on one that a pooler, or the application, gives to
 * somebody else next. There the server's own hold.
 */
function unhurried(target: MigrationTarget): MigrationTarget {
  const given = target instanceof PostgresConnection ? target.options : 'pool' in target ? undefined : target
  const url = given && 'target' in given ? (given.target.kind === 'server' ? given.target.url : undefined) : given?.url
  if (given === undefined || url === undefined || given.startupParameters === false) return target
  const { ssl } = given as PostgresOptions
  return { url, ssl, max: 1, statementTimeoutMs: longest - 1, queryTimeoutMs: longest, lockTimeoutMs: longest }
}

/** Resolves when every table is as declared; HW_MIGRATION_NEEDED for what `migrateEntityTables` would do. */
export async function assertEntityTables(target: MigrationTarget, options: EntityTableOptions): Promise<void> {
  const schema = schemaOf(options)
  if (options.tables.length === 0) return
  const plans = await withPool(target, (pool) => fittingPlans(pool, schema, options.tables))
  const pending = plans.flatMap(({ additions, indexes }) => [...additions, ...indexes])
  if (pending.length === 0) return
  const entities = options.tables.filter((_, at) => !isEmpty(plans[at]!)).map(({ entity }) => entity)
  throw new HeadwaterError(
    'HW_MIGRATION_NEEDED',
    `entities: tables of ${entities.join(', ')} are not as declared: open once with migrate: 'auto', as their owner, or run headwater migrate up --entities FILE`,
    { path: 'entities', details: { schema, entities, statements: pending } },
  )
}

type Source = PostgresPool | HeldClient

/** HW_ENTITY_MISMATCH where a table is of another kind. */
async function fittingPlans(
  source: Source,
  schema: string,
  tables: readonly DeclaredTable[],
): Promise<EntityTablePlan[]> {
  const plans = await plansOf(source, schema, tables)
  for (const plan of plans) if (plan.misfits.length > 0) throw misfit(schema, plan)
  return plans
}

/** The plan of each table, in order. */
async function plansOf(source: Source, schema: string, tables: readonly DeclaredTable[]): Promise<EntityTablePlan[]> {
  const values = [schema, tables.map(({ name }) => name)]
  const rows =
    'connect' in source
      ? await ask(source, readSql, values, 'Reading the tables of entities')
      : (await source.query({ text: readSql, values })).rows
  return tables.map((table) => {
    const found = rows.find(({ name }) => name === table.name) as FoundTable | undefined
    const plan = found ? planOf(schema, table, found) : { additions: creation(schema, table), indexes: [], misfits: [] }
    return { entity: table.entity, table: table.name, ...plan }
  })
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
  const misfits: Misfit[] = []
  if (found.comment !== table.comment) {
    const ours = found.comment?.startsWith('headwater entity ')
    const what = ours
      ? 'its rows were made with another `tenant`'
      : `the table ${table.name} was not made by headwater: give it, or the entity, another name`
    return { additions, indexes: [], misfits: [{ what }] }
  }
  if (found.key.join() !== table.key.join()) {
    const keyedBy = (key: readonly string[]): string =>
      `${alter} DROP CONSTRAINT ${quoteName(`${table.name}_pkey`)}, ADD PRIMARY KEY (${key.map(quoteName).join(', ')})`
    const what = `the key is (${found.key.join(', ')})`
    misfits.push({ what, statement: keyedBy(table.key), undo: keyedBy(found.key) })
  }
  for (const column of table.columns) {
    const quoted = quoteName(column.name)
    const there = found.columns[column.name]
    if (!there) {
      const statement = `${alter} ADD COLUMN ${definitionOf(column)}`
      if (column.required && column.fill === undefined) {
        const what = `${column.name} is required, and rows that are there have none`
        misfits.push({ what, statement, undo: `${alter} DROP COLUMN ${quoted}` })
      } else additions.push(statement)
      continue
    }
    if (there.type !== column.type) {
      const typed = (type: string): string =>
        `${alter} ALTER COLUMN ${quoted} TYPE ${type} USING ${quoted}::${type.replace(/ COLLATE .*/, '')}`
      const what = `${column.name} is ${there.type}, declared as ${column.type}`
      misfits.push({ what, statement: typed(column.type), undo: typed(there.type) })
    }
    if (there.required !== column.required) {
      const required = (yes: boolean): string => `${alter} ALTER COLUMN ${quoted} ${yes ? 'SET' : 'DROP'} NOT NULL`
      const what = `${column.name} is ${there.required ? 'required' : 'optional'} in the table`
      misfits.push({ what, statement: required(column.required), undo: required(there.required) })
    }
  }
  for (const [column, { required, filled }] of Object.entries(found.columns)) {
    if (!required || filled || table.columns.some((one) => one.name === column)) continue
    const nullable = `${alter} ALTER COLUMN ${quoteName(column)}`
    const what = `${column} is not declared, and required in the table`
    misfits.push({ what, statement: `${nullable} DROP NOT NULL`, undo: `${nullable} SET NOT NULL` })
  }
  for (const [index, { unique, sql }] of Object.entries(found.indexes)) {
    if (!unique || table.indexes.some((one) => one.name === index)) continue
    const statement = `DROP INDEX ${quoteName(schema)}.${quoteName(index)}`
    misfits.push({ what: `${index} keeps values unique, which is not declared`, statement, undo: sql })
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
 * Not in a transaction. Builds of two processes wait for each other, and Postgres ends one of them: that one looks again
 * at what is left to do, and leaves what the other is at. Answers what was built.
 */
async function buildIndexes(client: HeldClient, schema: string, tables: readonly DeclaredTable[]): Promise<string[]> {
  const pinned: HeldClient = { ...client, query: (query) => askPinned(client, query) }
  const planned = async () => (await fittingPlans(pinned, schema, tables)).flatMap(({ indexes }) => indexes)
  const done: string[] = []
  let statements = await planned()
  for (let attempt = 1; statements.length > 0; attempt++) {
    try {
      for (const text of statements) {
        await client.query({ text })
        done.push(text)
      }
    } catch (cause) {
      const { details } = classifyPostgres(cause, '').error
      if (details?.['sqlState'] !== deadlock || attempt === attempts) throw cause
      await client.query({ text: 'SELECT pg_catalog.pg_sleep(0.05 + 0.1 * pg_catalog.random())' })
    }
    statements = await planned()
  }
  return done
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

function misfit(schema: string, { entity, table, misfits }: EntityTablePlan): HeadwaterError {
  const statements = misfits.flatMap(({ statement }) => statement ?? [])
  const what = misfits.map((one) => one.what).join('; ')
  const remedy = statements.length === 0 ? '' : `; a migration of yours would be: ${statements.join('; ')}`
  return new HeadwaterError('HW_ENTITY_MISMATCH', `entities.${entity}: ${what}${remedy}`, {
    path: `entities.${entity}`,
    details: { schema, table, statements },
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
        'sql', pg_get_indexdef(x.indexrelid), 'building', EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.oid)))
      FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
      WHERE x.indrelid = c.oid AND NOT x.indisprimary), '{}') AS indexes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = ANY($2::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`
