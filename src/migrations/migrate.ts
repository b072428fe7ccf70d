import type { Migration, MigrationResultSet, Migrator } from 'kysely'
import type { PostgresPool } from '../connections/postgres/client'
import { quoteName } from '../connections/postgres/row-security'
import { HeadwaterError } from '../core/errors'
import { classifyPostgres } from '../resilience/classify-postgres'
import {
  type CatalogueEntry,
  catalogue,
  firstRecordedLevel,
  levelOf,
  levelTable,
  migrationLockTable,
  migrationTable,
} from './catalogue'
import { kyselyOver } from './dialect'
import type { KeptRows } from './schema-migration'
import { aheadOf, ask, assertRunnable, assertWhole, type MigrationStatus, readStatus } from './status'
import { type MigrationTarget, type SchemaOptions, schemaOf, withPool } from './target'

export interface MigrateOptions extends SchemaOptions {
  /** `up` by default. */
  direction?: 'up' | 'down' | undefined
  /**
   * The migration that is the last one afterwards; `none` with `down` undoes them all. Left out: the newest for `up`,
   * one step for `down`.
   */
  to?: string | undefined
  /** Lets `down` take users' rows along, which it refuses to do otherwise. */
  withData?: boolean | undefined
  /** @internal */
  catalogue?: readonly CatalogueEntry[] | undefined
}

export interface MigrateResult {
  /** What this call applied or undid, in the order in which that was done. */
  readonly changed: readonly string[]
  readonly status: MigrationStatus
}

/**
 * Brings the schema up or down, each migration in a transaction of its own under an advisory lock, so that any number
 * of processes may start at once. A database that is ahead, and on which this package may run, is left as it is by `up`;
 * otherwise HW_MIGRATION_AHEAD. HW_MIGRATION_LOSES_DATA when going down would drop documents; HW_MIGRATION_FAILED, with
 * the cause, when a migration fails: it leaves nothing, and those before it stay.
 */
export async function migrate(target: MigrationTarget, options: MigrateOptions = {}): Promise<MigrateResult> {
  const schema = schemaOf(options)
  const known = options.catalogue ?? catalogue
  return withPool(target, async (pool) => {
    const before = await readStatus(pool, schema, known)
    const direction = options.direction ?? 'up'
    assertRunnable(before)
    assertWhole(before)
    const names = direction === 'down' ? namesDown(before, options.to) : namesUp(before, known, options.to)
    if (names.length === 0) return { changed: [], status: before }
    // What this package does not know it can neither undo nor go on from.
    if (before.ahead.length > 0) throw aheadOf(before, before.ahead)
    const withData = options.withData === true
    // Before the first step: one that refuses later would leave the schema half way.
    if (direction === 'down' && !withData) await refuseLoss(pool, schema, known, names)
    const changed = await runEach({ pool, schema, known, direction, withData }, names)
    return { changed, status: await readStatus(pool, schema, known) }
  })
}

function namesUp({ pending }: MigrationStatus, known: readonly CatalogueEntry[], to: string | undefined): string[] {
  if (to === undefined) return [...pending]
  const last = known.findIndex(({ name }) => name === to)
  if (last < 0) throw unknownName(to, known)
  return pending.filter((name) => known.findIndex((entry) => entry.name === name) <= last)
}

function namesDown({ applied }: MigrationStatus, to: string | undefined): string[] {
  const newestFirst = applied.map(({ name }) => name).reverse()
  if (to === undefined) return newestFirst.slice(0, 1)
  if (to === 'none') return newestFirst
  const stays = newestFirst.indexOf(to)
  if (stays < 0) throw unknownName(to, applied)
  return newestFirst.slice(0, stays)
}

function unknownName(to: string, known: readonly { readonly name: string }[]): HeadwaterError {
  const names = known.map(({ name }) => name).join(', ') || 'none'
  return new HeadwaterError('HW_INVALID_OPTIONS', `to: ${JSON.stringify(to)} is none of ${names}`, { path: 'to' })
}

interface Run {
  readonly pool: PostgresPool
  readonly schema: string
  readonly known: readonly CatalogueEntry[]
  readonly direction: 'up' | 'down'
  readonly withData: boolean
}

