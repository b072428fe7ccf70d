import type { PGlite, Transaction as PgliteTransaction } from '@electric-sql/pglite'
import type { NodePgDatabase, NodePgTransaction } from 'drizzle-orm/node-postgres'
import type { ControlledTransaction, Kysely, Transaction } from 'kysely'
import type { CallerTransaction } from '../../src/connections/postgres/caller'

type Tables = { orders: { id: string } }
type None = Record<string, never>

/** Compiled, never run: which types say that they are a transaction. */
export const kyselyFits = (trx: Transaction<Tables>): CallerTransaction => trx
export const controlledFits = (trx: ControlledTransaction<Tables>): CallerTransaction => trx
export const drizzleFits = (tx: NodePgTransaction<None, None>): CallerTransaction => tx
export const pgliteFits = (tx: PgliteTransaction): CallerTransaction => tx
export const pgliteMayBeInOne = (database: PGlite): CallerTransaction => database
export const adapterFits = (query: (text: string, values?: unknown[]) => Promise<unknown>): CallerTransaction => ({
  query,
})

// @ts-expect-error: outside of transaction()
export const kyselyIsNone = (db: Kysely<Tables>): CallerTransaction => db

// @ts-expect-error: outside of transaction()
export const drizzleIsNone = (db: NodePgDatabase): CallerTransaction => db
