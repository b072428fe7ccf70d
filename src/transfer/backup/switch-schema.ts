import type { PostgresConnection } from '../../connections/postgres/connection'
import type { Executor } from '../../connections/postgres/executor'
import { quoteName } from '../../connections/postgres/row-security'
import { ownRelations } from '../../migrations/own-tables'
import { ensureRoles } from '../../migrations/roles'
import { type Audited, auditedRecord } from '../../repositories/audited'
import { auditTriggerStatements } from '../../repositories/postgres/audit-triggers'
import { PostgresRegistryRepository } from '../../repositories/postgres/registry'
import type { RestoreTarget } from './restore-target'

/** How long the switch waits for whoever is at work in a table, ms. */
const lockMs = 30_000

/**
 * Puts the tables of the scratch schema in the place of those that are there, in one transaction: before it everybody
 * sees what was, after it what was restored, and a process that is killed leaves the one or the other. Tables that are
 * not ours stay.
 */
export async function switchSchema(
  connection: PostgresConnection,
  scratch: string,
  target: RestoreTarget,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { schema } = target
  await connection.transaction(
    { worker: true },
    async (executor) => {
      const limits = `set_config('lock_timeout', '${lockMs}', true), set_config('statement_timeout', '0', true)`
      await executor.query(`SELECT ${limits}`)
      await executor.query(`CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)}`)
      if (target.made) {
        if (target.engineIndexes > 0) await retireOld(executor, schema, scratch)
        await dropOld(executor, schema)
      }
      await moveAll(executor, scratch, schema)
      await executor.query(`DROP SCHEMA ${quoteName(scratch)}`)
      const registry = new PostgresRegistryRepository(executor, { schema })
      const audited = (await registry.read(auditedRecord)) as unknown as Audited | null
      if (audited) for (const text of auditTriggerStatements(schema, audited)) await executor.query(text)
      await registry.write('database', { ...(await registry.database()) })
      // Others that have the store open go on as the roles that they took on.
      if (!connection.embedded) await ensureRoles(executor, { schema, ...connection.options.roles })
    },
    { retries: 5, signal },
  )
}

async function dropOld(executor: Executor, schema: string): Promise<void> {
  const own = await ownRelations(executor, schema)
  const named = (wanted: (kind: string) => boolean): string =>
    own
      .filter(({ kind }) => wanted(kind))
      .map(({ name }) => `${quoteName(schema)}.${quoteName(name)}`)
      .join(', ')
  const tables = named((kind) => kind !== 'sequence')
  if (tables !== '') await executor.query(`DROP TABLE ${tables}`)
  const sequences = named((kind) => kind === 'sequence')
  if (sequences !== '') await executor.query(`DROP SEQUENCE IF EXISTS ${sequences}`)
}

/** All of the scratch schema was made by migrations and restored; of what is no table, that of the same name gives way. */
async function moveAll(executor: Executor, scratch: string, schema: string): Promise<void> {
  const { rows } = await executor.query<{ kind: string; name: string }>(
    `SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, quote_ident(c.relname) AS name
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND (c.relkind IN ('r', 'v') OR c.relkind = 'S' AND NOT EXISTS (
       SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')))
     UNION ALL
     SELECT 'FUNCTION', quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')'
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1
     ORDER BY 1 DESC, 2`,
    [scratch],
  )
  for (const { kind, name } of rows) {
    if (kind === 'TABLE' || kind === 'SEQUENCE') continue
    await executor.query(`DROP ${kind} IF EXISTS ${quoteName(schema)}.${name}`)
  }
  for (const { kind, name } of rows) {
    await executor.query(`ALTER ${kind} ${quoteName(scratch)}.${name} SET SCHEMA ${quoteName(schema)}`)
  }
}

/** Indexes in other engines are dropped by whoever opens the store next and has the engine. */
async function retireOld(executor: Executor, schema: string, scratch: string): Promise<void> {
  const columns =
    'target, collection, name, fingerprint, dimensions, language, chunking, created_at, switched_at, format, engine'
  const table = (of: string, name: string): string => `${quoteName(of)}.${quoteName(name)}`
  await executor.query(
    `WITH retired AS (
       INSERT INTO ${table(scratch, 'generations')} (state, ${columns})
       SELECT 'dropped', ${columns} FROM ${table(schema, 'generations')} WHERE state <> 'dropped' AND engine <> 'postgres'
       RETURNING id)
     INSERT INTO ${table(scratch, 'registry')} (name, value) SELECT 'retired', jsonb_agg(id) FROM retired`,
  )
}
