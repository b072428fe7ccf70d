import type { DatabaseConnection, Dialect, Kysely, PostgresPool as KyselyPool, TransactionSettings } from 'kysely'
import type { PostgresPool } from '../connections/postgres/client'
import { pinnedPath } from '../connections/postgres/statement'
import { askPinned, holdClient, migrationLock } from './held-client'

/**
 * What to say to a transaction before all else: where names are looked for, and that a statement of a migration may take
 * longer than one of a query may.
 */
const opening = `SELECT pg_catalog.set_config('search_path', '${pinnedPath}', true),
  pg_catalog.set_config('lock_timeout', '0', true), pg_catalog.set_config('statement_timeout', '0', true),
  pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true)`

/**
 * Kysely for migrations over a pool of ours or the user's, which it never closes. Each transaction begins by waiting for
 * the lock of the schema and holds it to its end: a lock of the session, as Kysely's own, gets lost in a pooler.
 */
export async function kyselyOver(pool: PostgresPool, schema: string): Promise<Kysely<unknown>> {
  const { CompiledQuery, Kysely, PostgresAdapter, PostgresDialect, PostgresDriver } = await import('kysely')

  class Adapter extends PostgresAdapter {
    override async acquireMigrationLock(): Promise<void> {}
    override async releaseMigrationLock(): Promise<void> {}
  }

  class Driver extends PostgresDriver {
    override async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
      await super.beginTransaction(connection, settings)
      await connection.executeQuery(CompiledQuery.raw(opening))
      const { text, values } = migrationLock(schema)
      await connection.executeQuery(CompiledQuery.raw(text, values))
    }
  }

  const config = { pool: adapted(pool) }
  const base = new PostgresDialect(config)
  const dialect: Dialect = {
    createAdapter: () => new Adapter(),
    createDriver: () => new Driver(config),
    createIntrospector: (db) => base.createIntrospector(db),
    createQueryCompiler: () => base.createQueryCompiler(),
  }
  return new Kysely({ dialect })
}

function adapted(pool: PostgresPool): KyselyPool {
  const connect = async () => {
    const client = await holdClient(pool)
    let inside = false
    return {
      query: async (text: string, values: readonly unknown[]) => {
        const query = { text, ...(values.length > 0 && { values: [...values] }) }
        const begins = /^(begin|start transaction)\b/i.test(text)
        const alone = !inside && !begins
        if (begins) inside = true
        else if (/^(commit|rollback)$/i.test(text)) inside = false
        // Kysely also looks around outside of any transaction.
        const result = alone ? await askPinned(client, query) : await client.query(query)
        return { command: result.command, rowCount: result.rowCount ?? 0, rows: result.rows }
      },
      release: () => client.release(),
    }
  }
  return { connect, end: async () => {} } as unknown as KyselyPool
}
