import type { PostgresConnection } from '../connections/postgres/connection'
import { HeadwaterError, isHeadwaterError } from '../core/errors'
import { tenantId } from '../core/ids'
import { readPolicies } from '../migrations/introspect'
import { schemaManifest } from '../migrations/manifest'
import { ownRelations } from '../migrations/own-tables'
import { ensureRoles } from '../migrations/roles'
import { findVectorType, openVectorSchema } from '../repositories/pgvector/vector-type'

/** Nobody's rows: what is asked as a tenant is asked in its name. */
const nobody = tenantId('headwater-probe')

/**
 * Finds out whether row level security can guard the tenants of this connection, turns it on where it can, and asks
 * whether it does. Returns what health should say. `rowLevelSecurity: 'require'` is HW_RLS_REQUIRED where it does not.
 */
export async function decideRowSecurity(connection: PostgresConnection, schema: string): Promise<string[]> {
  const { rowLevelSecurity: mode, roles } = connection.options
  if (connection.embedded) {
    // One process, one login, which is PGlite's superuser: there is nobody to be walled off from.
    if (mode === 'require') throw required(['the embedded database has no other role'])
    return []
  }
  if (mode === 'off') return ['Row level security is switched off; tenants are kept apart by conditions alone.']
  const session = connection.session({ worker: true })
  const found = await ensureRoles(session, { schema, ...roles })
  if (!found.enforced) {
    if (mode === 'require') throw required(['the login bypasses the policies and may use no other role'])
    return ['Row level security does not hold for this login; tenants are kept apart by conditions alone.']
  }
  connection.security = { active: true, appRole: found.app, workerRole: found.worker }
  const problems = await proveRowSecurity(connection, schema)
  if (mode === 'require' && problems.length > 0) throw required(problems)
  await openVectorSchema(session, schema)
  const vectors = await vectorProblem(connection)
  return [
    ...problems.map((problem) => `Row level security does not hold: ${problem}.`),
    ...(vectors === undefined ? [] : [vectors]),
  ]
}

interface Asked {
  readonly role: string
  readonly login: string
  readonly superuser: boolean
  readonly bypasses: boolean
  /** Roles above it whose policies or rights it has as well. */
  readonly above: string[]
  /** Of the tables asked about, those whose policies do not hold for it. */
  readonly open: string[]
}

/**
 * Why the policies do not keep tenants apart, as asked of the server with the role that tenants' statements take on; empty
 * when they do. Policies are compared with those that migrations make: one more of them may let through what others hold.
 */
export async function proveRowSecurity(connection: PostgresConnection, schema: string): Promise<string[]> {
  const worker = connection.session({ worker: true })
  const own = await ownRelations(worker, schema)
  const guarded = own.filter(
    ({ name, kind }) =>
      kind === 'index' ||
      kind === 'entity' ||
      (kind === 'truth' && Object.keys(schemaManifest.tables[name]?.policies ?? {}).length > 0),
  )
  const { rows } = await connection.session({ tenant: nobody }).query<Asked>(
    `SELECT r.rolname AS role, session_user::text AS login, r.rolsuper AS superuser, r.rolbypassrls AS bypasses,
       ARRAY(SELECT o.rolname::text FROM pg_roles o
         WHERE o.oid <> r.oid AND NOT r.rolsuper AND pg_has_role(r.oid, o.oid, 'MEMBER') AND (o.rolsuper OR o.rolbypassrls
           OR o.oid IN (SELECT c.relowner FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = ANY($2::text[])))) AS above,
       ARRAY(SELECT c.relname::text FROM pg_class c
         WHERE c.relnamespace = n.oid AND c.relname = ANY($2::text[]) AND NOT row_security_active(c.oid)) AS open
     FROM pg_roles r CROSS JOIN pg_namespace n WHERE r.rolname = current_user AND n.nspname = $1`,
    [schema, guarded.map(({ name }) => name)],
  )
  const { role, login, superuser, bypasses, above, open } = rows[0]!
  const problems: string[] = []
  if (superuser) problems.push(`the role ${role} is a superuser`)
  else if (bypasses) problems.push(`the role ${role} has BYPASSRLS`)
  if (connection.options.roles.app === login) problems.push(`roles.app names the login itself, ${login}`)
  if (above.length > 0 && role !== login) problems.push(`the role ${role} may take on ${above.join(', ')}`)
  if (open.length > 0) problems.push(`the policies are not in force for ${role} on ${open.join(', ')}`)
  const policies = await readPolicies(worker, schema)
  const usual = schemaManifest.tables['documents']!.policies
  for (const { name, kind } of guarded) {
    const expected = kind === 'truth' ? schemaManifest.tables[name]!.policies : usual
    const found = policies.get(name) ?? {}
    const differing = [...new Set([...Object.keys(expected), ...Object.keys(found)])].filter(
      (policy) => expected[policy] !== found[policy],
    )
    if (differing.length > 0) problems.push(`${name}: ${differing.join(', ')} are not as migrations make them, forced`)
  }
  return problems
}

/** What keeps tenants' statements from searching vectors in Postgres, if anything. */
export async function vectorProblem(connection: PostgresConnection): Promise<string | undefined> {
  const type = await findVectorType(connection.session({ worker: true }))
  if (!type) return undefined
  try {
    const text = `SELECT '[1]'::${type.name} ${type.distance} '[1]'::${type.name} AS distance`
    await connection.session({ tenant: nobody }).query(text)
    return undefined
  } catch (error) {
    if (!isHeadwaterError(error, 'HW_UNAUTHORIZED')) throw error
    const role = connection.security.appRole ?? 'the login'
    const place = type.name.replace(/\.vector$/, '')
    return `Vectors cannot be searched: ${role} may not use pgvector. GRANT USAGE ON SCHEMA ${place} TO ${role}.`
  }
}

function required(problems: readonly string[]): HeadwaterError {
  return new HeadwaterError('HW_RLS_REQUIRED', `postgres.rowLevelSecurity: 'require', but ${problems.join('; ')}`, {
    path: 'postgres.rowLevelSecurity',
    details: { problems },
  })
}
