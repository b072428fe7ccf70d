import type { PostgresClient, PostgresResult } from '../../../connections/postgres/client'
import { PostgresConnection } from '../../../connections/postgres/connection'
import type { PostgresOptions } from '../../../connections/postgres/options'
import { quoteName } from '../../../connections/postgres/row-security'
import { throwIfAborted } from '../../../core/abort'
import { HeadwaterError } from '../../../core/errors'
import { classifyPostgres } from '../../../resilience/classify-postgres'
import type { FieldMapping, ImportSource, SourceDistance, SourcePart } from '../source'
import { isShared, knownMapping } from './known-tables'

const pageSize = 500
/** The text of the id, as the database orders it. */
const cursorColumn = 'headwater_cursor'

export interface PostgresSourceOptions extends PostgresOptions {
  /** One SELECT, without a semicolon: its columns are the fields. */
  readonly sql?: string | undefined
  /** A table, `schema.name` or found by the login's search path; all its columns are the fields. */
  readonly table?: string | undefined
}

/** What is read of a part. */
interface Query {
  readonly name: string
  readonly text: string
  readonly fields?: FieldMapping | undefined
}

/**
 * A query, a table, or else every table that LangChain or LlamaIndex made. Rows are read through a cursor in one snapshot,
 * in the order of the id's text, which is the cursor of an import; nothing can be written.
 */
export function postgresSource({ sql, table, ...where }: PostgresSourceOptions): ImportSource {
  const source = new PostgresSource(where, { sql, table })
  return {
    kind: 'postgres',
    parts: ({ signal } = {}) => source.parts(signal),
    rows: (part, { after, key, signal }) =>
      source.rows(part, typeof after === 'string' ? after : undefined, key, signal),
    stamp: async () => '',
    close: () => source.close(),
  }
}

class PostgresSource {
  readonly #connection: PostgresConnection
  readonly #given: { readonly sql: string | undefined; readonly table: string | undefined }

  constructor(where: PostgresOptions, given: { sql: string | undefined; table: string | undefined }) {
    if (given.sql !== undefined && given.table !== undefined) {
      throw new HeadwaterError('HW_INVALID_OPTIONS', 'sql and table: give one of them', { path: 'sql' })
    }
    // Names of the user's are looked for where his login looks for them.
    this.#connection = new PostgresConnection({ max: 2, ...where, startupParameters: false, hints: false })
    this.#given = given
  }

  parts(signal?: AbortSignal): Promise<SourcePart[]> {
    return this.#reading(async (ask) => {
      const queries = await this.#queries(ask)
      const parts: SourcePart[] = []
      for (const { name, text, fields } of queries) {
        throwIfAborted(signal)
        const { rows } = await ask(`SELECT count(*) AS rows FROM (${text}) AS source`)
        parts.push({ name, rows: Number(rows[0]!['rows']), fields, distances: await distancesOf(ask, text, fields) })
      }
      return parts
    })
  }

  async *rows(part: string, after: string | undefined, key: string | undefined, signal?: AbortSignal) {
    const client = await this.#begin()
    const ask = asking(client)
    let failed: unknown
    try {
      const query = (await this.#queries(ask)).find(({ name }) => name === part)
      if (!query)
        throw new HeadwaterError('HW_NOT_FOUND', `postgres: there is no ${JSON.stringify(part)}`, { path: part })
      const id = key === undefined ? 'NULL' : `source.${quoteName(key)}::text COLLATE "C"`
      const above = key !== undefined && after !== undefined
      const ordered = key === undefined ? '' : `${above ? ` WHERE ${id} > $1` : ''} ORDER BY ${id}`
      const text = `SELECT source.*, ${id} AS ${cursorColumn} FROM (${query.text}) AS source${ordered}`
      await ask(`DECLARE import NO SCROLL CURSOR FOR ${text}`, above ? [after] : [])
      let last = after ?? null
      // One page ahead: the server reads while we work.
      for (let next = pageOf(ask); ; ) {
        throwIfAborted(signal)
        const { rows } = await next
        if (rows.length === 0) return
        next = pageOf(ask)
        for (const { [cursorColumn]: cursor, ...values } of rows) {
          last = typeof cursor === 'string' ? cursor : last
          yield { values, cursor: last }
        }
      }
    } catch (error) {
      failed = error
      throw error
    } finally {
      await end(client, failed)
    }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async #queries(ask: Ask): Promise<Query[]> {
    const { sql, table } = this.#given
    if (sql !== undefined) {
      const text = sql.replace(/;\s*$/, '')
      const { fields } = await ask(`SELECT * FROM (${text}) AS source LIMIT 0`)
      return [{ name: 'query', text, fields: knownMapping((fields ?? []).map(({ name }) => name)) }]
    }
    const { rows } = await ask(
      `SELECT n.nspname::text AS schema, c.relname::text AS name,
         array_agg(a.attname::text ORDER BY a.attnum)::text[] AS columns
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
         AND ($1::text IS NULL OR c.oid = to_regclass($1))
       GROUP BY n.nspname, c.relname ORDER BY n.nspname, c.relname`,
      [table ?? null],
    )
    const queries: Query[] = []
    for (const row of rows) {
      const { schema, name, columns } = row as unknown as { schema: string; name: string; columns: string[] }
      const fields = knownMapping(columns)
      if (table === undefined && !fields) continue
      const place = `${quoteName(schema)}.${quoteName(name)}`
      if (fields && isShared(columns)) queries.push(...(await collectionsIn(ask, schema, place, fields)))
      else
        queries.push({ name: schema === 'public' ? name : `${schema}.${name}`, text: `SELECT * FROM ${place}`, fields })
    }
    if (queries.length > 0) return queries
    const problem =
      table === undefined ? 'there is no table of LangChain or LlamaIndex; give sql or table' : `there is no ${table}`
    throw new HeadwaterError('HW_NOT_FOUND', `postgres: ${problem}`, { path: table === undefined ? 'sql' : 'table' })
  }

  async #reading<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    const client = await this.#begin()
    let failed: unknown
    try {
      return await work(asking(client))
    } catch (error) {
      failed = error
      throw error
    } finally {
      await end(client, failed)
    }
  }

  /** A connection in a snapshot that stays and that nothing can be written in. */
  async #begin(): Promise<PostgresClient> {
    const client = await this.#connection
      .pool()
      .then((pool) => pool.connect())
      .catch((error: unknown) => {
        throw classifyPostgres(error, 'postgres').error
      })
    client.on('error', quietly)
    try {
      const ask = asking(client)
      await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      await ask(`SET LOCAL idle_in_transaction_session_timeout = 0`)
      return client
    } catch (error) {
      client.release(true)
      throw error
    }
  }
}

