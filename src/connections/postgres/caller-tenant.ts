import type { TenantId } from '../../core/ids'
import { type CallerTransaction, executorFrom } from './caller'
import type { Executor } from './executor'

/** The last statement sent in each caller's transaction: the tenant and what it is named for go one after another. */
const turns = new WeakMap<CallerTransaction, Promise<unknown>>()

/**
 * Statements of one tenant inside the caller's transaction. Where the caller is under the policies of `table`, each of
 * them names its tenant anew: another tenant's handle may have come in between, or a rollback to a savepoint may have
 * taken the name back. Elsewhere once is enough.
 */
export function executorOfTenant(transaction: CallerTransaction, tenant: TenantId, table: string): Executor {
  const executor = executorFrom(transaction)
  const naming = `SELECT set_config('headwater.tenant', $1, true), row_security_active($2::text) AS guarded`
  let guarded: boolean | undefined
  return {
    query(text, values, options) {
      const before = turns.get(transaction) ?? Promise.resolve()
      const answer = before.then(async () => {
        if (guarded !== false) {
          const { rows } = await executor.query<{ guarded: boolean }>(naming, [tenant, table], options)
          guarded = rows[0]?.guarded === true
        }
        return executor.query<never>(text, values, options)
      })
      turns.set(
        transaction,
        answer.catch(() => undefined),
      )
      return answer
    },
  }
}
