import type { Executor, StatementResult } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'

const lookSql = `SELECT pg_catalog.current_setting('role') AS role, pg_catalog.current_setting('search_path') AS path,
  pg_catalog.current_setting('headwater.tenant', true) AS tenant,
  pg_catalog.current_setting('headwater.actor', true) AS actor`

/**
 * A statement of the user's in a transaction of a tenant. A function that it calls may have done what its text may not:
 * where role, path, tenant or actor are others behind it, it has failed, and the transaction with it.
 */
export async function ownSql<R>(
  executor: Executor,
  text: string,
  values: readonly unknown[],
  call: CallOptions = {},
): Promise<StatementResult<R>> {
  const look = () => executor.query<{ role: string; path: string; tenant: string; actor: string }>(lookSql, [], call)
  const [before, answer, after] = await Promise.allSettled([look(), executor.query<R>(text, values, call), look()])
  if (before.status === 'rejected') throw before.reason
  if (answer.status === 'rejected') throw answer.reason
  if (after.status === 'rejected') throw after.reason
  if (JSON.stringify(before.value.rows) === JSON.stringify(after.value.rows)) return answer.value
  // Whatever the caller makes of the error, nothing of this is committed.
  await executor
    .query(`SELECT 'the statement changed its role, tenant or actor'::pg_catalog.int4`)
    .catch(() => undefined)
  const problem = 'text: it changed the role, the path of names, the tenant or the actor that it runs under'
  throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'text' })
}
