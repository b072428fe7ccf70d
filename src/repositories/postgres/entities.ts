import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { asHeadwaterError, type HeadwaterError } from '../../core/errors'
import type { Json } from '../../core/json'
import type { ParsedFilter } from '../../filter/parsed'
import type { Deletion, EntityQuery, EntityRowRepository, EntityScope, EntityWrite, Upserted } from '../entities'
import { type AggregatedRow, type EntityAggregation, tooLarge } from '../entity-aggregates'
import {
  type ColumnKind,
  columnOf,
  type EntityColumn,
  type EntityRecord,
  type EntityReference,
  type EntityTable,
} from '../entity-table'
import { missingError, referredError, takenError } from '../taken-values'
import { entityStatements } from './entity-sql'
import { indexNameOf, livingKeyOf, primaryKeyOf, referenceNameOf, tableNameOf } from './entity-tables'
import { type PostgresRepositoryOptions, run } from './statements'

type Row = Record<string, unknown>

const uniqueViolation = '23505'
const foreignKeyViolation = '23503'
const outOfRange = '22003'

/** Rows of declared entities in Postgres: one statement a call. */
export class PostgresEntityRowRepository implements EntityRowRepository {
  readonly #executor: Executor
  readonly #options: PostgresRepositoryOptions | undefined

  constructor(executor: Executor, options?: PostgresRepositoryOptions) {
    this.#executor = executor
    this.#options = options
  }

