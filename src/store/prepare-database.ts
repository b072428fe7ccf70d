import type { PostgresConnection } from '../connections/postgres/connection'
import { assertEntityTables, migrateEntityTables } from '../migrations/entity-tables'
import { migrate } from '../migrations/migrate'
import { assertMigrated } from '../migrations/status'
import type { EntityTable } from '../repositories/entity-table'
import { tableDeclaration } from '../repositories/postgres/entity-tables'
import { decideRowSecurity } from './row-security'
import type { StoreOptions } from './store-options'

/** Brings tables and connection to where they can be used; returns what health should say. */
export async function prepareDatabase(
  connection: PostgresConnection,
  schema: string,
  mode: StoreOptions['migrate'] = 'auto',
  entities: readonly EntityTable[] = [],
): Promise<string[]> {
  // Asked first because its failure says which server was tried; and it is tried again, as any read.
  await connection.askPath()
  const tables = entities.map(tableDeclaration)
  if (mode === 'check') {
    await assertMigrated(connection, { schema })
    await assertEntityTables(connection, { schema, tables })
  } else if (mode !== 'off') {
    await migrate(connection, { schema })
    // Before roles are given what they need of each table.
    await migrateEntityTables(connection, { schema, tables })
  }
  return decideRowSecurity(connection, schema)
}
