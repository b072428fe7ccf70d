import type { PostgresConnection } from '../../connections/postgres/connection'
import { HeadwaterError } from '../../core/errors'

const worker = { worker: true } as const

/**
 * Runs `work` while nobody else restores or moves into the schema (HW_BACKUP_BUSY): the lock is a transaction's, which is
 * held meanwhile. An embedded store is alone anyway.
 */
export async function withRestoreLock<T>(
  connection: PostgresConnection,
  schema: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  if (connection.embedded) return work()
  return connection.transaction(
    worker,
    async (executor) => {
      const lock = 'pg_try_advisory_xact_lock(hashtextextended($1::text, 0::bigint))'
      const idle = `set_config('idle_in_transaction_session_timeout', '0', true)`
      const { rows } = await executor.query<{ taken: boolean }>(`SELECT ${lock} AS taken, ${idle} AS idle`, [
        `headwater:restore:${schema}`,
      ])
      if (!rows[0]!.taken) {
        throw new HeadwaterError('HW_BACKUP_BUSY', `Another process restores into schema "${schema}"`)
      }
      return work()
    },
    { signal },
  )
}
