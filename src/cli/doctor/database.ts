import type { PostgresConnection } from '../../connections/postgres/connection'
import { errorCatalogue, HeadwaterError } from '../../core/errors'
import { type DeclaredTable, type EntityTablePlan, pendingOf, planEntityTables } from '../../migrations/entity-tables'
import { ownRelations } from '../../migrations/own-tables'
import { readRoles } from '../../migrations/roles'
import { assertRunnable, assertWhole, migrationStatus } from '../../migrations/status'
import type { TruthSession } from '../../repositories/truth'
import { proveRowSecurity, vectorProblem } from '../../store/row-security'
import { type ErrandsHealth, errandsHealth, unhandledRemedy } from '../../store/store-health'
import type { Check } from './check'
import { failed, ok, warning } from './check'

const workerSeenMs = 60_000

/** Whether the tables are as this version needs them; the first check says so. */
export async function checkMigrations(connection: PostgresConnection, schema: string): Promise<Check[]> {
  const name = 'migrations'
  const status = await migrationStatus(connection, { schema })
  try {
    assertRunnable(status)
    assertWhole(status)
  } catch (error) {
    return [failed(name, error)]
  }
  const { pending, applied, ahead } = status
  const newer = ahead.length > 0 ? '; a newer version made it, on which this one can run' : ''
  if (pending.length === 0) return [ok(name, `${applied.length} applied, the last ${applied.at(-1)?.name}${newer}`)]
  const what = `schema: "${schema}" lacks ${pending.join(', ')}`
  return [failed(name, new HeadwaterError('HW_MIGRATION_NEEDED', what, { path: 'schema' }))]
}

/** Vectors in Postgres need pgvector. */
export async function checkExtension(connection: PostgresConnection): Promise<Check[]> {
  const name = 'pgvector'
  const { rows } = await connection.session({ worker: true }).query<{ version: string; installed: boolean }>(
    `SELECT coalesce(installed_version, default_version) AS version, installed_version IS NOT NULL AS installed
     FROM pg_available_extensions WHERE name = 'vector'`,
  )
  const found = rows[0]
  if (found) return [ok(name, found.installed ? `${found.version}, installed` : `${found.version}, not installed yet`)]
  return [failed(name, new HeadwaterError('HW_EXTENSION_MISSING', 'The server has no extension vector (pgvector)'))]
}

/** Whether the policies keep tenants apart for this login; the session then works as the store's would. */
export async function checkRowSecurity(connection: PostgresConnection, schema: string): Promise<Check[]> {
  const name = 'row level security'
  if (connection.embedded) return [ok(name, 'Not used: the embedded database has one login.')]
  const session = connection.session({ worker: true })
  const { app, worker } = connection.options.roles ?? {}
  const roles = await readRoles(session, { schema, app, worker })
  if (!roles.enforced) {
    const detail = `Login ${roles.login} bypasses the policies: tenants are kept apart by conditions alone.`
    return [warning(name, detail, 'Connect with a role under the policies (docs/tenants.md).')]
  }
  connection.security = { active: true, appRole: roles.app, workerRole: roles.worker }
  if (roles.toBeMade) return [ok(name, 'The first start makes the roles, and asks whether the policies hold.')]
  const problems = await proveRowSecurity(connection, schema)
  if (problems.length > 0) {
    const error = new HeadwaterError(
      'HW_RLS_REQUIRED',
      `The policies do not keep tenants apart: ${problems.join('; ')}`,
    )
    return [failed(name, error, 'Give tenants a role under the policies, or restore them (docs/tenants.md).')]
  }
  const as = roles.app === undefined ? `login ${roles.login}` : `login ${roles.login} as ${roles.app}`
  return [ok(name, `The policies hold for ${as}.`)]
}

/** Whether tenants' statements may use pgvector; asked as they are, once the roles are known. */
export async function checkVectorUse(connection: PostgresConnection): Promise<Check[]> {
  const problem = await vectorProblem(connection)
  if (problem === undefined) return []
  const error = new HeadwaterError('HW_UNAUTHORIZED', problem)
  return [failed('pgvector', error, 'Run that GRANT as the owner of the schema.')]
}

