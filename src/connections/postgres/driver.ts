import { Socket } from 'node:net'
import { loadDriver } from '../../resilience/load-driver'
import type { ResolvedPostgresOptions } from './options'

export async function loadPg() {
  const module = await loadDriver('pg', () => import('pg'))
  return module.default
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

/** PGlite, its adapter for pg, and the extensions that the schema uses. */
export async function loadPglite() {
  const [{ PGlite }, { createPgConfig }, { pg_trgm: trigrams }] = await loadDriver('@electric-sql/pglite@0.5.14', () =>
    Promise.all([
      import('@electric-sql/pglite'),
      import('@electric-sql/pglite/node-postgres'),
      import('@electric-sql/pglite/contrib/pg_trgm'),
    ]),
  )
  const { vector } = await loadDriver(
    '@electric-sql/pglite-pgvector@0.0.15',
    () => import('@electric-sql/pglite-pgvector'),
  )
  return { PGlite, createPgConfig, extensions: { vector, pg_trgm: trigrams } }
}
