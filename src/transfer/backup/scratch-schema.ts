import type { PostgresConnection } from '../../connections/postgres/connection'
import { quoteName, rowSecurityStatements } from '../../connections/postgres/row-security'
import { literal } from '../../connections/postgres/statement'
import { HeadwaterError } from '../../core/errors'
import { sha256 } from '../../core/ids'
import { catalogue } from '../../migrations/catalogue'
import { migrate } from '../../migrations/migrate'
import type { BackupManifest, BackupTable } from './manifest'

const worker = { worker: true } as const

/** Where rows are loaded beside what is there: a schema that nobody else uses. */
export function scratchOf(schema: string, work: 'restore' | 'move'): string {
  return `headwater_${work}_${sha256(schema).slice(0, 12)}`
}

/** HW_BACKUP_AHEAD for a backup with a migration that this package does not know. */
export function assertKnownSchema({ id, migrations }: Pick<BackupManifest, 'id' | 'migrations'>): void {
  const unknown = migrations.filter((name) => !catalogue.some((entry) => entry.name === name))
  if (unknown.length === 0) return
  const what = `${id} is of a schema with ${unknown.join(', ')}, which this package does not know`
  throw new HeadwaterError('HW_BACKUP_AHEAD', what, { details: { id, migrations: unknown } })
}

/** Tables to make, as the manifest or the snapshot has them. */
export interface ScratchTables {
  readonly migrations: readonly string[]
  readonly tables: readonly Pick<BackupTable, 'name' | 'columns' | 'definition'>[]
}

/** Makes it anew, at the level of the migrations: what a restore that was killed left in it is gone. */
export async function makeScratch(
  connection: PostgresConnection,
  scratch: string,
  { migrations, tables }: ScratchTables,
): Promise<void> {
  await dropScratch(connection, scratch)
  await migrate(connection, { schema: scratch, to: migrations.at(-1) })
  const session = connection.session(worker)
  for (const table of tables) {
    if (table.definition) for (const text of creation(scratch, table, table.definition)) await session.query(text)
    // Migrations record the first epoch.
    else await session.query(`DELETE FROM ${quoteName(scratch)}.${quoteName(table.name)}`)
  }
}

/** Once its rows are there: what to plan by, since it is full from the first moment on, and the last fence. */
export async function settleScratch(
  connection: PostgresConnection,
  scratch: string,
  { tables, fences }: { readonly tables: ScratchTables['tables']; readonly fences: number | null },
): Promise<void> {
  const session = connection.session(worker)
  for (const { name } of tables)
    await session.query(`ANALYZE ${quoteName(scratch)}.${quoteName(name)}`, [], { timeoutMs: 300_000 })
  if (fences !== null)
    await session.query(`SELECT setval($1::regclass, $2::bigint)`, [`${quoteName(scratch)}.fences`, fences])
}

export async function dropScratch(connection: PostgresConnection, scratch: string): Promise<void> {
  await connection.session(worker).query(`DROP SCHEMA IF EXISTS ${quoteName(scratch)} CASCADE`)
}

function creation(
  schema: string,
  { name, columns }: Pick<BackupTable, 'name' | 'columns'>,
  definition: NonNullable<BackupTable['definition']>,
): string[] {
  const table = `${quoteName(schema)}.${quoteName(name)}`
  const defined = definition.columns.map((column) => `${quoteName(column.name)} ${column.sql}`)
  const constraints = definition.constraints.map((one) => `CONSTRAINT ${quoteName(one.name)} ${one.sql}`)
  return [
    `CREATE TABLE ${table} (${[...defined, ...constraints].join(', ')})`,
    ...(definition.comment === null ? [] : [`COMMENT ON TABLE ${table} IS ${literal(definition.comment)}`]),
    ...definition.indexes.map(
      ({ name: index, unique, sql }) => `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${quoteName(index)} ON ${table} ${sql}`,
    ),
    ...(columns.some((column) => column.name === 'tenant') ? rowSecurityStatements(table) : []),
  ]
}
