import type { Executor } from '../connections/postgres/executor'
import { quoteName } from '../connections/postgres/row-security'
import { literal } from '../connections/postgres/statement'
import { grantOn, oneByOne, withdrawDefaults } from './grants'
import { type SchemaOptions, schemaOf } from './target'

export interface RoleOptions extends SchemaOptions {
  /** Role for tenants' statements, under the policies; `headwater_app` by default. */
  app?: string | undefined
  /** Role that sees the rows of all tenants; `headwater_worker` by default. */
  worker?: string | undefined
}

/** Roles that the login may take on; undefined where it should stay itself. */
export interface Roles {
  /** For tenants' statements. Undefined: the login is under the policies already, or nothing can bring it there. */
  readonly app: string | undefined
  /** For statements that see all tenants. Undefined: the login does anyway, or cannot. */
  readonly worker: string | undefined
  /** True when the policies hold for tenants' statements, with the roles given here. */
  readonly enforced: boolean
}

interface Login {
  readonly name: string
  readonly superuser: boolean
  readonly bypasses: boolean
  readonly may_create: boolean
  readonly owner: boolean
}

/**
 * Makes the NOLOGIN roles, as far as the login may, and grants them what they need of our tables; tables of generations
 * are granted when they are made. Repeating it changes nothing. A login that may not create roles, or not take on one
 * that somebody else made, uses those that it is a member of; one that owns the tables is under the policies itself
 * whenever a tenant is named (FORCE), and needs no role at all.
 */
export async function ensureRoles(executor: Executor, options: RoleOptions = {}): Promise<Roles> {
  const schema = schemaOf(options)
  const { app = 'headwater_app', worker = 'headwater_worker' } = options
  const login = await readLogin(executor, schema)
  const mayCreate = login.superuser || login.may_create
  if (mayCreate) {
    await createRole(executor, app, 'NOLOGIN')
    // Only who bypasses the policies may make another who does.
    if (login.superuser || login.bypasses) await createRole(executor, worker, 'NOLOGIN BYPASSRLS')
  }
  if (login.superuser || login.owner) {
    if (await exists(executor, app)) await grantOn(executor, schema, app, 'app')
    if (await exists(executor, worker)) await grantOn(executor, schema, worker, 'worker')
    await withdrawDefaults(executor, schema, [app, worker])
  }
  const usable = async (role: string): Promise<string | undefined> => {
    if (!(await exists(executor, role))) return undefined
    if (mayCreate) await join(executor, role)
    return (await isMember(executor, role)) ? role : undefined
  }
  const sees = login.superuser || login.bypasses
  const appRole = await usable(app)
  return {
    app: appRole,
    worker: sees || login.owner ? undefined : await usable(worker),
    enforced: appRole !== undefined || !sees,
  }
}

/** As `ensureRoles` would find it, without making anything: with the roles that are there already. */
export async function readRoles(
  executor: Executor,
  options: RoleOptions = {},
): Promise<
  Roles & { readonly login: string /** The first start will make the role for tenants. */; readonly toBeMade: boolean }
> {
  const { app = 'headwater_app', worker = 'headwater_worker' } = options
  const login = await readLogin(executor, schemaOf(options))
  const usable = async (role: string): Promise<string | undefined> =>
    (await exists(executor, role)) && (await isMember(executor, role)) ? role : undefined
  const sees = login.superuser || login.bypasses
  const appRole = await usable(app)
  return {
    login: login.name,
    toBeMade: appRole === undefined && sees && (login.superuser || login.may_create),
    app: appRole,
    worker: sees || login.owner ? undefined : await usable(worker),
    enforced: appRole !== undefined || login.superuser || login.may_create || !sees,
  }
}

async function readLogin(executor: Executor, schema: string): Promise<Login> {
  const { rows } = await executor.query<Login>(
    `SELECT rolname AS name, rolsuper AS superuser, rolbypassrls AS bypasses, rolcreaterole AS may_create,
       EXISTS (SELECT FROM pg_class WHERE oid = to_regclass($1) AND relowner = r.oid) AS owner
     FROM pg_roles r WHERE rolname = current_user`,
    [`${quoteName(schema)}.documents`],
  )
  return rows[0]!
}

/** Roles belong to the whole server: another database's store may make the same one at the same moment. */
async function createRole(executor: Executor, role: string, attributes: string): Promise<void> {
  if (await exists(executor, role)) return
  const body = `BEGIN CREATE ROLE ${quoteName(role)} ${attributes};
     EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END`
  await executor.query(`DO ${literal(body)}`)
}

async function exists(executor: Executor, role: string): Promise<boolean> {
  const { rows } = await executor.query('SELECT FROM pg_roles WHERE rolname = $1', [role])
  return rows.length > 0
}

/** Whether the login may take the role on: since Postgres 16 that is not the same as to be a member. */
async function isMember(executor: Executor, role: string): Promise<boolean> {
  const { rows } = await executor.query<{ member: boolean }>(
    `SELECT pg_has_role($1, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
       AS member`,
    [role],
  )
  return rows[0]!.member
}

async function join(executor: Executor, role: string): Promise<void> {
  if (await isMember(executor, role)) return
  // Memberships belong to the whole server, where a lock of this database holds nobody back. And since Postgres 16 who
  // may create roles may not take on those that others made.
  const spared = 'unique_violation OR internal_error OR insufficient_privilege'
  await oneByOne(executor, [`GRANT ${quoteName(role)} TO CURRENT_USER`], spared)
}
