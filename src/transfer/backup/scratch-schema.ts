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
export function scratchOf(schema: string): string {
  return `headwater_restore_${sha256(schema).slice(0, 12)}`
}

/** HW_BACKUP_AHEAD for a backup with a migration that this package does not know. */
export function assertKnownSchema({ id, migrations }: BackupManifest): void {
  const unknown = migrations.filter((name) => !catalogue.some((entry) => entry.name === name))
  if (unknown.length === 0) return
  const what = `${id} is of a schema with ${unknown.join(', ')}, which this package does not know`
  throw new HeadwaterError('HW_BACKUP_AHEAD', what, { details: { id, migrations: unknown } })
}

/** Makes it anew, at the level of the backup: what a restore that was killed left in it is gone. */
export async function makeScratch(connection: PostgresConnection, manifest: BackupManifest): Promise<string> {
  const scratch = scratchOf(manifest.schema)
  await dropScratch(connection, scratch)
  await migrate(connection, { schema: scratch, to: manifest.migrations.at(-1) })
  const session = connection.session(worker)
  for (const table of manifest.tables) {
    if (table.definition) for (const text of creation(scratch, table, table.definition)) await session.query(text)
    // Migrations record the first epoch.
    else await session.query(`DELETE FROM ${quoteName(scratch)}.${quoteName(table.name)}`)
  }
  return scratch
}

export async function dropScratch(connection: PostgresConnection, scratch: string): Promise<void> {
  await connection.session(worker).query(`DROP SCHEMA IF EXISTS ${quoteName(scratch)} CASCADE`)
}

function creation(schema: string, { name, columns }: BackupTable, definition: NonNullable<BackupTable['definition']>) {
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
