import type { PostgresPool } from '../connections/postgres/client'
import { PostgresConnection } from '../connections/postgres/connection'
import type { PostgresOptions } from '../connections/postgres/options'
import { quoteName, rowSecurityStatements } from '../connections/postgres/row-security'
import { literal } from '../connections/postgres/statement'
import { asHeadwaterError, HeadwaterError } from '../core/errors'
import { classifyPostgres } from '../resilience/classify-postgres'
import { askPinned, type HeldClient, underMigrationLock, withClient } from './held-client'
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
    /** SQL of what it always is. */
    readonly generated?: string | undefined
  }[]
  readonly key: readonly string[]
  readonly indexes: readonly {
    readonly name: string
    readonly columns: readonly string[]
    readonly unique: boolean
    readonly where?: string | undefined
  }[]
  /** Foreign keys. */
  readonly references?: readonly {
    readonly name: string
    readonly columns: readonly string[]
    readonly table: string
    readonly to: readonly string[]
  }[]
  /** Tables of elements of lists, which triggers keep. */
  readonly lists?: readonly DeclaredList[]
}

interface DeclaredList {
  readonly name: string
  readonly comment: string
  readonly column: string
  readonly type: string
  /** Type of the key of rows. */
  readonly key: string
  /** SQL of the elements of a row `r`, as rows of `value`. */
  readonly elements: string
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
  /** Foreign keys, and whether all rows were looked at. */
  readonly references: Readonly<Record<string, boolean>>
  readonly triggers: readonly string[]
}

