import type { PostgresConnection } from '../connections/postgres/connection'
import { migrate } from '../migrations/migrate'
import { assertMigrated } from '../migrations/status'
import { decideRowSecurity } from './row-security'
import type { StoreOptions } from './store-options'

/** Brings tables and connection to where they can be used; returns what health should say. */
export async function prepareDatabase(
  connection: PostgresConnection,
  schema: string,
  mode: StoreOptions['migrate'] = 'auto',
): Promise<string[]> {
  // Asked first because its failure says which server was tried; and it is tried again, as any read.
  await connection.askPath()
  if (mode === 'check') await assertMigrated(connection, { schema })
  else if (mode !== 'off') await migrate(connection, { schema })
  return decideRowSecurity(connection, schema)
}
