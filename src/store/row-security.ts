import type { PostgresConnection } from '../connections/postgres/connection'
import { HeadwaterError } from '../core/errors'
import { ensureRoles } from '../migrations/roles'

/**
 * Finds out whether row level security can guard the tenants of this connection, and turns it on where it can. Returns
 * what health should say. `rowLevelSecurity: 'require'` is HW_RLS_REQUIRED where it cannot.
 */
export async function decideRowSecurity(connection: PostgresConnection, schema: string): Promise<string[]> {
  const { rowLevelSecurity: mode, roles } = connection.options
  if (connection.embedded) {
    // One process, one login, which is PGlite's superuser: there is nobody to be walled off from.
    if (mode === 'require') throw required('the embedded database has no other role')
    return []
  }
  if (mode === 'off') return ['Row level security is switched off; tenants are kept apart by conditions alone.']
  const found = await ensureRoles(connection.session({ worker: true }), { schema, ...roles })
  if (!found.enforced) {
    if (mode === 'require') throw required('the login bypasses the policies and may use no other role')
    return ['Row level security does not hold for this login; tenants are kept apart by conditions alone.']
  }
  connection.security = { active: true, appRole: found.app, workerRole: found.worker }
  return []
}

function required(why: string): HeadwaterError {
  return new HeadwaterError('HW_RLS_REQUIRED', `postgres.rowLevelSecurity: 'require', but ${why}`, {
    path: 'postgres.rowLevelSecurity',
  })
}
