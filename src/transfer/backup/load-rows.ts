import type { PostgresConnection } from '../../connections/postgres/connection'
import { quoteName } from '../../connections/postgres/row-security'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import { RowDigest } from './digest'
import type { BackupFiles } from './files'
import type { BackupPart, BackupTable } from './manifest'
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
  const rows = new RowBatches(rowInserter(connection, schema, table), call, loaded)
  const digest = new RowDigest()
  for (const part of table.parts) {
    for await (const line of linesOf(files, part, call)) {
      digest.add(line)
      await rows.add(line)
    }
  }
  await rows.flush()
  if (digest.rows === table.rows && digest.digest === table.digest) return
  throw damaged(`${table.name}: its rows are not those of the manifest`, { table: table.name })
}

/** As `loadTable`, some of the rows of these parts. What the whole table comes to is not compared. */
export async function loadSome(
  connection: PostgresConnection,
  schema: string,
  { table, parts, takes }: { table: BackupTable; parts: readonly BackupPart[]; takes: (line: string) => boolean },
  files: BackupFiles,
  call: CallOptions,
): Promise<void> {
  const rows = new RowBatches(rowInserter(connection, schema, table), call)
  for (const part of parts) for await (const line of linesOf(files, part, call)) if (takes(line)) await rows.add(line)
  await rows.flush()
}

/** Lines that go in one statement, bounded in number and bytes. */
class RowBatches {
  readonly #insert: (lines: readonly string[]) => Promise<void>
  readonly #call: CallOptions
  readonly #inserted: (rows: number) => void
  #lines: string[] = []
  #bytes = 0

  constructor(
    insert: (lines: readonly string[]) => Promise<void>,
    call: CallOptions,
    inserted: (rows: number) => void = () => undefined,
  ) {
    this.#insert = insert
    this.#call = call
    this.#inserted = inserted
  }

  async add(line: string): Promise<void> {
    this.#lines.push(line)
    this.#bytes += Buffer.byteLength(line)
    if (this.#bytes >= batchBytes || this.#lines.length >= batchRows) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return
    throwIfAborted(this.#call.signal)
    await this.#insert(this.#lines)
    this.#inserted(this.#lines.length)
    this.#lines = []
    this.#bytes = 0
  }
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
