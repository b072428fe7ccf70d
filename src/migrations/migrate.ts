import type { Migration, MigrationResultSet, Migrator } from 'kysely'
import type { PostgresPool } from '../connections/postgres/client'
import { quoteName } from '../connections/postgres/row-security'
import { HeadwaterError } from '../core/errors'
import { classifyPostgres } from '../resilience/classify-postgres'
import { type CatalogueEntry, catalogue, migrationLockTable, migrationTable } from './catalogue'
import { kyselyOver } from './dialect'
import { assertNotAhead, assertWhole, type MigrationStatus, readStatus } from './status'
import { type MigrationTarget, type SchemaOptions, schemaOf, withPool } from './target'

export interface MigrateOptions extends SchemaOptions {
  /** `up` by default. */
  direction?: 'up' | 'down' | undefined
  /**
   * The migration that is the last one afterwards; `none` with `down` undoes them all. Left out: the newest for `up`,
   * one step for `down`.
   */
  to?: string | undefined
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
 * of processes may start at once. HW_MIGRATION_AHEAD when the database is newer than this package; HW_MIGRATION_FAILED,
 * with the cause, when a migration fails: it leaves nothing, and those before it stay.
 */
export async function migrate(target: MigrationTarget, options: MigrateOptions = {}): Promise<MigrateResult> {
  const schema = schemaOf(options)
  const known = options.catalogue ?? catalogue
  return withPool(target, async (pool) => {
    const before = await readStatus(pool, schema, known)
    assertNotAhead(before)
    assertWhole(before)
    const names = options.direction === 'down' ? namesDown(before, options.to) : namesUp(before, known, options.to)
    if (names.length === 0) return { changed: [], status: before }
    const changed = await runEach(pool, schema, known, names, options.direction ?? 'up')
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

async function runEach(
  pool: PostgresPool,
  schema: string,
  known: readonly CatalogueEntry[],
  names: readonly string[],
  direction: 'up' | 'down',
): Promise<string[]> {
  const { Migrator, NO_MIGRATIONS, sql } = await import('kysely')
  const db = await kyselyOver(pool, schema)
  const changed: string[] = []
  for (const name of names) {
    const index = known.findIndex((entry) => entry.name === name)
    const steps = direction === 'up' ? known.slice(0, index + 1) : known
    const migrations: Record<string, Migration> = {}
    for (const entry of steps) migrations[entry.name] = migrationOf(entry, direction)
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

  /** Each direction alone: a migrator that finds the database elsewhere than it thought must not turn round. */
  function migrationOf(entry: CatalogueEntry, way: 'up' | 'down'): Migration {
    const run =
      (asked: 'up' | 'down'): Migration['up'] =>
      async (trx) => {
        if (asked !== way) throw new HeadwaterError('HW_CONFLICT', 'Another process migrates the other way')
        for (const text of (await entry.load())[way](quoteName(schema))) await sql.raw(text).execute(trx)
      }
    return { up: run('up'), down: run('down') }
  }
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
