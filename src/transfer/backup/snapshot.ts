import type { Executor } from '../../connections/postgres/executor'
import { quoteName } from '../../connections/postgres/row-security'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { readPolicies } from '../../migrations/introspect'
import { schemaManifest } from '../../migrations/manifest'
import { plainSettings } from './read-rows'
import type { TableSource } from './tables'

/** A snapshot whose reader fell silent is ended by the server after this time, ms. */
const silenceMs = 15 * 60_000

/** Settings of the transaction in which rows are read. */
export async function prepareSnapshot(executor: Executor): Promise<void> {
  const settings = [...plainSettings, ['idle_in_transaction_session_timeout', String(silenceMs)] as const]
  const calls = settings.map((_, at) => `set_config($${2 * at + 1}::text, $${2 * at + 2}::text, true)`)
  await executor.query(`SELECT ${calls.join(', ')}`, settings.flat())
}

interface Guarded {
  readonly name: string
  /** Policies hold for whoever asks. */
  readonly active: boolean
  readonly owned: boolean
  readonly named: boolean
}

/**
 * Refuses a login from which policies hide rows. It sees all of them if it bypasses policies, or if it is the owner, no
 * tenant is named, and the policies are those that migrations make, of which the owner's shows everything.
 * HW_UNAUTHORIZED, never an empty backup.
 */
export async function assertSeesAll(executor: Executor, schema: string, tables: readonly TableSource[]): Promise<void> {
  const { rows } = await executor.query<Guarded>(
    `SELECT c.relname::text AS name, row_security_active(c.oid) AS active,
       pg_has_role(current_user, c.relowner, 'USAGE') AS owned,
       coalesce(current_setting('headwater.tenant', true), '') <> '' AS named
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = ANY($2::text[])`,
    [schema, tables.map(({ name }) => name)],
  )
  const guarded = rows.filter(({ active }) => active)
  if (guarded.length === 0) {
    // The server itself ends a read from which a policy would hide something.
    await executor.query(`SELECT set_config('row_security', 'off', true)`)
    return
  }
  const policies = await readPolicies(executor, schema)
  const usual = JSON.stringify(schemaManifest.tables['documents']!.policies)
  const hidden = guarded.filter(({ name, owned, named }) => {
    const found = Object.entries(policies.get(name) ?? {}).sort()
    const expected = Object.entries(JSON.parse(usual) as Record<string, string>).sort()
    return !owned || named || JSON.stringify(found) !== JSON.stringify(expected)
  })
  if (hidden.length === 0) return
  const names = hidden.map(({ name }) => name)
  throw new HeadwaterError(
    'HW_UNAUTHORIZED',
    `Policies may hide rows of ${names.join(', ')} from this login: back up as the owner of the tables, as a member of ` +
      'headwater_worker, or as a role with BYPASSRLS',
    { details: { tables: names } },
  )
}

/** What the snapshot says of its database beside the rows. */
export interface SnapshotFacts {
  readonly migrations: string[]
  readonly name: string
  readonly serverVersion: string
  readonly lsn: string | null
  readonly fences: number | null
  /** Of the database, ISO 8601. */
  readonly now: string
}

export async function snapshotFacts(executor: Executor, schema: string): Promise<SnapshotFacts> {
  const own = quoteName(schema)
  const { rows } = await executor.query<SnapshotFacts & { fences: number | string | null }>(
    `SELECT (SELECT jsonb_agg(name ORDER BY name) FROM ${own}.migrations) AS migrations,
       current_database()::text AS name, current_setting('server_version') AS "serverVersion",
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn,
       pg_sequence_last_value($1::regclass) AS fences,
       to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS now`,
    [`${own}.fences`],
  )
  const found = rows[0]!
  return { ...found, fences: found.fences === null ? null : Number(found.fences) }
}

const countingMs = 10 * 60_000

/** Chunks that vector indexes should have, and those that have no vector. */
export async function vectorCounts(
  executor: Executor,
  schema: string,
): Promise<{ chunks: number; waiting: number; lacking: number }> {
  const table = (name: string): string => `${quoteName(schema)}.${quoteName(name)}`
  await executor.query(`SELECT set_config('statement_timeout', $1::text, true)`, [String(countingMs)])
  try {
    const { rows } = await executor.query<Record<'chunks' | 'waiting' | 'lacking', number | string>>(
      `SELECT count(*) AS chunks, count(*) FILTER (WHERE e.input_hash IS NULL AND d.waits) AS waiting,
         count(*) FILTER (WHERE e.input_hash IS NULL AND d.waits IS NOT TRUE) AS lacking
       FROM ${table('generations')} g
       JOIN ${table('chunks')} c ON c.collection = g.collection AND c.chunking = g.chunking AND c.removed_at IS NULL
       LEFT JOIN ${table('embeddings')} e
         ON e.tenant = c.tenant AND e.fingerprint = g.fingerprint AND e.input_hash = c.input_hash
       LEFT JOIN (
         SELECT tenant, collection, document, true AS waits FROM ${table('queue')} WHERE target = 'vector'
         UNION SELECT tenant, collection, unnest(documents), true FROM ${table('claims')} WHERE 'vector' = ANY (targets)
       ) d ON d.tenant = c.tenant AND d.collection = c.collection AND d.document = c.document
       WHERE g.target = 'vector' AND g.state = 'live'`,
      [],
      { timeoutMs: countingMs + 5_000 },
    )
    const { chunks, waiting, lacking } = rows[0]!
    return { chunks: Number(chunks), waiting: Number(waiting), lacking: Number(lacking) }
  } catch (error) {
    if (isHeadwaterError(error, 'HW_TIMEOUT')) {
      throw new HeadwaterError('HW_TIMEOUT', `Counting vectors took more than ${countingMs} ms`, { cause: error })
    }
    throw error
  }
}

/** As the server estimates it. */
export async function estimatedRows(
  executor: Executor,
  schema: string,
  tables: readonly TableSource[],
): Promise<number> {
  const { rows } = await executor.query<{ rows: number | string }>(
    `SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint AS rows
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = ANY($2::text[])`,
    [schema, tables.map(({ name }) => name)],
  )
  return Number(rows[0]!.rows)
}
