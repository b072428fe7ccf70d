import { abortable, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { classifyPostgres } from '../../resilience/classify-postgres'
import type { PostgresQuery } from './client'
import type { StatementOptions, StatementResult } from './executor'
import { normaliseRows, typeParsers } from './row-types'

/**
 * pg's client after BEGIN, a transaction of PGlite's, or an adapter of three lines around anything else. A pool is none:
 * it sends each statement on a connection of its own choice.
 */
export interface QueryableTransaction {
  query(text: string, values?: unknown[]): Promise<unknown>
  readonly totalCount?: never
}

/** A Kysely transaction, controlled ones too; `Kysely` itself says that it is none. */
export interface KyselyTransaction {
  readonly isTransaction: true
  withoutPlugins?(): Pick<KyselyTransaction, 'executeQuery'>
  executeQuery(query: {
    readonly sql: string
    readonly parameters: readonly unknown[]
    readonly query: {
      readonly kind: 'RawNode'
      readonly sqlFragments: readonly string[]
      readonly parameters: readonly never[]
    }
    readonly queryId: { readonly queryId: string }
  }): Promise<unknown>
}

/**
 * A drizzle transaction (node-postgres, PGlite), which its database handle is not. It asks what it is given for its SQL,
 * so no import is needed.
 */
export interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>
  rollback(): never
}

/** An open transaction of your own. That it is open is asked of the database, before anything is written. */
export type CallerTransaction = QueryableTransaction | KyselyTransaction | DrizzleTransaction

export interface ForeignExecutor {
  /** Statements sent without waiting go one after another, with nothing of others in between. */
  readonly queues: boolean
  query<R>(text: string, values?: readonly unknown[], options?: StatementOptions): Promise<ForeignResult<R>>
}

export interface ForeignResult<R> extends StatementResult<R> {
  /** False where the driver did not say how many rows there were: `rowCount` is what came back. */
  readonly counted: boolean
}

/**
 * Statements inside the caller's own transaction. BEGIN, COMMIT and ROLLBACK stay the caller's, and so does the role;
 * an abort ends the wait, not the statement. Kysely does not say which columns are bigint, so there they arrive as the
 * caller's own parsers leave them (text, unless set otherwise).
 */
export function executorFrom(transaction: CallerTransaction): ForeignExecutor {
  const { run, queues, counts = false } = runnerOf(transaction)
  return {
    queues,
    async query<R>(text: string, values: readonly unknown[] = [], options: StatementOptions = {}) {
      throwIfAborted(options.signal)
      let answer: unknown
      try {
        answer = await abortable(run(text, [...values]), options.signal)
      } catch (error) {
        throw classifyPostgres(error, "Postgres, in the caller's transaction").error
      }
      const result = readAnswer<R>(answer)
      return counts ? { ...result, counted: true } : result
    },
  }
}

interface Runner {
  readonly run: (text: string, values: unknown[]) => Promise<unknown>
  readonly queues: boolean
  /** It says how many rows were changed, and of others nothing. */
  readonly counts?: boolean
}

function runnerOf(transaction: CallerTransaction): Runner {
  if (has(transaction, 'executeQuery')) {
    if (transaction.isTransaction === (false as boolean)) throw notOne('Kysely outside of transaction()')
    // Plugins of the user's, such as CamelCasePlugin, would rename our columns.
    const plain = transaction.withoutPlugins?.() ?? transaction
    const run: Runner['run'] = (sql, parameters) =>
      plain.executeQuery({
        sql,
        parameters,
        query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
        queryId: { queryId: 'headwater' },
      })
    return { run, queues: true, counts: true }
  }
  if (has(transaction, 'execute')) {
    if (!has(transaction, 'rollback')) throw notOne('a drizzle database outside of transaction()')
    const run: Runner['run'] = async (sql, params) => {
      const query = { getSQL: () => query, toQuery: () => ({ sql, params }) }
      return transaction.execute(query as never)
    }
    return { run, queues: false }
  }
  if (has(transaction, 'query')) {
    if (typeof Reflect.get(transaction, 'totalCount') === 'number') throw notOne('a pool')
    // A client of pg takes parsers with the statement: those of the application, set for all, must not reach ours.
    if (typeof Reflect.get(transaction, 'setTypeParser') === 'function') {
      const query: unknown = Reflect.get(transaction, 'query')
      const ask = query as (config: PostgresQuery) => Promise<unknown>
      return {
        run: async (text, values) => ask.call(transaction, { text, values, types: await typeParsers() }),
        queues: false,
      }
    }
    return { run: (text, values) => transaction.query(text, values), queues: false }
  }
  throw notOne('none of these')
}

function notOne(what: string): HeadwaterError {
  return new HeadwaterError(
    'HW_INVALID_ARGUMENT',
    `using(transaction): expected a pg client, a Kysely or drizzle transaction, or { query(text, values) }, got ${what}`,
    { path: 'transaction' },
  )
}

function has<K extends string>(value: unknown, method: K): value is Extract<CallerTransaction, Record<K, unknown>> {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function'
}

/** Rows and their number from what each driver answers. */
function readAnswer<R>(answer: unknown): ForeignResult<R> {
  // TypeORM's manager answers so to a statement that changes rows.
  if (Array.isArray(answer) && answer.length === 2 && Array.isArray(answer[0]) && typeof answer[1] === 'number') {
    return { rows: answer[0] as R[], rowCount: answer[1], counted: true }
  }
  if (Array.isArray(answer)) {
    const count = numberOf(answer, 'count')
    return { rows: answer as R[], rowCount: count ?? answer.length, counted: count !== undefined }
  }
  if (typeof answer !== 'object' || answer === null) return { rows: [], rowCount: 0, counted: false }
  const rows: unknown = Reflect.get(answer, 'rows')
  const list = Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
  const count = numberOf(answer, 'rowCount') ?? numberOf(answer, 'numAffectedRows') ?? affected(answer, list)
  return {
    rows: normaliseRows(list, Reflect.get(answer, 'fields')) as R[],
    rowCount: count ?? list.length,
    counted: count !== undefined,
  }
}

/** PGlite counts changed rows only, and says 0 of a SELECT. */
function affected(answer: object, rows: unknown[]): number | undefined {
  const count = numberOf(answer, 'affectedRows')
  return count === 0 && rows.length > 0 ? rows.length : count
}

function numberOf(value: object, key: string): number | undefined {
  const number: unknown = Reflect.get(value, key)
  return typeof number === 'number' || typeof number === 'bigint' ? Number(number) : undefined
}
