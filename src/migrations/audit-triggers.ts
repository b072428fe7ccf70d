import type { PostgresPool } from '../connections/postgres/client'
import { quoteName } from '../connections/postgres/row-security'
import { HeadwaterError } from '../core/errors'
import { classifyPostgres } from '../resilience/classify-postgres'
import { type HeldClient, holdClient, pinnedBegin } from './held-client'
import { ask } from './status'
import { type MigrationTarget, type SchemaOptions, schemaOf, withPool } from './target'

/** What is to be written down of changes; `R` is how it is recorded. */
export interface AuditTriggerOptions<R> extends SchemaOptions {
  /** What is recorded, with what is declared here; null where nothing is to be changed. */
  readonly joined: (recorded: R | null) => R | null
  /** Statements that make the triggers of it. */
  readonly statements: (schema: string, record: R) => string[]
}

const what = 'Making the triggers of the audit'
const name = 'audit'

/** Makes the triggers that are declared and not there yet. Resolves to the statements that were run. */
export async function migrateAuditTriggers<R>(
  target: MigrationTarget,
  options: AuditTriggerOptions<R>,
): Promise<string[]> {
  const schema = schemaOf(options)
  return withPool(target, async (pool) => {
    if (!(await pending(pool, schema, options))) return []
    const client = await holdClient(pool).catch((cause: unknown) => {
      throw classifyPostgres(cause, what).error
    })
    try {
      const done = await make(client, schema, options)
      client.release()
      return done
    } catch (cause) {
      const { error, evict } = classifyPostgres(cause, what)
      client.release(evict === 'none' ? undefined : error)
      throw error
    }
  })
}

/** What `migrateAuditTriggers` would run; nothing where the tables are not there yet. */
export async function planAuditTriggers<R>(
  target: MigrationTarget,
  options: AuditTriggerOptions<R>,
): Promise<string[]> {
  const schema = schemaOf(options)
  return withPool(target, async (pool) => {
    const record = await pending(pool, schema, options)
    return record ? options.statements(schema, record) : []
  })
}

/** Resolves when every change that is declared so is written down; HW_MIGRATION_NEEDED. */
export async function assertAuditTriggers<R>(target: MigrationTarget, options: AuditTriggerOptions<R>): Promise<void> {
  const statements = await planAuditTriggers(target, options)
  if (statements.length === 0) return
  const problem = "audit: its triggers are not as declared: open once with migrate: 'auto', as the owner of the tables"
  throw new HeadwaterError('HW_MIGRATION_NEEDED', problem, { path: 'audit', details: { statements } })
}

async function pending<R>(pool: PostgresPool, schema: string, { joined }: AuditTriggerOptions<R>): Promise<R | null> {
  if (joined(null) === null) return null
  const [found] = await ask(pool, recordSql(schema), [name], 'Reading what is audited')
  return joined((found?.['value'] ?? null) as R | null)
}

async function make<R>(
  client: HeldClient,
  schema: string,
  { joined, statements }: AuditTriggerOptions<R>,
): Promise<string[]> {
  await client.query({ text: pinnedBegin })
  try {
    await client.query({
      text: `SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)`,
    })
    const lock = 'SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0::bigint))'
    await client.query({ text: lock, values: [`headwater:migrate:${schema}`] })
    // Another process may have made them meanwhile.
    const { rows } = await client.query({ text: recordSql(schema), values: [name] })
    const record = joined((rows[0]?.['value'] ?? null) as R | null)
    const done = record === null ? [] : statements(schema, record)
    for (const text of done) await client.query({ text })
    if (record !== null) {
      const text = `INSERT INTO ${quoteName(schema)}.registry (name, value) VALUES ($1, $2::jsonb)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value`
      await client.query({ text, values: [name, JSON.stringify(record)] })
    }
    await client.query({ text: 'COMMIT' })
    return done
  } catch (error) {
    await client.query({ text: 'ROLLBACK' })
    throw error
  }
}

function recordSql(schema: string): string {
  return `SELECT value FROM ${quoteName(schema)}.registry WHERE name = $1`
}
