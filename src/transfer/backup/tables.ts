import type { Executor } from '../../connections/postgres/executor'
import { quoteName } from '../../connections/postgres/row-security'
import { HeadwaterError } from '../../core/errors'
import { migrationLockTable, migrationTable, userMigrationTable } from '../../migrations/catalogue'
import { ownRelations } from '../../migrations/own-tables'

/** A column, as it stands in the manifest. */
export interface BackupColumn {
  readonly name: string
  /** In Postgres' own spelling. */
  readonly type: string
  readonly required: boolean
}

/** Rows that go into a backup: a table of ours, or what `source` selects. */
export interface TableSource {
  readonly name: string
  readonly columns: readonly BackupColumn[]
  /** Columns by which its rows are ordered, each of them once. */
  readonly key: readonly string[]
  /** SQL to select from, quoted. */
  readonly source: string
  /** Condition on the rows that are taken, where some stay out. */
  readonly where?: string | undefined
}

/** A table that no migration of ours makes: what it takes to make it again. */
export interface TableDefinition {
  readonly comment: string | null
  /** SQL of each column, in order. */
  readonly columns: readonly { readonly name: string; readonly sql: string }[]
  readonly constraints: readonly { readonly name: string; readonly sql: string }[]
  /** Of `CREATE INDEX`, from USING on. */
  readonly indexes: readonly { readonly name: string; readonly unique: boolean; readonly sql: string }[]
}

/** What stays out, and why. */
export const leftOut: Readonly<Record<string, string>> = {
  claims: 'jobs while they are applied; a restore builds every index anew',
  embedding_reservations: 'who is embedding a text at the moment',
  workers: 'when each worker was last seen',
  blob_removals: 'blobs that are being deleted at the moment',
  generations: 'the indexes that there are; the manifest says how each was made',
  [migrationTable]: 'the manifest has the level of the schema',
  [migrationLockTable]: 'a lock',
  migration_levels: 'made by the migrations',
}

/** Records of this very database, of its indexes and of what is at work: not of its data. */
const volatileRecords = `name <> ALL (ARRAY['database', 'retired', 'index-watch', 'audit-horizon']) AND name !~ '^(index|backup):'`

/** Blobs that the documents of the snapshot own, one row each. */
export function blobSource(schema: string): TableSource {
  const documents = `${quoteName(schema)}.documents`
  return {
    name: 'blobs',
    key: ['tenant', 'key'],
    columns: [
      { name: 'tenant', type: 'text', required: true },
      { name: 'key', type: 'text', required: true },
      { name: 'size', type: 'bigint', required: true },
      { name: 'type', type: 'text', required: true },
    ],
    source: `(SELECT tenant, blob_key AS key, max(blob_size) AS size, max(blob_type) AS type
      FROM ${documents} WHERE blob_key IS NOT NULL GROUP BY tenant, blob_key)`,
  }
}

interface FoundTable {
  readonly name: string
  readonly columns: readonly BackupColumn[]
  readonly key: readonly string[]
}

/** The tables of ours with rows that nothing else could make again, in the order in which they are restored. */
export async function tableSources(executor: Executor, schema: string): Promise<TableSource[]> {
  const own = await ownRelations(executor, schema)
  const names = own.filter(({ name, kind }) => (kind === 'truth' && !leftOut[name]) || kind === 'entity').map(nameOf)
  const { rows } = await executor.query<FoundTable>(tablesSql, [schema, names])
  return rows.map(({ name, columns: found, key }) => {
    // Numbers of this server's transactions mean nothing to another.
    const columns = name === 'audit' ? found.filter((column) => column.name !== 'xid') : found
    if (key.length === 0) throw new HeadwaterError('HW_INTERNAL', `${name} has no primary key to be read by`)
    const source = `${quoteName(schema)}.${quoteName(name)}`
    return { name, columns, key, source, ...(name === 'registry' && { where: volatileRecords }) }
  })
}

/** Definitions of entities' tables and of the record of users' migrations, by name. */
export async function tableDefinitions(executor: Executor, schema: string): Promise<Map<string, TableDefinition>> {
  const own = await ownRelations(executor, schema)
  const names = own.filter(({ name, kind }) => kind === 'entity' || name === userMigrationTable).map(nameOf)
  if (names.length === 0) return new Map()
  const { rows } = await executor.query<TableDefinition & { name: string }>(definitionsSql, [schema, names])
  return new Map(rows.map(({ name, ...definition }) => [name, definition]))
}

function nameOf({ name }: { readonly name: string }): string {
  return name
}

const tablesSql = `SELECT c.relname::text AS name,
    (SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
        'required', a.attnotnull) ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
    coalesce((SELECT jsonb_agg(a.attname ORDER BY k.at)
      FROM pg_index x CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k (attnum, at)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
      WHERE x.indrelid = c.oid AND x.indisprimary), '[]') AS key
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = ANY($2::text[]) AND c.relkind = 'r' ORDER BY c.relname COLLATE "C"`

const definitionsSql = `SELECT c.relname::text AS name, obj_description(c.oid, 'pg_class') AS comment,
    (SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'sql', concat_ws(' ', format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || quote_ident(l.collname) END,
        CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        CASE a.attgenerated WHEN 's' THEN 'GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') STORED'
          ELSE 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END)) ORDER BY a.attnum)
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    coalesce((SELECT jsonb_agg(jsonb_build_object('name', k.conname, 'sql', pg_get_constraintdef(k.oid)) ORDER BY k.contype DESC, k.conname)
      FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'c', 'x')), '[]') AS constraints,
    coalesce((SELECT jsonb_agg(jsonb_build_object('name', i.relname, 'unique', x.indisunique,
        'sql', regexp_replace(pg_get_indexdef(i.oid), '^.*? USING ', 'USING ')) ORDER BY i.relname)
      FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
      WHERE x.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid)), '[]') AS indexes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = ANY($2::text[])`
