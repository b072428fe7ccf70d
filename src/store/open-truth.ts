import type { PostgresConnection } from '../connections/postgres/connection'
import { checkOptions, type OptionKinds, oneOf, text } from '../core/option-kinds'
import { PostgresTruth } from '../repositories/postgres/truth'
import type { StoreOptions } from './store-options'

export interface OpenTruthOptions {
  /** Schema of the tables, `headwater` by default. */
  schema?: string | undefined
  /** As in `openStore`, 'auto' by default. */
  migrate?: StoreOptions['migrate']
}

const kinds = {
  schema: text(63),
  migrate: oneOf('auto', 'check', 'off'),
} satisfies OptionKinds<OpenTruthOptions>

/**
 * Postgres as the truth without a store around it: asks the server, migrates as said, and lets the connection's
 * statements follow the row level security that is found, without which a login that is no superuser sees no row.
 * `notices` is what a store's health would say. HW_UNAVAILABLE, HW_MIGRATION_NEEDED, HW_MIGRATION_AHEAD, HW_RLS_REQUIRED.
 */
export async function openTruth(
  connection: PostgresConnection,
  given: OpenTruthOptions = {},
): Promise<{ truth: PostgresTruth; notices: string[] }> {
  const { schema = 'headwater', migrate: mode } = checkOptions(given, kinds, '')
  const { prepareDatabase } = await import('./prepare-database')
  const notices = await prepareDatabase(connection, schema, mode)
  return { truth: new PostgresTruth(connection, { schema }), notices }
}