/** Tables of entities, a line each, compared with what is declared where doctor was told of it (`--entities`). */
export async function checkEntities(
  connection: PostgresConnection,
  schema: string,
  declared: readonly DeclaredTable[] = [],
): Promise<Check[]> {
  const worker = connection.session({ worker: true })
  const plans = await planEntityTables(connection, { schema, tables: declared })
  const problems = plans.flatMap((plan) => checkPlan(plan))
  const tables = (await ownRelations(worker, schema)).flatMap(({ name, kind }) => (kind === 'entity' ? [name] : []))
  if (tables.length === 0) return problems
  const { rows } = await worker.query<{ name: string; rows: number; indexes: number; broken: string[] }>(
    `SELECT c.relname::text AS name, greatest(c.reltuples, 0)::bigint AS rows, count(*)::int AS indexes,
       coalesce(array_agg(i.relname::text) FILTER (WHERE NOT x.indisvalid), '{}') AS broken
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
     WHERE n.nspname = $1 AND c.relname = ANY($2::text[]) GROUP BY c.oid ORDER BY c.relname`,
    [schema, tables],
  )
  const found = rows.map(({ name, rows: count, indexes, broken }) => {
    const check = `entity ${name.slice(2)}`
    const asDeclared = plans.some(({ table }) => table === name) ? ', as declared' : ''
    if (broken.length === 0) return ok(check, `about ${count} rows, ${indexes} indexes${asDeclared}`)
    const remedy = 'Run `headwater migrate up --entities FILE`, which builds it anew, unless a process is at it.'
    return warning(check, `The index ${broken.join(', ')} is not built to its end, so that nothing uses it.`, remedy)
  })
  const told = new Set(problems.map(({ name }) => name))
  return [...problems, ...found.filter(({ name, state }) => state !== 'ok' || !told.has(name))]
}

function checkPlan(plan: EntityTablePlan): Check[] {
  const { entity, table, misfits } = plan
  const name = `entity ${table.slice(2)}`
  if (misfits.length > 0) {
    const what = `entities.${entity}: ${misfits.map((one) => one.what).join('; ')}`
    const remedy =
      'Run `headwater migrate new NAME --entities FILE` and correct what it writes, or declare it as it is.'
    return [failed(name, new HeadwaterError('HW_ENTITY_MISMATCH', what, { path: `entities.${entity}` }), remedy)]
  }
  const pending = pendingOf([plan])
  if (pending.length === 0) return []
  const error = new HeadwaterError('HW_MIGRATION_NEEDED', `entities.${entity}: pending: ${pending.join('; ')}`)
  return [failed(name, error, 'Run `headwater migrate up --entities FILE`.')]
}

/** Jobs and errands that wait or were given up, and whether somebody does them. */
export async function checkJobs({ jobs, errands, registry }: TruthSession): Promise<Check[]> {
  const [backlog, promised, workers] = await Promise.all([
    jobs.backlog(),
    errands.backlog(),
    registry.workers(workerSeenMs),
  ])
  const { waiting, claimed, parked, oldestMs } = backlog
  const oldest = oldestMs === null ? '' : `, the oldest ${(oldestMs / 1_000).toFixed(1)} s old`
  const counts = `${waiting} waiting, ${claimed} claimed, ${parked} parked${oldest}`
  const seen = `${workers.length} seen in the last minute`
  return [
    parked > 0 ? warning('jobs', counts, errorCatalogue.HW_JOB_PARKED.remedy) : ok('jobs', counts),
    waiting > 0 && workers.length === 0
      ? warning('workers', `${seen}, and jobs wait: what was written since is not found.`, 'Run `headwater relay`.')
      : ok('workers', seen),
    ...checkErrands(errandsHealth(promised, workers)),
  ]
}

/** Said only where there are any. */
function checkErrands({ waiting, claimed, parked, unhandled }: ErrandsHealth): Check[] {
  if (waiting + claimed + parked === 0) return []
  const counts = `${waiting} waiting, ${claimed} claimed, ${parked} parked`
  if (unhandled.length > 0) {
    return [warning('errands', `${counts}; nobody handles ${unhandled.join(', ')}`, unhandledRemedy)]
  }
  return [parked > 0 ? warning('errands', counts, errorCatalogue.HW_ERRAND_FAILED.remedy) : ok('errands', counts)]
}
