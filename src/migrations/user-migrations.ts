import type { PostgresPool } from '../connections/postgres/client'
import { quoteName } from '../connections/postgres/row-security'
import { systemClock } from '../core/clock'
import { HeadwaterError } from '../core/errors'
import { classifyPostgres } from '../resilience/classify-postgres'
import { userMigrationTable } from './catalogue'
import { holdClient, migrationLock } from './held-client'
import { ask } from './status'
import { type MigrationTarget, type SchemaOptions, schemaOf, withPool } from './target'
import { tablesNeeded, type UserFile } from './user-files'

export interface UserMigrationOptions extends SchemaOptions {
  readonly files: readonly UserFile[]
}

export interface UserMigrationStatus {
  /** In the order in which they were applied. */
  readonly applied: readonly { readonly name: string; readonly at: number }[]
  readonly pending: readonly string[]
  /** Applied, and their file is another since. */
  readonly changed: readonly string[]
  /** Applied, and their file is gone. */
  readonly lost: readonly string[]
}

/** Which files of a user's are applied. Changes nothing. */
export async function userMigrationStatus(
  target: MigrationTarget,
  { files, ...options }: UserMigrationOptions,
): Promise<UserMigrationStatus> {
  const schema = schemaOf(options)
  return withPool(target, async (pool) => statusOf(await recorded(pool, schema), files))
}

/**
 * Runs the files that are pending, to `to` where it is named, each in one transaction under the lock of the migrations, so
 * that any number of processes may do it at once. HW_MIGRATION_FAILED with the cause: the file leaves nothing, and those
 * before it stay. Resolves to the names of what was applied.
 */
export async function applyUserMigrations(
  target: MigrationTarget,
  { files, to, ...options }: UserMigrationOptions & { readonly to?: string | undefined },
): Promise<string[]> {
  const schema = schemaOf(options)
  return withPool(target, async (pool) => {
    const { pending } = statusOf(await recorded(pool, schema), files)
    const done: string[] = []
    for (const file of files) {
      if (!pending.includes(file.name) || (to !== undefined && file.name > to)) continue
      if (await runFile(pool, schema, file, 'up')) done.push(file.name)
    }
    return done
  })
}

/** Undoes one that is applied; HW_MIGRATION_FAILED where its file says not how. */
export async function undoUserMigration(
  target: MigrationTarget,
  name: string,
  { files, ...options }: UserMigrationOptions,
): Promise<void> {
  const schema = schemaOf(options)
  const file = files.find((one) => one.name === name)
  if (file?.down === undefined) {
    const what = `${name} is applied, and there is no ${name}.down.sql that would undo it`
    throw new HeadwaterError('HW_MIGRATION_FAILED', what, { path: name, details: { schema, migration: name } })
  }
  await withPool(target, (pool) => runFile(pool, schema, file, 'down'))
}

interface Recorded {
  readonly name: string
  readonly at: number
  readonly checksum: string
}

async function recorded(pool: PostgresPool, schema: string): Promise<Recorded[]> {
  const table = recordOf(schema)
  const what = 'Reading which migrations of yours are applied'
  const [found] = await ask(pool, 'SELECT to_regclass($1::text) IS NOT NULL AS made', [table], what)
  if (!found!['made']) return []
  const rows = await ask(pool, `SELECT name, timestamp, checksum FROM ${table} ORDER BY timestamp, name`, [], what)
  return rows.map(({ name, timestamp, checksum }) => ({
    name: String(name),
    at: Date.parse(String(timestamp)),
    checksum: String(checksum),
  }))
}

function statusOf(applied: readonly Recorded[], files: readonly UserFile[]): UserMigrationStatus {
  const fileOf = (name: string): UserFile | undefined => files.find((one) => one.name === name)
  const names = new Set(applied.map(({ name }) => name))
  return {
    applied: applied.map(({ name, at }) => ({ name, at })),
    pending: files.flatMap(({ name }) => (names.has(name) ? [] : [name])),
    changed: applied.flatMap(({ name, checksum }) => ((fileOf(name)?.checksum ?? checksum) === checksum ? [] : [name])),
    lost: applied.flatMap(({ name }) => (fileOf(name) ? [] : [name])),
  }
}

function recordOf(schema: string): string {
  return `${quoteName(schema)}.${quoteName(userMigrationTable)}`
}

/** False where another process was faster. */
async function runFile(pool: PostgresPool, schema: string, file: UserFile, way: 'up' | 'down'): Promise<boolean> {
  const what = `Migration ${file.name}`
  const client = await holdClient(pool).catch((cause: unknown) => {
    throw classifyPostgres(cause, what).error
  })
  const ask = async (text: string, values: unknown[] = []) => (await client.query({ text, values })).rows
  try {
    await client.query({ text: 'BEGIN' })
    await ask(opening, [`${quoteName(schema)}, public`])
    await client.query(migrationLock(schema))
    await ask(`CREATE TABLE IF NOT EXISTS ${recordOf(schema)} (
      name text COLLATE "C" PRIMARY KEY, timestamp text NOT NULL, checksum text COLLATE "C" NOT NULL)`)
    const [found] = await ask(`SELECT EXISTS (SELECT FROM ${recordOf(schema)} WHERE name = $1) AS there`, [file.name])
    const due = found!['there'] !== (way === 'up')
    if (due) {
      const text = way === 'up' ? file.up : file.down!
      const [{ missing } = { missing: 0 }] = await ask(
        'SELECT count(*)::int AS missing FROM unnest($1::text[]) AS t WHERE to_regclass(t) IS NULL',
        [tablesNeeded(text).map((table) => `${quoteName(schema)}.${quoteName(table)}`)],
      )
      if (missing === 0) await client.query({ text })
      const [after] = await ask(`SELECT current_setting('headwater.migration', true) AS inside`)
      if (after!['inside'] !== 'yes') throw new HeadwaterError('HW_MIGRATION_FAILED', endedItself)
      if (way === 'up') {
        const values = [file.name, new Date(systemClock.now()).toISOString(), file.checksum]
        await ask(`INSERT INTO ${recordOf(schema)} VALUES ($1, $2, $3)`, values)
      } else await ask(`DELETE FROM ${recordOf(schema)} WHERE name = $1`, [file.name])
    }
    await client.query({ text: 'COMMIT' })
    client.release()
    return due
  } catch (cause) {
    await client.query({ text: 'ROLLBACK' }).then(
      () => client.release(),
      (error: unknown) => client.release(error instanceof Error ? error : true),
    )
    throw failed(cause, schema, file.name)
  }
}

const endedItself =
  'it ends the transaction that it runs in: leave BEGIN, COMMIT and ROLLBACK out; what it did may be there'

/** Names are found in the schema of the tables, then in public; a change of data may take its time. */
const opening = `SELECT set_config('search_path', $1, true), set_config('headwater.migration', 'yes', true),
  set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true),
  set_config('idle_in_transaction_session_timeout', '0', true)`

function failed(cause: unknown, schema: string, migration: string): HeadwaterError {
  const { error } = classifyPostgres(cause, `Migration ${migration}`)
  if (error.code !== 'HW_DATABASE' && error.code !== 'HW_MIGRATION_FAILED') return error
  const end = error.code === 'HW_DATABASE' ? '; it left nothing behind' : ''
  return new HeadwaterError('HW_MIGRATION_FAILED', `${migration}: ${error.message}${end}`, {
    cause: error,
    path: migration,
    details: { ...error.details, schema, migration },
  })
}
