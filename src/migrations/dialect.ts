import type { DatabaseConnection, Dialect, Kysely, PostgresPool as KyselyPool, TransactionSettings } from 'kysely'
import type { PostgresPool } from '../connections/postgres/client'
import { holdClient } from './held-client'

/** What to say to a transaction before all else. A statement of a migration may take longer than one of a query may. */
const opening = `SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true),
  set_config('idle_in_transaction_session_timeout', '0', true)`

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
      const lock = 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))'
      await connection.executeQuery(CompiledQuery.raw(lock, [`headwater:migrate:${schema}`]))
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
    return {
      query: async (text: string, values: readonly unknown[]) => {
        const result = await client.query({ text, ...(values.length > 0 && { values: [...values] }) })
        return { command: result.command, rowCount: result.rowCount ?? 0, rows: result.rows }
      },
      release: () => client.release(),
    }
  }
  return { connect, end: async () => {} } as unknown as KyselyPool
}
