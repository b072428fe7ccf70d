import type { PostgresPool } from '../connections/postgres/client'
import { quoteName } from '../connections/postgres/row-security'
import { HeadwaterError } from '../core/errors'
import { classifyPostgres } from '../resilience/classify-postgres'
import { type CatalogueEntry, catalogue, levelOf, levelTable, migrationTable } from './catalogue'
import { askPinned, holdClient } from './held-client'
import { schemaManifest } from './manifest'
import { type MigrationTarget, type SchemaOptions, schemaOf, withPool } from './target'

export interface MigrationStatus {
  readonly schema: string
  /** Applied migrations in order, with the time of each (epoch ms). */
  readonly applied: readonly { readonly name: string; readonly at: number }[]
  /** Those that this package has and the database has not. */
  readonly pending: readonly string[]
  /** Those that the database has and this package does not know: a newer package made them. */
  readonly ahead: readonly string[]
  /** Of those ahead, the ones on which this package must not run; without any, it runs on all of them. */
  readonly incompatible: readonly string[]
  /** Tables that should be there, going by what is applied, and are not. */
  readonly missing: readonly string[]
  /** Tables that are there although nothing is recorded as applied. */
  readonly unrecorded: readonly string[]
}

/** What is applied to the database and what is not. Changes nothing. */
export async function migrationStatus(target: MigrationTarget, options: SchemaOptions = {}): Promise<MigrationStatus> {
  const schema = schemaOf(options)
  return withPool(target, (pool) => readStatus(pool, schema))
}

/**
 * Resolves when this package can run on the schema, also on that of a newer one. Otherwise HW_MIGRATION_NEEDED, HW_MIGRATION_AHEAD, or
 * HW_MIGRATION_FAILED when the record says one thing and the tables another.
 */
export async function assertMigrated(target: MigrationTarget, options: SchemaOptions = {}): Promise<void> {
  const status = await migrationStatus(target, options)
  assertRunnable(status)
  assertWhole(status)
  if (status.pending.length === 0) return
  const { schema, pending, applied } = status
  const state = applied.length === 0 ? 'has no tables of headwater yet' : `is at ${applied.at(-1)!.name}`
  throw new HeadwaterError('HW_MIGRATION_NEEDED', `schema: "${schema}" ${state}; pending: ${pending.join(', ')}`, {
    path: 'schema',
    details: { schema, pending },
  })
}

/** A newer package may have said that this one can run on what it made; else HW_MIGRATION_AHEAD. */
export function assertRunnable(status: MigrationStatus): void {
  if (status.incompatible.length > 0) throw aheadOf(status, status.incompatible)
}

export function aheadOf({ schema }: MigrationStatus, ahead: readonly string[]): HeadwaterError {
  const what = `schema: "${schema}" has migrations unknown here: ${ahead.join(', ')}`
  return new HeadwaterError('HW_MIGRATION_AHEAD', what, { path: 'schema', details: { schema, ahead } })
}

export function assertWhole({ schema, missing, unrecorded }: MigrationStatus): void {
  if (missing.length + unrecorded.length === 0) return
  const state =
    missing.length > 0
      ? `is recorded as migrated, but lacks ${missing.join(', ')}`
      : `has ${unrecorded.join(', ')}, but no record of migrations`
  const what = `schema: "${schema}" ${state}: restore the whole schema, drop it, or give another one`
  throw new HeadwaterError('HW_MIGRATION_FAILED', what, { path: 'schema', details: { schema, missing, unrecorded } })
}

/** @internal */
export async function readStatus(
  pool: PostgresPool,
  schema: string,
  known: readonly CatalogueEntry[] = catalogue,
): Promise<MigrationStatus> {
  const record = `${quoteName(schema)}.${quoteName(migrationTable)}`
  const what = 'Reading the state of the migrations'
  const text = `SELECT coalesce(array_agg(relname::text), '{}') AS tables FROM pg_class
    WHERE relkind = 'r' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)`
  const [found] = await ask(pool, text, [schema], what)
  const tables = new Set(found!['tables'] as string[])
  const rows = tables.has(migrationTable)
    ? await ask(pool, `SELECT name, timestamp FROM ${record} ORDER BY name`, [], what)
    : []
  const applied = rows.map((row) => ({ name: String(row['name']), at: Date.parse(String(row['timestamp'])) }))
  const names = new Set(applied.map(({ name }) => name))
  const pending = known.filter(({ name }) => !names.has(name)).map(({ name }) => name)
  const ahead = applied.map(({ name }) => name).filter((name) => !known.some((entry) => entry.name === name))
  const levels = `${quoteName(schema)}.${quoteName(levelTable)}`
  const runnable =
    ahead.length > 0 && tables.has(levelTable)
      ? await ask(pool, `SELECT migration FROM ${levels} WHERE oldest <= $1`, [levelOf(known.at(-1)!.name)], what)
      : []
  const ours = Object.keys(schemaManifest.tables)
  return {
    schema,
    applied,
    pending,
    ahead,
    incompatible: ahead.filter((name) => !runnable.some((row) => row['migration'] === name)),
    missing: pending.length === 0 ? ours.filter((table) => !tables.has(table)) : [],
    unrecorded: applied.length === 0 ? ours.filter((table) => tables.has(table)) : [],
  }
}

/** @internal Rows of one statement on a connection of the pool; `what` is said of a failure. */
export async function ask(
  pool: PostgresPool,
  text: string,
  values: unknown[],
  what: string,
): Promise<Record<string, unknown>[]> {
  try {
    const client = await holdClient(pool)
    try {
      const { rows } = await askPinned(client, { text, values })
      client.release()
      return rows
    } catch (error) {
      client.release(error instanceof Error ? error : true)
      throw error
    }
  } catch (error) {
    throw classifyPostgres(error, what).error
  }
}
