import { Socket } from 'node:net'
import { driverMissing } from '../../resilience/driver-missing'
import { destroySocket, type PostgresClient, type PostgresPool } from './client'
import type { ResolvedPostgresOptions } from './options'

export async function loadPg() {
  try {
    return (await import('pg')).default
  } catch (error) {
    throw driverMissing('pg', error)
  }
}

/** A connection outside any pool. */
export interface ListeningClient {
  connect(): Promise<unknown>
  query(text: string): Promise<unknown>
  on(event: 'notification', listener: (message: { readonly channel: string }) => void): unknown
  on(event: 'error' | 'end', listener: () => void): unknown
  end(): Promise<void>
  /** Closes the socket at once. */
  destroy(): void
}

/** Not connected yet. */
export async function openListener(url: string, options: ResolvedPostgresOptions): Promise<ListeningClient> {
  const pg = await loadPg()
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: url,
    keepAlive: true,
    stream: () => socket,
    application_name: `${options.applicationName} listener`,
    ...(options.ssl !== undefined && { ssl: options.ssl }),
  })
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  // With TLS the stream is another than the socket below it.
  const destroy = (): void => {
    connection.stream.destroy()
    socket.destroy()
  }
  return Object.assign(client, { destroy })
}

/** Below it a pool was made small on purpose, or stands for a database of one connection, as PGlite is. */
const leastPool = 3

/**
 * One more connection as a pool of pg makes its own, outside of it: so it keeps nobody waiting, and the pool can be
 * ended. Undefined for a pool that is too small, or that does not tell how it connects.
 */
export function listenerBeside(pool: PostgresPool): (() => ListeningClient) | undefined {
  const make: unknown = Reflect.get(pool, 'Client')
  const options: unknown = Reflect.get(pool, 'options')
  const max: unknown = typeof options === 'object' && options !== null ? Reflect.get(options, 'max') : undefined
  if (typeof make !== 'function' || typeof max !== 'number' || max < leastPool) return undefined
  return () => {
    // The options themselves: pg hides the password from a copy.
    const client = Reflect.construct(make, [options]) as PostgresClient & ListeningClient
    return Object.assign(client, { destroy: () => destroySocket(client) })
  }
}

/** Its pgvector wants this very version. */
const pglitePackages = '@electric-sql/pglite@0.5.14 @electric-sql/pglite-pgvector@0.0.15'

/** PGlite, its adapter for pg, and the extensions that the schema uses. */
export async function loadPglite() {
  try {
    const [{ PGlite }, { createPgConfig }, { pg_trgm: trigrams }, { vector }] = await Promise.all([
      import('@electric-sql/pglite'),
      import('@electric-sql/pglite/node-postgres'),
      import('@electric-sql/pglite/contrib/pg_trgm'),
      import('@electric-sql/pglite-pgvector'),
    ])
    return { PGlite, createPgConfig, extensions: { vector, pg_trgm: trigrams } }
  } catch (error) {
    throw driverMissing(pglitePackages, error)
  }
}
