import type { Executor } from '../../connections/postgres/executor'
import { quoteName, rowSecurityStatements } from '../../connections/postgres/row-security'
import { literal } from '../../connections/postgres/statement'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { sha256 } from '../../core/ids'
import { type IndexMarker, markerOf } from '../index-marker'

/** Longest name from which suffixes such as `_postings` still make different names of at most 63 bytes. */
const longestName = 48

/**
 * Name of the table for a physical index: the index's own, or, where that is too long for Postgres, its start and a
 * hash of the whole.
 */
export function tableName(index: string): string {
  if (index.length === 0 || index.includes('\0')) {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `index.name: ${JSON.stringify(index)} cannot name a table`, {
      path: 'index.name',
    })
  }
  if (/^[\x21-\x7e]+$/.test(index) && index.length <= longestName) return index
  const start = index.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, 30)
  return `${start}_${sha256(index).slice(0, 16)}`
}

/** Second wall behind the tenant in every WHERE; and the roles that have to do with the truth get what they need. */
export async function secure(executor: Executor, table: string): Promise<void> {
  for (const statement of rowSecurityStatements(table)) await executor.query(statement)
  for (const { role, writes } of await rolesOf(executor, table)) {
    const rights = writes ? 'SELECT, INSERT, UPDATE, DELETE' : 'SELECT'
    await executor.query(`GRANT ${rights} ON TABLE ${table} TO ${quoteName(role)}`)
  }
}

/** For whom a sequence of an index is: those who write it. */
export async function secureSequence(executor: Executor, sequence: string): Promise<void> {
  for (const { role, writes } of await rolesOf(executor, sequence)) {
    if (writes) await executor.query(`GRANT USAGE ON SEQUENCE ${sequence} TO ${quoteName(role)}`)
  }
}

/** Who reads the truth beside its owner, and who of them writes generations. */
async function rolesOf(executor: Executor, relation: string): Promise<{ role: string; writes: boolean }[]> {
  const { rows } = await executor.query<{ role: string; writes: boolean }>(
    `SELECT pg_get_userbyid(a.grantee) AS role, bool_or(c.relname = 'generations' AND a.privilege_type = 'UPDATE') AS writes
     FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
     WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass($1))
       AND c.relname IN ('documents', 'generations') AND a.grantee NOT IN (0, c.relowner)
     GROUP BY a.grantee HAVING bool_or(c.relname = 'documents' AND a.privilege_type = 'SELECT')`,
    [relation],
  )
  return rows
}

/** Held until the transaction ends, so that processes which create the same index at once take turns. */
export async function lockCreation(executor: Executor, schema: string): Promise<void> {
  await executor.query('SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0::bigint))', [
    `headwater:create:${schema}`,
  ])
}

/** What `create` wrote down on a table of ours; undefined when there is no such table. */
export async function readMake(executor: Executor, table: string, call?: CallOptions): Promise<string | undefined> {
  const [make] = (await readComment(executor, table, call)) ?? []
  return make
}

/** The comment has two lines: how the table was made, and the marker. */
export async function writeMarker(
  executor: Executor,
  name: string,
  table: string,
  marker: IndexMarker,
  call?: CallOptions,
): Promise<void> {
  const make = await readMake(executor, table, call)
  if (make === undefined) throw missing(name)
  const comment = `${make}\n${JSON.stringify(marker)}`
  await executor.query(`COMMENT ON TABLE ${table} IS ${literal(comment)}`, [], call)
}

export async function readMarker(
  executor: Executor,
  name: string,
  table: string,
  call?: CallOptions,
): Promise<IndexMarker | null> {
  const lines = await readComment(executor, table, call)
  if (lines === undefined) throw missing(name)
  try {
    return markerOf(JSON.parse(lines[1] ?? 'null'))
  } catch {
    return null
  }
}

async function readComment(
  executor: Executor,
  table: string,
  call: CallOptions | undefined,
): Promise<[string, string?] | undefined> {
  const { rows } = await executor.query<{ comment: string | null }>(
    `SELECT obj_description(to_regclass($1), 'pg_class') AS comment WHERE to_regclass($1) IS NOT NULL`,
    [table],
    call,
  )
  return rows[0] && ((rows[0].comment ?? '').split('\n') as [string, string?])
}

/** SQLSTATE of what Postgres answered, from the error or what caused it. */
export function sqlState(error: unknown): string | undefined {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    const { code, cause, details } = at as { code?: unknown; cause?: unknown; details?: { sqlState?: unknown } }
    if (typeof details?.sqlState === 'string') return details.sqlState
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code
    at = cause
  }
  return undefined
}

/**
 * Runs work on an index. A table that is not there is a generation that is gone; a write whose answer was lost is one
 * to repeat, since its fence makes it do nothing a second time.
 */
export async function onIndex<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const index = JSON.stringify(name)
    if (sqlState(error) === '42P01') throw missing(name, error)
    if (isHeadwaterError(error, 'HW_COMMIT_UNKNOWN')) {
      throw new HeadwaterError('HW_UNAVAILABLE', `The connection was lost while writing to the index ${index}`, {
        cause: error,
        details: { index: name },
      })
    }
    throw error
  }
}

function missing(name: string, cause?: unknown): HeadwaterError {
  return new HeadwaterError('HW_GENERATION_MISSING', `The index ${JSON.stringify(name)} is not in the database`, {
    cause,
    details: { index: name },
  })
}
