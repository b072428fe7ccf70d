import { Socket } from 'node:net'
import type { Clock } from '../../core/clock'
import type { Random } from '../../core/random'
import type { OpenPool } from './client'
import { loadPg } from './driver'
import { openEmbedded } from './embedded'
import type { ResolvedPostgresOptions } from './options'
import { typeParsers } from './row-types'
import { scopedQuery } from './scoped-query'
import { pinnedPath } from './statement'

export interface PoolPorts {
  readonly clock: Clock
  readonly random: Random
}

export async function openPool(options: ResolvedPostgresOptions, ports: PoolPorts): Promise<OpenPool> {
  const { target } = options
  switch (target.kind) {
    case 'pool':
      return { pool: target.pool, types: await typeParsers(), close: async () => {} }
    case 'embedded':
      return openEmbedded(target.path, ports.clock, ports.random)
    case 'server':
      return openServer(target.url, options)
  }
}

async function openServer(url: string, options: ResolvedPostgresOptions): Promise<OpenPool> {
  const pg = await loadPg()
  const sockets = new Set<Socket>()
  const pool = new pg.Pool({
    connectionString: url,
    ...(options.startupParameters && { Client: pinned(pg.Client) }),
    max: options.max,
    connectionTimeoutMillis: options.connectionTimeoutMs,
    idleTimeoutMillis: options.idleTimeoutMs,
    maxLifetimeSeconds: options.maxLifetimeSeconds,
    keepAlive: true,
    stream: () => {
      const socket = new Socket()
      sockets.add(socket)
      return socket.once('close', () => sockets.delete(socket))
    },
    // Statements of one transaction travel together; our own code never opens a cursor, which this excludes.
    pipeline: true,
    types: await typeParsers(),
    application_name: options.applicationName,
    ...(options.ssl !== undefined && { ssl: options.ssl }),
    ...(options.startupParameters && {
      statement_timeout: options.statementTimeoutMs,
      lock_timeout: options.lockTimeoutMs,
      idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs,
    }),
  })
  // An idle connection that is lost has left the pool already; unheard, the event would end the process.
  pool.on('error', () => {})
  // One that a server ends in the breath that it was made in is heard by nobody: its pool has just let go of it.
  pool.on('connect', (client) => client.on('error', () => {}))
  const destroySockets = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return { pool, scoped: scopedQuery(pg.Query), close: () => pool.end(), destroySockets }
}

interface Startup {
  getStartupConf(): Readonly<Record<string, string>>
}

/** A client whose sessions begin with the pinned path, whatever the login or `options` of the URL say. */
function pinned<C>(base: C): C {
  const Base = base as new (...config: unknown[]) => Startup
  class Pinned extends Base {
    override getStartupConf(): Record<string, string> {
      return { ...super.getStartupConf(), search_path: pinnedPath }
    }
  }
  return Pinned as C
}

/** Where it is, for messages: no user, no password. */
export function describeTarget(options: ResolvedPostgresOptions): string {
  const { target } = options
  if (target.kind === 'pool') return 'the pool given'
  if (target.kind === 'embedded') return `the embedded database ${target.path}`
  const url = new URL(target.url)
  const host = url.hostname || url.searchParams.get('host') || 'localhost'
  return `${decodeURIComponent(host)}:${url.port || 5432}${url.pathname}`
}