async function runEach(run: Run, names: readonly string[]): Promise<string[]> {
  const { pool, schema, known, direction } = run
  const { Migrator, NO_MIGRATIONS } = await import('kysely')
  const db = await kyselyOver(pool, schema)
  const changed: string[] = []
  for (const name of names) {
    const index = known.findIndex((entry) => entry.name === name)
    const steps = direction === 'up' ? known.slice(0, index + 1) : known
    const migrations: Record<string, Migration> = {}
    for (const entry of steps) migrations[entry.name] = migrationOf(run, entry)
    const migrator = new Migrator({
      db,
      provider: { getMigrations: async () => migrations },
      migrationTableSchema: schema,
      migrationTableName: migrationTable,
      migrationLockTableName: migrationLockTable,
    })
    const done = await stepOf(migrator)
    for (const result of done.results ?? []) if (result.status === 'Success') changed.push(result.migrationName)
    if (done.error === undefined) continue
    // Another process may have gone this step, and more, while this one waited.
    const { applied } = await readStatus(pool, schema, known)
    if (applied.some((one) => one.name === name) !== (direction === 'up')) throw failed(done.error, name, schema)

    function stepOf(migrator: Migrator): Promise<MigrationResultSet> {
      if (direction === 'up') return migrator.migrateToLatest()
      return migrator.migrateTo(index === 0 ? NO_MIGRATIONS : known[index - 1]!.name)
    }
  }
  return changed
}

/** Each direction alone: a migrator that finds the database elsewhere than it thought must not turn round. */
function migrationOf({ schema, direction, withData }: Run, entry: CatalogueEntry): Migration {
  const quoted = quoteName(schema)
  const run =
    (asked: 'up' | 'down'): Migration['up'] =>
    async (trx) => {
      const { CompiledQuery } = await import('kysely')
      const execute = (text: string, values: unknown[] = []) => trx.executeQuery(CompiledQuery.raw(text, values))
      if (asked !== direction) throw new HeadwaterError('HW_CONFLICT', 'Another process migrates the other way')
      const step = await entry.load()
      const recorded = levelOf(entry.name) >= firstRecordedLevel
      const levels = `${quoted}.${quoteName(levelTable)}`
      if (asked === 'up') {
        for (const text of step.up(quoted)) await execute(text)
        if (recorded) await execute(`INSERT INTO ${levels} VALUES ($1, $2)`, [entry.name, step.oldest])
        return
      }
      for (const rows of withData ? [] : (step.data?.(quoted) ?? [])) {
        // Nobody adds one between the look and the drop.
        await execute(`LOCK TABLE ${rows.table} IN ACCESS EXCLUSIVE MODE`)
        if ((await execute(someSql(rows))).rows.length > 0) throw losesData(schema, entry.name, rows)
      }
      if (recorded) await execute(`DELETE FROM ${levels} WHERE migration = $1`, [entry.name])
      for (const text of step.down(quoted)) await execute(text)
    }
  return { up: run('up'), down: run('down') }
}

/** HW_MIGRATION_LOSES_DATA where going down to `to` would be refused; changes nothing. */
export async function assertNothingLost(target: MigrationTarget, { to, ...options }: MigrateOptions): Promise<void> {
  const schema = schemaOf(options)
  await withPool(target, async (pool) => {
    const names = namesDown(await readStatus(pool, schema, catalogue), to)
    await refuseLoss(pool, schema, catalogue, names)
  })
}

async function refuseLoss(
  pool: PostgresPool,
  schema: string,
  known: readonly CatalogueEntry[],
  names: readonly string[],
): Promise<void> {
  for (const entry of known.filter(({ name }) => names.includes(name))) {
    for (const rows of (await entry.load()).data?.(quoteName(schema)) ?? []) {
      const found = await ask(pool, someSql(rows), [], `Looking for what ${entry.name} would lose`)
      if (found.length > 0) throw losesData(schema, entry.name, rows)
    }
  }
}

function someSql({ table, where }: KeptRows): string {
  return `SELECT 1 AS some FROM ${table} WHERE ${where} LIMIT 1`
}

function losesData(schema: string, migration: string, { table, where }: KeptRows): HeadwaterError {
  return new HeadwaterError(
    'HW_MIGRATION_LOSES_DATA',
    `schema: "${schema}": undoing ${migration} would drop rows of ${table} (${where})`,
    { path: 'withData', details: { schema, migration, table } },
  )
}

function failed(cause: unknown, migration: string, schema: string): HeadwaterError {
  const { error } = classifyPostgres(cause, `Migration ${migration}`)
  if (error.code !== 'HW_DATABASE') return error
  return new HeadwaterError('HW_MIGRATION_FAILED', `schema: "${schema}": ${error.message}; it left nothing behind`, {
    cause: error,
    path: 'schema',
    details: { ...error.details, schema, migration },
  })
}
