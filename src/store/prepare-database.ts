import type { PostgresConnection } from '../connections/postgres/connection'
import { assertAuditTriggers, migrateAuditTriggers } from '../migrations/audit-triggers'
import { assertEntityTables, migrateEntityTables } from '../migrations/entity-tables'
import { migrate } from '../migrations/migrate'
import { assertMigrated } from '../migrations/status'
import { type Audited, nothingAudited } from '../repositories/audited'
import type { EntityTable } from '../repositories/entity-table'
import { auditTriggersOf } from '../repositories/postgres/audit-triggers'
import { tableDeclaration } from '../repositories/postgres/entity-tables'
import { decideRowSecurity } from './row-security'
import type { StoreOptions } from './store-options'

/** Brings tables and connection to where they can be used; returns what health should say. */
export async function prepareDatabase(
  connection: PostgresConnection,
  schema: string,
  mode: StoreOptions['migrate'] = 'auto',
  entities: readonly EntityTable[] = [],
  audited: Audited = nothingAudited,
): Promise<string[]> {
  // Asked first because its failure says which server was tried; and it is tried again, as any read.
  await connection.askPath()
  const tables = entities.map(tableDeclaration)
  const triggers = auditTriggersOf(schema, audited)
  if (mode === 'check') {
    await assertMigrated(connection, { schema })
    await assertEntityTables(connection, { schema, tables })
    await assertAuditTriggers(connection, triggers)
  } else if (mode !== 'off') {
    await migrate(connection, { schema })
    // Before roles are given what they need of each table.
    await migrateEntityTables(connection, { schema, tables })
    await migrateAuditTriggers(connection, triggers)
  }
  return decideRowSecurity(connection, schema)
}