type Ask = (text: string, values?: unknown[]) => Promise<PostgresResult>

function asking(client: PostgresClient): Ask {
  return async (text, values = []) => {
    try {
      return await client.query({ text, values })
    } catch (error) {
      throw classifyPostgres(error, 'postgres').error
    }
  }
}

/** The next page; whether it failed is told when it is waited for. */
function pageOf(ask: Ask): Promise<PostgresResult> {
  const page = ask(`FETCH ${pageSize} FROM import`)
  page.catch(() => undefined)
  return page
}

/** A lost connection is told by the next statement. */
const quietly = (): void => {}

async function end(client: PostgresClient, failed: unknown): Promise<void> {
  const ended = await client.query({ text: 'ROLLBACK' }).then(
    () => true,
    () => false,
  )
  client.removeListener('error', quietly)
  client.release(failed !== undefined || !ended)
}

/** A part for each of LangChain's collections. */
async function collectionsIn(ask: Ask, schema: string, place: string, fields: FieldMapping): Promise<Query[]> {
  const names = `${quoteName(schema)}.langchain_pg_collection`
  const { rows } = await ask(`SELECT uuid::text AS id, name::text AS name FROM ${names} ORDER BY name`)
  return rows.map(({ id, name }) => {
    if (!/^[0-9a-f-]{36}$/.test(String(id)))
      throw new HeadwaterError('HW_STORAGE', `postgres: ${names} has an id that is none`)
    return { name: String(name), text: `SELECT * FROM ${place} WHERE collection_id = '${String(id)}'`, fields }
  })
}

/** As an index on the vectors says; pgvector itself compares in any way. */
async function distancesOf(
  ask: Ask,
  text: string,
  fields: FieldMapping | undefined,
): Promise<Record<string, SourceDistance> | undefined> {
  const [, place] = /^SELECT \* FROM (\S+)/.exec(text) ?? []
  if (!fields?.vector || place === undefined) return undefined
  const { rows } = await ask(
    `SELECT o.opcname::text AS operators FROM pg_catalog.pg_index i
       JOIN pg_catalog.pg_opclass o ON o.oid = ANY (i.indclass) WHERE i.indrelid = to_regclass($1) AND o.opcname ~ '^(vector|halfvec)_'`,
    [place],
  )
  const [, operators] = /_(cosine|ip|l2|l1)_ops$/.exec(String(rows[0]?.['operators'] ?? '')) ?? []
  const known: Readonly<Record<string, SourceDistance>> = { cosine: 'cosine', ip: 'dot', l2: 'euclid', l1: 'manhattan' }
  const distance = operators === undefined ? undefined : known[operators]
  return distance && { [fields.vector]: distance }
}
