import type pg from 'pg'
import type { CallerTransaction } from '../../src/connections/postgres/caller'
import type { PostgresClient, PostgresPool } from '../../src/connections/postgres/client'
import type { PostgresOptions } from '../../src/connections/postgres/options'

/** Compiled, never run: the real pool and client of `pg` are what the structural types ask for. */
export const poolFits = (pool: pg.Pool): PostgresPool => pool
export const clientFits = (client: pg.PoolClient): PostgresClient => client
export const optionsTakeIt = (pool: pg.Pool): PostgresOptions => ({ pool })

// @ts-expect-error: a client is no pool
export const clientIsNoPool = (client: pg.PoolClient): PostgresPool => client

/** A client may have begun a transaction; a pool never is in one. */
export const clientMayBeInOne = (client: pg.PoolClient): CallerTransaction => client

// @ts-expect-error: each statement of a pool has a connection of its own
export const poolIsNoTransaction = (pool: pg.Pool): CallerTransaction => pool
