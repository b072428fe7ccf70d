import type { PostgresConnection } from '../../connections/postgres/connection'
import { quoteName } from '../../connections/postgres/row-security'
import { HeadwaterError } from '../../core/errors'
import { ownRelations } from '../../migrations/own-tables'
import { readStatus } from '../../migrations/status'
import { prepareSnapshot } from './snapshot'

const worker = { worker: true } as const

/** What is where a backup is to be restored, and would be lost. */
export interface RestoreTarget {
  /** Name of the database; null for an embedded one. */
  readonly database: string | null
  readonly schema: string
  /** Tables of headwater are there. */
  readonly made: boolean
  readonly documents: number
  readonly tenants: number
  /** Rows of entities. */
  readonly rows: number
  /** When a document was last written, ISO 8601. */
  readonly writtenAt: string | null
  readonly epoch: number
  readonly installation: string | null
  /** Indexes in engines beside Postgres. */
  readonly engineIndexes: number
}

/** Looks at all rows, whichever policies there are for tenants. */
export async function lookAtTarget(connection: PostgresConnection, schema: string): Promise<RestoreTarget> {
  await connection.askPath()
  const status = await readStatus(await connection.pool(), schema)
  const made = status.applied.length > 0
  return connection.transaction(
    worker,
    async (executor) => {
      await prepareSnapshot(executor)
      const table = (name: string): string => `${quoteName(schema)}.${quoteName(name)}`
      const named = await executor.query<{ name: string }>('SELECT current_database()::text AS name')
      const database = connection.embedded ? null : named.rows[0]!.name
      const nothing = { documents: 0, tenants: 0, rows: 0, writtenAt: null, epoch: 0, installation: null }
      if (!made) return { database, schema, made, ...nothing, engineIndexes: 0 }
      type Found = Record<'documents' | 'tenants' | 'epoch', number | string> & {
        writtenAt: string | null
        installation: string | null
      }
      const { rows } = await executor.query<Found>(
        `SELECT count(*) FILTER (WHERE deleted_at IS NULL) AS documents, count(DISTINCT tenant) AS tenants,
           to_char(to_timestamp(max(updated_at) / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "writtenAt",
           (SELECT value #>> '{}' FROM ${table('registry')} WHERE name = 'epoch') AS epoch,
           (SELECT value #>> '{}' FROM ${table('registry')} WHERE name = 'installation') AS installation
         FROM ${table('documents')}`,
        [],
        { timeoutMs: 120_000 },
      )
      const entities = await executor.query<{ name: string }>(
        `SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind = 'r' AND starts_with(obj_description(c.oid, 'pg_class'), 'headwater entity ')`,
        [schema],
      )
      let entityRows = 0
      for (const { name } of entities.rows) {
        const counted = await executor.query<{ rows: number | string }>(`SELECT count(*) AS rows FROM ${table(name)}`)
        entityRows += Number(counted.rows[0]!.rows)
      }
      const { documents, tenants, writtenAt, epoch, installation } = rows[0]!
      const engines = status.applied.some(({ name }) => name === '0010_generation_engines')
        ? await executor.query<{ count: number | string }>(
            `SELECT count(*) AS count FROM ${table('generations')} WHERE state <> 'dropped' AND engine <> 'postgres'`,
          )
        : undefined
      return {
        ...{ database, schema, made, writtenAt, installation, rows: entityRows },
        documents: Number(documents),
        tenants: Number(tenants),
        epoch: Number(epoch),
        engineIndexes: Number(engines?.rows[0]?.count ?? 0),
      }
    },
    { readOnly: true },
  )
}

/** What a caller must say to lose it: the name of the database, or `force` where there is none. HW_RESTORE_REFUSED. */
export function assertMayReplace(
  target: RestoreTarget,
  { confirm, force }: { readonly confirm?: string | undefined; readonly force?: boolean | undefined },
): void {
  const { database, schema, documents, tenants, rows, writtenAt } = target
  if (database !== null && confirm !== undefined && confirm !== database) {
    const message = `confirm: the database is ${database}, not ${JSON.stringify(confirm)}`
    throw new HeadwaterError('HW_RESTORE_REFUSED', message, { path: 'confirm' })
  }
  if (documents + rows === 0) return
  if (database === null ? force === true : confirm === database) return
  const how =
    database === null ? '--force (force: true)' : `--confirm ${database} (confirm: ${JSON.stringify(database)})`
  throw new HeadwaterError(
    'HW_RESTORE_REFUSED',
    `schema "${schema}" holds ${documents} documents of ${tenants} tenants and ${rows} rows of entities, last written ` +
      `${writtenAt ?? 'never'}, which would be lost; to lose them give ${how}`,
    { path: database === null ? 'force' : 'confirm', details: { ...target } },
  )
}

/**
 * Tables are exchanged, so that nothing but rows may hang on them. HW_RESTORE_REFUSED for a view or a foreign key of
 * others, before anything is done.
 */
export async function assertNothingRefers(connection: PostgresConnection, schema: string): Promise<void> {
  const session = connection.session(worker)
  const own = (await ownRelations(session, schema)).filter(({ kind }) => kind !== 'sequence').map(({ name }) => name)
  const { rows } = await session.query<{ name: string }>(
    `WITH own AS (
       SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = ANY($2::text[]))
     SELECT r.ev_class::regclass::text AS name FROM pg_depend d
       JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
     WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM own)
     UNION
     SELECT k.conrelid::regclass::text FROM pg_constraint k
     WHERE k.contype = 'f' AND k.confrelid IN (SELECT oid FROM own) AND k.conrelid NOT IN (SELECT oid FROM own)
     ORDER BY 1`,
    [schema, own],
  )
  if (rows.length === 0) return
  const names = rows.map(({ name }) => name)
  throw new HeadwaterError(
    'HW_RESTORE_REFUSED',
    `${names.join(', ')} refer to tables of headwater, which a restore exchanges: drop them first, and make them again`,
    { details: { names } },
  )
}
