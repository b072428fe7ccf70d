import type { PostgresConnection } from '../../connections/postgres/connection'
import { quoteName } from '../../connections/postgres/row-security'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import { RowDigest } from './digest'
import type { BackupFiles } from './files'
import type { BackupTable } from './manifest'
import { linesOf } from './part-reader'
import { rowsOf } from './read-rows'
import { damaged } from './refusals'
import { prepareSnapshot } from './snapshot'

/** Bytes of lines that go in one statement. */
const batchBytes = 1024 * 1024
const batchRows = 2_000
/** Of one statement; indexes are kept meanwhile. */
const statementMs = 120_000

const worker = { worker: true } as const

/**
 * Writes the rows of a table into one of the same columns, some at a time, each batch by itself: a table that nobody
 * reads yet. HW_BACKUP_DAMAGED when they turn out not to be what was written.
 */
export async function loadTable(
  connection: PostgresConnection,
  schema: string,
  table: BackupTable,
  files: BackupFiles,
  call: CallOptions,
  loaded: (rows: number) => void,
): Promise<void> {
  const insert = rowInserter(connection, schema, table)
  const digest = new RowDigest()
  let lines: string[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    if (lines.length === 0) return
    throwIfAborted(call.signal)
    await insert(lines)
    loaded(lines.length)
    lines = []
    bytes = 0
  }
  for (const part of table.parts) {
    for await (const line of linesOf(files, part, call)) {
      digest.add(line)
      lines.push(line)
      bytes += Buffer.byteLength(line)
      if (bytes >= batchBytes || lines.length >= batchRows) await flush()
    }
  }
  await flush()
  if (digest.rows === table.rows && digest.digest === table.digest) return
  throw damaged(`${table.name}: its rows are not those of the manifest`, { table: table.name })
}

/** Writes lines into a table, all of them or none. */
export function rowInserter(
  connection: PostgresConnection,
  schema: string,
  table: Pick<BackupTable, 'name' | 'columns'>,
): (lines: readonly string[]) => Promise<void> {
  const text = insertSql(schema, table)
  const session = connection.session(worker)
  return async (lines) => {
    await session.query(text, [`[${lines.join(',')}]`], { timeoutMs: statementMs })
  }
}

/** What is in a table now, told as in the backup: rows and digest. `where` is SQL, for some of its rows. */
export function digestOf(
  connection: PostgresConnection,
  schema: string,
  { name, columns, key }: Pick<BackupTable, 'name' | 'columns' | 'key'>,
  call: CallOptions,
  where?: string,
): Promise<{ rows: number; digest: string }> {
  const source = { name, columns, key, source: `${quoteName(schema)}.${quoteName(name)}`, where }
  return connection.transaction(
    worker,
    async (executor) => {
      await prepareSnapshot(executor)
      const digest = new RowDigest()
      for await (const page of rowsOf(executor, source)) for (const { line } of page) digest.add(line)
      return { rows: digest.rows, digest: digest.digest }
    },
    { isolation: 'repeatable read', readOnly: true, signal: call.signal },
  )
}

/** Each value as its column's type reads it: numbers from their own digits, JSON as it stands. */
function insertSql(schema: string, { name, columns }: Pick<BackupTable, 'name' | 'columns'>): string {
  const target = `${quoteName(schema)}.${quoteName(name)}`
  const values = columns.map(({ name: column, type, required }) => {
    const key = `'${column.replaceAll("'", "''")}'`
    if (type === 'bytea') return `decode(e.line ->> ${key}, 'base64')`
    if (type === 'jsonb' || type === 'json') {
      const value = `(e.line -> ${key})::${type}`
      return required ? value : `CASE WHEN json_typeof(e.line -> ${key}) <> 'null' THEN ${value} END`
    }
    if (type.endsWith('[]')) return `r.${quoteName(column)}`
    return `(e.line ->> ${key})::${type}`
  })
  const arrays = columns.some(({ type }) => type.endsWith('[]'))
  const record = arrays ? ` CROSS JOIN LATERAL json_populate_record(NULL::${target}, e.line) AS r` : ''
  return `INSERT INTO ${target} (${columns.map((column) => quoteName(column.name)).join(', ')})
    OVERRIDING SYSTEM VALUE SELECT ${values.join(', ')} FROM json_array_elements($1::json) AS e (line)${record}`
}
