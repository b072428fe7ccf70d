import type { PostgresPool, PostgresQuery, PostgresResult } from '../connections/postgres/client'

export interface HeldClient {
  query(query: PostgresQuery): Promise<PostgresResult>
  release(error?: Error | boolean): void
}

/**
 * A connection of the pool. A pool takes its listener off while a client is out: without one of the holder's, a server
 * that goes away in the middle of a statement would end the process.
 */
export async function holdClient(pool: PostgresPool): Promise<HeldClient> {
  const client = await pool.connect()
  let lost: Error | undefined
  const note = (error: Error): void => {
    lost ??= error
  }
  client.on('error', note)
  return {
    query: (query) => client.query(query),
    release: (error: Error | boolean | undefined = lost) => {
      client.release(error)
      client.removeListener('error', note)
    },
  }
}
