import type { PostgresPool, PostgresQuery, PostgresResult } from '../connections/postgres/client'
import { typeParsers } from '../connections/postgres/row-types'
import { pinnedPath } from '../connections/postgres/statement'
import { classifyPostgres } from '../resilience/classify-postgres'

export interface HeldClient {
  query(query: PostgresQuery): Promise<PostgresResult>
  release(error?: Error | boolean): void
}

/**
 * A connection of the pool. A pool takes its listener off while a client is out: without one of the holder's, a server
 * that goes away in the middle of a statement would end the process.
 */
export async function holdClient(pool: PostgresPool): Promise<HeldClient> {
  const types = await typeParsers()
  const client = await pool.connect()
  let lost: Error | undefined
  const note = (error: Error): void => {
    lost ??= error
  }
  client.on('error', note)
  return {
    // Parsers that the application set for its pool are not for our statements.
    query: (query) => client.query({ ...query, types }),
    release: (error: Error | boolean | undefined = lost) => {
      client.release(error)
      client.removeListener('error', note)
    },
  }
}

/** Runs `work` with a connection of the pool; `what` is said of a failure, and a connection that it broke is not kept. */
export async function withClient<T>(
  pool: PostgresPool,
  what: string,
  work: (client: HeldClient) => Promise<T>,
): Promise<T> {
  const client = await holdClient(pool).catch((cause: unknown) => {
    throw classifyPostgres(cause, what).error
  })
  try {
    const result = await work(client)
    client.release()
    return result
  } catch (cause) {
    const { error, evict } = classifyPostgres(cause, what)
    client.release(evict === 'none' ? undefined : error)
    throw error
  }
}

/** A transaction whose statements find no function and no operator but the server's own. */
async function inPinned<T>(client: HeldClient, work: () => Promise<T>): Promise<T> {
  await client.query({ text: `BEGIN; SELECT pg_catalog.set_config('search_path', '${pinnedPath}', true)` })
  try {
    const result = await work()
    await client.query({ text: 'COMMIT' })
    return result
  } catch (error) {
    await client.query({ text: 'ROLLBACK' })
    throw error
  }
}

/** One statement in a transaction of its own, with the path of names pinned: whose pool it is does not matter. */
export function askPinned(client: HeldClient, query: PostgresQuery): Promise<PostgresResult> {
  return inPinned(client, () => client.query(query))
}

/** Who changes the schema waits for it first, and holds it to the end of its transaction. */
export function migrationLock(schema: string): { readonly text: string; readonly values: [string] } {
  const text = 'SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0::bigint))'
  return { text, values: [`headwater:migrate:${schema}`] }
}

/** Runs `work` in a pinned transaction under the lock of the migrations, however long that takes. */
export function underMigrationLock<T>(client: HeldClient, schema: string, work: () => Promise<T>): Promise<T> {
  return inPinned(client, async () => {
    await client.query({
      text: `SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)`,
    })
    await client.query(migrationLock(schema))
    return work()
  })
}
