import { afterAll, beforeAll } from 'vitest'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import type { PostgresOptions } from '../../src/connections/postgres/options'
import { migrate } from '../../src/migrations/migrate'
import { ensureRoles } from '../../src/migrations/roles'
import { createDatabase, pgvectorUrl, type TestDatabase } from '../support/postgres'

export const worker = { worker: true } as const

/** A schema of its own on the suite's connection, for one test. */
export interface IndexBackend {
  readonly connection: PostgresConnection
  schema(): Promise<{ readonly schema: string; dispose(): Promise<void> }>
}

let schemas = 0

/** Call it in a describe: PGlite in memory, once for all its tests. */
export function usePglite(): () => IndexBackend {
  return useBackend(async () => ({ embedded: { path: ':memory:' } }))
}

/**
 * Call it in a describe: a database of its own on the server with pgvector, dropped at the end. Tenants' statements run
 * as a role under row level security.
 */
export function usePgvectorServer(): () => IndexBackend & { readonly database: TestDatabase } {
  let database: TestDatabase | undefined
  const backend = useBackend(
    async () => {
      database = await createDatabase(pgvectorUrl())
      return { url: database.url, max: 8 }
    },
    async (connection, schema) => {
      // Those who may read the truth may read the indexes.
      await migrate(connection, { schema })
      const { app } = await ensureRoles(connection.session(worker), { schema })
      connection.security = { active: true, appRole: app }
    },
  )
  afterAll(() => database?.drop())
  return () => ({ ...backend(), database: database! })
}

function useBackend(
  options: () => Promise<PostgresOptions>,
  prepare?: (connection: PostgresConnection, schema: string) => Promise<void>,
): () => IndexBackend {
  let connection: PostgresConnection | undefined
  beforeAll(async () => {
    connection = new PostgresConnection(await options())
    // PGlite takes its time to start on a machine that has much else to do.
    await connection.session(worker).query('SELECT', [], { timeoutMs: 110_000 })
  })
  afterAll(() => connection?.close())
  return () => {
    const open = connection!
    return {
      connection: open,
      async schema() {
        const schema = `s${++schemas}`
        await open.session(worker).query(`CREATE SCHEMA ${schema}`)
        await prepare?.(open, schema)
        return {
          schema,
          dispose: async () => {
            await open.session(worker).query(`DROP SCHEMA ${schema} CASCADE`)
          },
        }
      },
    }
  }
}
