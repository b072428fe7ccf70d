import type { PostgresPool } from '../connections/postgres/client'
import { PostgresConnection } from '../connections/postgres/connection'
import type { PostgresOptions } from '../connections/postgres/options'
import { HeadwaterError } from '../core/errors'

/** A connection that is open already, by the part of it that is used here. */
export interface MigrationConnection {
  pool(): Promise<PostgresPool>
}

/** What is migrated: a connection, or where the database is (`{ url }`, `{ pool }` or `{ embedded: { path } }`). */
export type MigrationTarget = MigrationConnection | PostgresOptions

export interface SchemaOptions {
  /** Schema of the tables and of the record of migrations; `headwater` by default. */
  schema?: string | undefined
}

/** Runs `work` with the target's pool; a connection that had to be made is closed afterwards. */
export async function withPool<T>(target: MigrationTarget, work: (pool: PostgresPool) => Promise<T>): Promise<T> {
  if (isConnection(target)) return work(await target.pool())
  const connection = new PostgresConnection(target)
  try {
    return await work(await connection.pool())
  } finally {
    await connection.close()
  }
}

export function schemaOf({ schema = 'headwater' }: SchemaOptions): string {
  if (typeof schema === 'string' && /^[^\0]{1,63}$/.test(schema) && Buffer.byteLength(schema) <= 63) {
    if (!schema.startsWith('pg_')) return schema
  }
  throw new HeadwaterError(
    'HW_INVALID_OPTIONS',
    `schema: ${JSON.stringify(schema)} is not a name of 1 to 63 bytes that does not begin with pg_`,
    { path: 'schema' },
  )
}

function isConnection(target: MigrationTarget): target is MigrationConnection {
  return 'pool' in target && typeof target.pool === 'function'
}
