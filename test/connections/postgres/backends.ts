import { afterAll, afterEach, expect } from 'vitest'
import { PostgresConnection } from '../../../src/connections/postgres/connection'
import type { PostgresOptions } from '../../../src/connections/postgres/options'
import type { CorePorts } from '../../../src/core/core-ports'
import { tenantId } from '../../../src/core/ids'

export const acme = { tenant: tenantId('acme') }
export const globex = { tenant: tenantId('globex') }
export const worker = { worker: true } as const

/** Connections of a suite: after each test none may have a client out, after the last all are closed. */
export function useConnections() {
  const open: PostgresConnection[] = []
  afterEach(async () => {
    for (const connection of open) {
      await expect.poll(() => connection.stats.leased, { timeout: 5_000, interval: 5 }).toBe(0)
      expect(connection.stats.waiting).toBe(0)
    }
  })
  afterAll(() => Promise.all(open.map((connection) => connection.destroy())))
  return (options: PostgresOptions, ports?: CorePorts): PostgresConnection => {
    const connection = new PostgresConnection(options, ports)
    open.push(connection)
    return connection
  }
}

/** The rejection of a promise, watched from the start. */
export function rejection(promise: Promise<unknown>): Promise<Error & { code?: string; cause?: unknown }> {
  return promise.then(
    (value) => {
      throw new Error(`resolved with ${JSON.stringify(value)}`)
    },
    (error) => error,
  )
}