/** What it takes that a table is as declared. */
export interface EntityTablePlan {
  readonly entity: string
  readonly table: string
  /** A new table, or columns that rows may be without: done in one transaction. */
  readonly additions: readonly string[]
  /** On a table that is there, indexes, lists and then references: built beside writes, so outside of any transaction. */
  readonly indexes: readonly string[]
  readonly references: readonly string[]
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
    await makingTables(pool, (client) =>
      underMigrationLock(client, schema, async () => {
        // Another process may have made them meanwhile.
        for (const { additions } of await fittingPlans(client, schema, options.tables)) {
          for (const text of additions) await client.query({ text })
          done.push(...additions)
        }
      }),
    )
    return (await plansOf(pool, schema, options.tables)).some((plan) => !isEmpty(plan))
  })
  if (!indexes) return done
  await withPool(unhurried(target), (pool) =>
    makingTables(pool, async (client) => {
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
  const pending = pendingOf(plans)
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
  const values = [schema, tables.flatMap(({ name, lists = [] }) => [name, ...lists.map((list) => list.name)])]
  const rows =
    'connect' in source
      ? await ask(source, readSql, values, 'Reading the tables of entities')
      : (await source.query({ text: readSql, values })).rows
  return tables.map((table) => {
    const foundOf = (name: string): FoundTable | undefined =>
      (rows as unknown as FoundTable[]).find((one) => one.name === name)
    const found = foundOf(table.name)
    const plan = found ? planOf(schema, table, found) : newTable(schema, table)
    const lists = (table.lists ?? []).map((list) =>
      planOfList(schema, table, list, foundOf(list.name), found?.triggers ?? []),
    )
    return {
      entity: table.entity,
      table: table.name,
      additions: [...plan.additions, ...lists.flatMap(({ additions }) => additions)],
      indexes: [...plan.indexes, ...lists.flatMap(({ indexes }) => indexes)],
      references: plan.references,
      misfits: [...plan.misfits, ...lists.flatMap(({ misfits }) => misfits)],
    }
  })
}

/** Every statement that is left to be run, in order. */
export function pendingOf(plans: readonly Plan[]): string[] {
  return [...plans.flatMap(({ additions }) => additions), ...later(plans)]
}

function isEmpty(plan: Plan): boolean {
  return pendingOf([plan]).length === 0
}

/** What no transaction may do, or should: references look for an index, so that all of those come first. */
function later(plans: readonly Plan[]): string[] {
  return [...plans.flatMap(({ indexes }) => indexes), ...plans.flatMap(({ references }) => references)]
}

function newTable(schema: string, table: DeclaredTable): Plan {
  const references = referencesOf(schema, table, {})
  return { additions: creation(schema, table), indexes: [], references, misfits: [] }
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
    return { additions, indexes: [], references: [], misfits: [{ what }] }
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
    // An older process, or another service, may know of nothing that refers to these rows.
    if (!unique || index === `${table.name}__living` || table.indexes.some((one) => one.name === index)) continue
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
  for (const name of Object.keys(found.references)) {
    if (!/_fk_[0-9a-f]{8}$/.test(name) || table.references?.some((one) => one.name === name)) continue
    const statement = `${alter} DROP CONSTRAINT ${quoteName(name)}`
    misfits.push({ what: `${name} is a reference that is not declared`, statement })
  }
  return { additions, indexes, references: referencesOf(schema, table, found.references), misfits }
}

/** Made without a look at the rows that are there, which would keep writers out; then those are looked at. */
function referencesOf(schema: string, table: DeclaredTable, found: FoundTable['references']): string[] {
  const alter = `ALTER TABLE ${quoteName(schema)}.${quoteName(table.name)}`
  return (table.references ?? []).flatMap(({ name, columns, table: target, to }) => {
    if (found[name] === true) return []
    const list = (names: readonly string[]): string => names.map(quoteName).join(', ')
    const key = `FOREIGN KEY (${list(columns)}) REFERENCES ${quoteName(schema)}.${quoteName(target)} (${list(to)})`
    const validate = `${alter} VALIDATE CONSTRAINT ${quoteName(name)}`
    return found[name] === false
      ? [validate]
      : [`${alter} ADD CONSTRAINT ${quoteName(name)} ${key} NOT VALID`, validate]
  })
}

/** What is written while the list is made, is in it by the triggers. */
const incomplete = ' (not complete)'

/** A list that no trigger keeps, as a restore leaves it, is made anew: nobody knows what it lacks. */
function planOfList(
  schema: string,
  table: DeclaredTable,
  list: DeclaredList,
  found: FoundTable | undefined,
  triggers: readonly string[],
): Plan {
  const nothing: Plan = { additions: [], indexes: [], references: [], misfits: [] }
  const triggerOf = (when: string): string => `${list.name.slice(0, 54)}_${when.toLowerCase()}`
  const isKept = ['INSERT', 'UPDATE', 'DELETE'].every((when) => triggers.includes(triggerOf(when)))
  if (found?.comment === list.comment && isKept) return nothing
  if (found && found.comment !== list.comment && found.comment !== `${list.comment}${incomplete}`) {
    return { ...nothing, misfits: [{ what: `the table ${list.name} was not made by headwater` }] }
  }
  const [name, of] = [list.name, table.name].map((one) => `${quoteName(schema)}.${quoteName(one)}`)
  const key = quoteName(table.key.at(-1)!)
  const fields = `SELECT DISTINCT r.tenant, i.value, r.${key}`
  const elements = `CROSS JOIN LATERAL ${list.elements} AS i WHERE i.value IS NOT NULL`
  const into = `INSERT INTO ${name} (tenant, value, key)`
  const column = quoteName(list.column)
  const trigger = (when: string, sees: string): string =>
    `CREATE TRIGGER ${quoteName(triggerOf(when))} AFTER ${when} ON ${of}
      REFERENCING ${sees} FOR EACH STATEMENT EXECUTE FUNCTION ${name}()`
  const additions = [
    `CREATE TABLE ${name} (tenant text COLLATE "C" NOT NULL, value ${list.type} NOT NULL, key ${list.key} NOT NULL,
      PRIMARY KEY (tenant, value, key))`,
    `COMMENT ON TABLE ${name} IS ${literal(`${list.comment}${incomplete}`)}`,
    `CREATE INDEX ON ${name} (tenant, key)`,
    ...rowSecurityStatements(name!),
    // Who writes the table writes this one from now on, without knowing of it.
    `DO $headwater$ DECLARE found record; BEGIN
      FOR found IN SELECT DISTINCT a.grantee::regrole AS role FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
        WHERE c.oid = ${literal(of!)}::regclass AND a.grantee NOT IN (0, c.relowner)
      LOOP EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s', ${literal(name!)}, found.role); END LOOP;
    END $headwater$`,
    `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $headwater$ BEGIN
      IF TG_OP = 'DELETE' THEN
        DELETE FROM ${name} l USING before b WHERE l.tenant = b.tenant AND l.key = b.${key};
      ELSIF TG_OP = 'UPDATE' THEN
        DELETE FROM ${name} l USING before b JOIN after a ON a.tenant = b.tenant AND a.${key} = b.${key}
          WHERE l.tenant = b.tenant AND l.key = b.${key} AND a.${column} IS DISTINCT FROM b.${column};
        ${into} ${fields} FROM after r JOIN before b ON r.tenant = b.tenant AND r.${key} = b.${key}
          AND r.${column} IS DISTINCT FROM b.${column} ${elements} ON CONFLICT DO NOTHING;
      ELSE
        ${into} ${fields} FROM after r ${elements} ON CONFLICT DO NOTHING;
      END IF;
      RETURN NULL;
    END $headwater$`,
    trigger('INSERT', 'NEW TABLE AS after'),
    trigger('UPDATE', 'OLD TABLE AS before NEW TABLE AS after'),
    trigger('DELETE', 'OLD TABLE AS before'),
  ]
  // Rows are locked, so that none is written meanwhile as it was before.
  const filling = `DO $headwater$ DECLARE t text; k ${list.key}; BEGIN
    LOOP
      WITH page AS MATERIALIZED (SELECT tenant, ${key}, ${column} FROM ${of}
          WHERE t IS NULL OR (tenant, ${key}) > (t, k) ORDER BY tenant, ${key} LIMIT 2000 FOR SHARE),
        added AS (${into} ${fields} FROM page r ${elements} ON CONFLICT DO NOTHING)
      SELECT tenant, ${key} INTO t, k FROM page ORDER BY tenant DESC, ${key} DESC LIMIT 1;
      EXIT WHEN NOT FOUND;
      COMMIT;
    END LOOP;
    COMMENT ON TABLE ${name} IS ${literal(list.comment)};
  END $headwater$`
  const away = found ? [`DROP TABLE ${name}`, `DROP FUNCTION IF EXISTS ${name}() CASCADE`] : []
  return { ...nothing, additions: found && isKept ? [] : [...away, ...additions], indexes: [filling] }
}

function definitionOf({ name, type, required, fill, generated }: DeclaredTable['columns'][number]): string {
  if (generated !== undefined) return `${quoteName(name)} ${type} GENERATED ALWAYS AS (${generated}) STORED`
  return `${quoteName(name)} ${type}${required ? ' NOT NULL' : ''}${fill === undefined ? '' : ` DEFAULT ${fill}`}`
}

function indexSql(table: string, index: DeclaredTable['indexes'][number], how: string): string {
  const where = index.where === undefined ? '' : ` WHERE ${index.where}`
  const columns = index.columns.map(quoteName).join(', ')
  return `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${how}${quoteName(index.name)} ON ${table} (${columns})${where}`
}

const attempts = 20
/** A deadlock, or what another process has made meanwhile. */
const passing: ReadonlySet<string> = new Set(['40P01', '42710'])

/**
 * Not in a transaction. Builds of two processes wait for each other, and Postgres ends one of them: that one looks again
 * at what is left to do, and leaves what the other is at. Answers what was built.
 */
async function buildIndexes(client: HeldClient, schema: string, tables: readonly DeclaredTable[]): Promise<string[]> {
  const pinned: HeldClient = { ...client, query: (query) => askPinned(client, query) }
  const planned = async () => later(await fittingPlans(pinned, schema, tables))
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
      if (!passing.has(String(details?.['sqlState'])) || attempt === attempts) throw cause
      await client.query({ text: 'SELECT pg_catalog.pg_sleep(0.05 + 0.1 * pg_catalog.random())' })
    }
    statements = await planned()
  }
  return done
}

async function makingTables(pool: PostgresPool, work: (client: HeldClient) => Promise<void>): Promise<void> {
  try {
    await withClient(pool, 'Making the tables of entities', work)
  } catch (cause) {
    const error = asHeadwaterError(cause)
    const state = String(error.details?.['sqlState'])
    if (state !== '23505' && state !== '23503') throw error
    const text =
      state === '23505'
        ? 'entities: a unique index cannot be made, since rows have equal values: make them differ first'
        : 'entities: a reference cannot be made, since rows refer to what is not there: give them another, or none'
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
      WHERE x.indrelid = c.oid AND NOT x.indisprimary), '{}') AS indexes,
    coalesce((SELECT jsonb_object_agg(o.conname, o.convalidated)
      FROM pg_constraint o WHERE o.conrelid = c.oid AND o.contype = 'f'), '{}') AS "references",
    coalesce((SELECT jsonb_agg(t.tgname) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal), '[]') AS triggers
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = ANY($2::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`
