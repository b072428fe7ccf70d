import type { PostgresPool, PostgresQuery, PostgresResult } from '../connections/postgres/client'
import { typeParsers } from '../connections/postgres/row-types'
import { pinnedPath } from '../connections/postgres/statement'

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

/** Begins a transaction whose statements find no function and no operator but the server's own. */
export const pinnedBegin = `BEGIN; SELECT pg_catalog.set_config('search_path', '${pinnedPath}', true)`

/** One statement in a transaction of its own, with the path of names pinned: whose pool it is does not matter. */
export async function askPinned(client: HeldClient, query: PostgresQuery): Promise<PostgresResult> {
  await client.query({ text: pinnedBegin })
  try {
    const result = await client.query(query)
    await client.query({ text: 'COMMIT' })
    return result
  } catch (error) {
    await client.query({ text: 'ROLLBACK' })
    throw error
  }
}
