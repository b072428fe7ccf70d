import type { Executor } from '../../connections/postgres/executor'
import { quoteName } from '../../connections/postgres/row-security'
import { literal } from '../../connections/postgres/statement'
import { HeadwaterError } from '../../core/errors'
import { sqlState } from '../postgres-index/index-table'

/** Where this database keeps pgvector, so that no statement depends on the search path. */
export interface VectorType {
  readonly oid: number
  /** `"public".vector` */
  readonly name: string
  /** Cosine distance: `OPERATOR("public".<=>)` */
  readonly distance: string
  readonly send: string
  readonly cosineOps: string
}

/**
 * Lets those who read the truth use the schema of pgvector, as far as this login may: some servers keep extensions in
 * one that is not open to everybody.
 */
export async function openVectorSchema(executor: Executor, schema: string): Promise<void> {
  const { rows } = await executor.query<{ role: string; place: string }>(
    `SELECT DISTINCT pg_get_userbyid(a.grantee) AS role, n.nspname AS place
     FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     CROSS JOIN pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
     WHERE e.extname = 'vector' AND c.oid = to_regclass($1) AND a.privilege_type = 'SELECT' AND a.grantee <> 0
       AND NOT has_schema_privilege(a.grantee, n.oid, 'USAGE')`,
    [`${quoteName(schema)}.documents`],
  )
  for (const { role, place } of rows) {
    const body = `BEGIN GRANT USAGE ON SCHEMA ${quoteName(place)} TO ${quoteName(role)};
      EXCEPTION WHEN insufficient_privilege THEN NULL; END`
    await executor.query(`DO ${literal(body)}`)
  }
}

export async function findVectorType(executor: Executor): Promise<VectorType | undefined> {
  const { rows } = await executor.query<{ oid: number; schema: string }>(
    `SELECT t.oid::bigint::float8 AS oid, n.nspname AS schema FROM pg_extension e
     JOIN pg_namespace n ON n.oid = e.extnamespace
     JOIN pg_type t ON t.typnamespace = n.oid AND t.typname = 'vector'
     WHERE e.extname = 'vector'`,
  )
  const found = rows[0]
  if (!found) return undefined
  const schema = quoteName(found.schema)
  return {
    oid: Number(found.oid),
    name: `${schema}.vector`,
    distance: `OPERATOR(${schema}.<=>)`,
    send: `${schema}.vector_send`,
    cosineOps: `${schema}.vector_cosine_ops`,
  }
}

/** The type, with the extension created where it is not yet: in `public`, or else in the schema of our tables. */
export async function ensureVectorType(executor: Executor, schema: string): Promise<VectorType> {
  const before = await findVectorType(executor)
  if (before) return before
  const { rows } = await executor.query(`SELECT 1 FROM pg_available_extensions WHERE name = 'vector'`)
  if (rows.length === 0) {
    throw new HeadwaterError(
      'HW_EXTENSION_MISSING',
      'The Postgres extension "vector" (pgvector) is not installed on this server: install its package there ' +
        '(postgresql-NN-pgvector), or keep vectors in Qdrant',
      { details: { extension: 'vector' } },
    )
  }
  try {
    // Where it goes is said, since the path of names says nothing: to the schema that everybody may use, if it is there.
    const { rows: found } = await executor.query(`SELECT FROM pg_namespace WHERE nspname = 'public'`)
    const place = quoteName(found.length > 0 ? 'public' : schema)
    await executor.query(`CREATE EXTENSION IF NOT EXISTS vector SCHEMA ${place}`)
  } catch (error) {
    if (sqlState(error) !== '42501') throw error
    throw new HeadwaterError(
      'HW_EXTENSION_MISSING',
      'This role may not create the Postgres extension "vector": run CREATE EXTENSION vector as the owner of the database',
      { cause: error, details: { extension: 'vector' } },
    )
  }
  const after = await findVectorType(executor)
  if (!after) throw new HeadwaterError('HW_INTERNAL', 'The extension "vector" was created but has no type vector')
  return after
}
