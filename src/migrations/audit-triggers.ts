import type { PostgresPool } from '../connections/postgres/client'
import { quoteName } from '../connections/postgres/row-security'
import { HeadwaterError } from '../core/errors'
import type { Json } from '../core/json'
import { type HeldClient, underMigrationLock, withClient } from './held-client'
import { ask } from './status'
import { type MigrationTarget, type SchemaOptions, schemaOf, withPool } from './target'

/** What it takes that changes are written down as declared. */
export interface AuditTriggerPlan {
  /** What is recorded of it afterwards. */
  readonly record: Json
  readonly statements: readonly string[]
}

export interface AuditTriggerOptions extends SchemaOptions {
  /** Of what is recorded and what is declared; null where nothing is to be changed. */
  readonly plan: (recorded: Json) => AuditTriggerPlan | null
}

const name = 'audit'

/** Makes the triggers that are declared and not there yet. Resolves to the statements that were run. */
export async function migrateAuditTriggers(target: MigrationTarget, options: AuditTriggerOptions): Promise<string[]> {
  const schema = schemaOf(options)
  return withPool(target, async (pool) => {
    if (!(await pending(pool, schema, options))) return []
    return withClient(pool, 'Making the triggers of the audit', (client) => make(client, schema, options))
  })
}

/** What `migrateAuditTriggers` would run. */
export async function planAuditTriggers(target: MigrationTarget, options: AuditTriggerOptions): Promise<string[]> {
  const schema = schemaOf(options)
  return withPool(target, async (pool) => {
    return [...((await pending(pool, schema, options))?.statements ?? [])]
  })
}

/** Resolves when every change that is declared so is written down; HW_MIGRATION_NEEDED. */
export async function assertAuditTriggers(target: MigrationTarget, options: AuditTriggerOptions): Promise<void> {
  const statements = await planAuditTriggers(target, options)
  if (statements.length === 0) return
  const problem = "audit: its triggers are not as declared: open once with migrate: 'auto', as the owner of the tables"
  throw new HeadwaterError('HW_MIGRATION_NEEDED', problem, { path: 'audit', details: { statements } })
}

async function pending(
  pool: PostgresPool,
  schema: string,
  { plan }: AuditTriggerOptions,
): Promise<AuditTriggerPlan | null> {
  if (plan(null) === null) return null
  const reading = 'Reading what is audited'
  const registry = `${quoteName(schema)}.registry`
  const [made] = await ask(pool, 'SELECT to_regclass($1::text) IS NOT NULL AS made', [registry], reading)
  const [found] = made!['made'] ? await ask(pool, recordSql(schema), [name], reading) : []
  return plan((found?.['value'] ?? null) as Json)
}

function make(client: HeldClient, schema: string, { plan }: AuditTriggerOptions): Promise<string[]> {
  return underMigrationLock(client, schema, async () => {
    // Another process may have made them meanwhile.
    const { rows } = await client.query({ text: recordSql(schema), values: [name] })
    const due = plan((rows[0]?.['value'] ?? null) as Json)
    const done = [...(due?.statements ?? [])]
    for (const text of done) await client.query({ text })
    if (due) {
      const text = `INSERT INTO ${quoteName(schema)}.registry (name, value) VALUES ($1, $2::jsonb)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value`
      await client.query({ text, values: [name, JSON.stringify(due.record)] })
    }
    return done
  })
}

function recordSql(schema: string): string {
  return `SELECT value FROM ${quoteName(schema)}.registry WHERE name = $1`
}
