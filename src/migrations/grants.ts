import type { Executor } from '../connections/postgres/executor'
import { quoteName } from '../connections/postgres/row-security'
import { literal } from '../connections/postgres/statement'
import { levelTable, migrationLockTable, migrationTable, userMigrationTable } from './catalogue'
import { schemaManifest } from './manifest'
import { type OwnRelation, ownRelations } from './own-tables'

type Right = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'USAGE'

const all: readonly Right[] = ['SELECT', 'INSERT', 'UPDATE', 'DELETE']
const reading: readonly Right[] = ['SELECT']

/**
 * What tenants' statements do with the truth, where it is less than everything. Rows are removed by workers alone, after
 * a while; what belongs to no tenant is read.
 */
const ofTenants: Readonly<Record<string, readonly Right[]>> = {
  documents: ['SELECT', 'INSERT', 'UPDATE'],
  chunks: ['SELECT', 'INSERT', 'UPDATE'],
  embeddings: ['SELECT', 'INSERT'],
  commits: ['SELECT', 'INSERT', 'UPDATE'],
  errands: ['INSERT'],
  // Written by triggers, with the rights of the owner.
  audit: reading,
  audit_batches: reading,
  audit_leaves: reading,
}
/** As `ofTenants`, of workers: what is sealed stays. */
const ofWorkers: Readonly<Record<string, readonly Right[]>> = {
  audit: ['SELECT', 'INSERT', 'UPDATE'],
  audit_batches: ['SELECT', 'INSERT', 'UPDATE'],
  audit_leaves: ['SELECT', 'INSERT'],
}
const ofNobody = new Set([migrationTable, migrationLockTable, levelTable, userMigrationTable])

/** What a role needs of a table or sequence: the one for tenants, or the one that relays and rebuilds. */
function needs({ name, kind }: OwnRelation, role: 'app' | 'worker'): readonly Right[] {
  if (kind === 'sequence') return role === 'worker' || schemaManifest.sequences.includes(name) ? ['USAGE'] : []
  if (kind === 'entity') return all
  // Statements of tenants search the indexes, and the relay writes them.
  if (kind === 'index') return role === 'worker' ? all : reading
  if (ofNobody.has(name)) return reading
  if (role === 'worker') return ofWorkers[name] ?? all
  const guarded = Object.keys(schemaManifest.tables[name]?.policies ?? {}).length > 0
  return guarded ? (ofTenants[name] ?? all) : reading
}

/**
 * Gives a role what it needs of our tables, each by its name, and takes from it on them what it does not need. What is
 * there already costs one look. A role that owns a table, or is a superuser, needs nothing.
 */
export async function grantOn(executor: Executor, schema: string, role: string, as: 'app' | 'worker'): Promise<void> {
  const relations = await ownRelations(executor, schema)
  const { rows: held } = await executor.query<{ name: string; rights: string[]; spared: boolean }>(
    `SELECT c.relname AS name, r.rolsuper OR c.relowner = r.oid AS spared,
       ARRAY(SELECT a.privilege_type FROM aclexplode(c.relacl) a WHERE a.grantee = r.oid ORDER BY 1) AS rights
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.rolname = $3
     WHERE n.nspname = $1 AND c.relname = ANY($2::text[])`,
    [schema, relations.map(({ name }) => name), role],
  )
  const to = quoteName(role)
  const statements: string[] = []
  const { rows: usage } = await executor.query<{ granted: boolean }>(
    `SELECT has_schema_privilege($1::text, $2::text, 'USAGE') AS granted`,
    [role, schema],
  )
  if (!usage[0]?.granted) statements.push(`GRANT USAGE ON SCHEMA ${quoteName(schema)} TO ${to}`)
  for (const relation of relations) {
    const found = held.find(({ name }) => name === relation.name)
    const wanted = [...needs(relation, as)].sort()
    if (!found || found.spared || found.rights.join() === wanted.join()) continue
    const what = `${relation.kind === 'sequence' ? 'SEQUENCE' : 'TABLE'} ${quoteName(schema)}.${quoteName(relation.name)}`
    if (found.rights.length > 0) statements.push(`REVOKE ALL ON ${what} FROM ${to}`)
    if (wanted.length > 0) statements.push(`GRANT ${wanted.join(', ')} ON ${what} TO ${to}`)
  }
  // A grant takes locks and writes the catalogue: not at every start.
  if (statements.length > 0) await oneByOne(executor, statements)
}

/** Takes back what 0.1.0 promised its roles of every later table of the schema, whoever's that would be. */
export async function withdrawDefaults(executor: Executor, schema: string, roles: readonly string[]): Promise<void> {
  for (const role of roles) {
    const { rows } = await executor.query(
      `SELECT FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) a JOIN pg_roles r ON r.oid = a.grantee
       WHERE d.defaclnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
         AND d.defaclrole = (SELECT oid FROM pg_roles WHERE rolname = current_user) AND r.rolname = $2`,
      [schema, role],
    )
    if (rows.length === 0) continue
    const start = `ALTER DEFAULT PRIVILEGES IN SCHEMA ${quoteName(schema)} REVOKE ALL ON`
    await oneByOne(
      executor,
      ['TABLES', 'SEQUENCES'].map((kind) => `${start} ${kind} FROM ${quoteName(role)}`),
    )
  }
}

/** Changes of privileges that meet fail each other in the catalogue: they wait for one another instead. */
export async function oneByOne(executor: Executor, statements: readonly string[], spared?: string): Promise<void> {
  const body = `BEGIN PERFORM pg_advisory_xact_lock(hashtext('headwater privileges'::text)::bigint); ${statements.join('; ')};
     ${spared ? `EXCEPTION WHEN ${spared} THEN NULL;` : ''} END`
  await executor.query(`DO ${literal(body)}`)
}