  async get({ table, tenant }: EntityScope, key: string | number, call?: CallOptions): Promise<EntityRecord | null> {
    const { rows } = await run<Row>(this.#executor, this.#sql(table).get, [tenant, key], call)
    return rows[0] ? recordOf(table.columns, rows[0]) : null
  }

  async getMany(
    { table, tenant }: EntityScope,
    keys: readonly (string | number)[],
    call?: CallOptions,
  ): Promise<EntityRecord[]> {
    if (keys.length === 0) return []
    const { rows } = await run<Row>(this.#executor, this.#sql(table).getMany, [tenant, [...new Set(keys)]], call)
    return rows.map((row) => recordOf(table.columns, row))
  }

  async insert(
    { table, tenant }: EntityScope,
    records: readonly EntityRecord[],
    { marker }: EntityWrite = {},
    call?: CallOptions,
  ): Promise<{ readonly inserted: number }> {
    const columns = table.columns.map((column) => records.map((record) => parameter(column, record)))
    const values = [tenant, marker ?? null, ...columns]
    const [row] = await this.#changing<{ done: unknown }>(table, () =>
      run(this.#executor, this.#sql(table).insert, values, call),
    )
    return { inserted: Number(row!.done) }
  }

  async upsert(
    { table, tenant }: EntityScope,
    record: EntityRecord,
    on: readonly string[],
    { marker }: EntityWrite = {},
    call?: CallOptions,
  ): Promise<Upserted> {
    const values = [tenant, marker ?? null, ...table.columns.map((column) => parameter(column, record))]
    const [row] = await this.#changing<{ key: unknown; version: unknown; created: string }>(table, () =>
      run(this.#executor, this.#sql(table).upsert(on), values, call),
    )
    return {
      key: keyOf(table, row!.key),
      version: Number(row!.version),
      createdAt: row!.created,
    }
  }

  async replace(
    { table, tenant }: EntityScope,
    record: EntityRecord,
    was: number,
    { marker }: EntityWrite = {},
    call?: CallOptions,
  ): Promise<{ readonly replaced: boolean }> {
    const changed = table.columns.filter(({ name }) => name !== table.key && name !== 'createdAt')
    const values = [
      tenant,
      marker ?? null,
      record[table.key],
      was,
      ...changed.map((column) => parameter(column, record)),
    ]
    return { replaced: await this.#done(table, () => run(this.#executor, this.#sql(table).replace, values, call)) }
  }

  async delete(
    { table, tenant }: EntityScope,
    key: string | number,
    { at, ifVersion, marker }: Parameters<EntityRowRepository['delete']>[2],
    call?: CallOptions,
  ): Promise<Deletion> {
    const values = [tenant, marker ?? null, key, ifVersion ?? null, ...(table.softDelete ? [at] : [])]
    const write = () => run<Row>(this.#executor, this.#sql(table).delete, values, call)
    const rows = await this.#changing<{ version: unknown; deleted: boolean }>(table, write, true)
    return rows[0] ? { version: Number(rows[0].version), deleted: rows[0].deleted } : { version: null, deleted: false }
  }

  async restore(
    { table, tenant }: EntityScope,
    key: string | number,
    { at, marker }: EntityWrite & { readonly at: string },
    call?: CallOptions,
  ): Promise<{ readonly restored: boolean }> {
    const values = [tenant, marker ?? null, key, at]
    return { restored: await this.#done(table, () => run(this.#executor, this.#sql(table).restore, values, call)) }
  }

  async list({ table, tenant }: EntityScope, query: EntityQuery, call?: CallOptions): Promise<EntityRecord[]> {
    const values: unknown[] = [tenant]
    const statement = this.#sql(table).list(query, values)
    const { rows } = await run<Row>(this.#executor, statement, values, call)
    const columns = query.select.map((name) => columnOf(table, name))
    return rows.map((row) => recordOf(columns, row))
  }

  async count({ table, tenant }: EntityScope, filter?: ParsedFilter, call?: CallOptions): Promise<number> {
    const values: unknown[] = [tenant]
    const statement = this.#sql(table).count(filter, values)
    const { rows } = await run<{ count: unknown }>(this.#executor, statement, values, call)
    return Number(rows[0]!.count)
  }

  async aggregate(
    { table, tenant }: EntityScope,
    aggregation: EntityAggregation,
    call?: CallOptions,
  ): Promise<AggregatedRow[]> {
    const values: unknown[] = [tenant]
    const statement = this.#sql(table).aggregate(aggregation, values)
    const { rows } = await run<Row>(this.#executor, statement, values, call).catch((cause: unknown) => {
      throw asHeadwaterError(cause).details?.['sqlState'] === outOfRange ? tooLarge(cause) : cause
    })
    const kindOf = (column: string | undefined, measure?: string): ColumnKind => {
      const kind = column === undefined ? 'integer' : columnOf(table, column).kind
      return measure === 'sum' || measure === 'avg' ? 'number' : kind
    }
    return rows.map((row) => ({
      groups: aggregation.groups.map(({ column }, at) => shown(kindOf(column), row[`g${at}`] as Json) as string | null),
      values: aggregation.values.map(({ column, measure }, at) => {
        return shown(kindOf(column, measure), row[`v${at}`] as Json) as string | null
      }),
    }))
  }

  async referring(
    { table, tenant }: EntityScope,
    column: string,
    keys: readonly (string | number)[],
    limit: number,
    call?: CallOptions,
  ): Promise<(string | number)[]> {
    const statement = this.#sql(table).referring(column)
    const { rows } = await run<{ key: unknown }>(this.#executor, statement, [tenant, keys, limit], call)
    return rows.map(({ key }) => keyOf(table, key))
  }

  async detach(
    { table, tenant }: EntityScope,
    column: string,
    keys: readonly (string | number)[],
    at: string,
    call?: CallOptions,
  ): Promise<{ readonly detached: number }> {
    const statement = this.#sql(table).detach(column)
    const rows = await this.#changing(table, () => run(this.#executor, statement, [tenant, keys, at], call))
    return { detached: rows.length }
  }

  async deleteMany(
    { table, tenant }: EntityScope,
    keys: readonly (string | number)[],
    at: string,
    call?: CallOptions,
  ): Promise<{ readonly deleted: number }> {
    const values = [tenant, keys, ...(table.softDelete ? [at] : [])]
    const write = () => run<Row>(this.#executor, this.#sql(table).deleteMany, values, call)
    const rows = await this.#changing(table, write, true)
    return { deleted: rows.length }
  }

  async #done(table: EntityTable, write: () => Promise<{ rows: Row[] }>): Promise<boolean> {
    const [row] = await this.#changing(table, write)
    return Number(row!['done']) > 0
  }

  /** What the server says of a value that is there already names the value: the columns are what a caller may know. */
  async #changing<R = Row>(table: EntityTable, write: () => Promise<{ rows: Row[] }>, deleting = false): Promise<R[]> {
    try {
      return (await write()).rows as R[]
    } catch (cause) {
      const { details } = asHeadwaterError(cause)
      if (details?.['sqlState'] === foreignKeyViolation) throw referenceError(table, details, deleting) ?? cause
      if (details?.['sqlState'] !== uniqueViolation || details['table'] !== tableNameOf(table)) throw cause
      const { constraint } = details
      const index = table.indexes.find((one) => indexNameOf(table, one) === constraint)
      throw takenError(table, index?.columns ?? (keysOf(table).includes(String(constraint)) ? [table.key] : []))
    }
  }

  #sql(table: EntityTable) {
    return entityStatements(table, this.#options)
  }
}

function keysOf(table: EntityTable): string[] {
  return [primaryKeyOf(table), livingKeyOf(table)]
}

function keyOf(table: EntityTable, key: unknown): string | number {
  return columnOf(table, table.key).kind === 'integer' ? Number(key) : String(key)
}

/** The server names the constraint and the table that refers, which of a row that is deleted is another's. */
function referenceError(
  table: EntityTable,
  { constraint, table: at }: Record<string, unknown>,
  deleting: boolean,
): HeadwaterError | undefined {
  const isIt = (one: EntityTable, reference: EntityReference): boolean =>
    tableNameOf(one) === at && referenceNameOf(one, reference) === constraint
  const by = deleting ? table.referrers?.find((one) => isIt(one.table, one.reference)) : undefined
  if (by) return referredError(table, by)
  const own = table.references?.find((one) => isIt(table, one))
  return own && missingError(table, own)
}

function parameter({ name, kind }: EntityColumn, record: EntityRecord): Json {
  const value = record[name] ?? null
  return kind === 'json' && value !== null ? JSON.stringify(value) : value
}

/** As pg gives it; a caller's own driver may leave numbers as text. */
function recordOf(columns: readonly EntityColumn[], row: Row): EntityRecord {
  const record: Record<string, Json> = {}
  for (const { name, kind } of columns) record[name] = shown(kind, row[name] as Json)
  return record
}

function shown(kind: ColumnKind, value: Json): Json {
  if (value === null) return null
  switch (kind) {
    case 'integer':
    case 'number':
      return Number(value)
    case 'datetime':
      return isoOf(Math.round(Number(value) * 1_000))
    case 'date':
      return isoOf(Number(value) * 86_400_000)?.slice(0, 10) ?? null
    default:
      return value
  }
}

/** None of what a statement of others has written and no Date can be, such as infinity. */
function isoOf(ms: number): string | null {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null
}
