import { abortable, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { classifyPostgres } from '../../resilience/classify-postgres'
import type { Executor } from './executor'
import { normaliseRows } from './row-types'

/** pg's client, PGlite or a transaction of its, or an adapter of three lines around anything else. */
export interface QueryableTransaction {
  query(text: string, values?: unknown[]): Promise<unknown>
}

/** A Kysely transaction. */
export interface KyselyTransaction {
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

/** A drizzle transaction (node-postgres, PGlite): it asks what it is given for its SQL, so no import is needed. */
export interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>
}

export type CallerTransaction = QueryableTransaction | KyselyTransaction | DrizzleTransaction

/**
 * Statements inside the caller's own transaction. BEGIN, COMMIT and ROLLBACK stay the caller's, and so does the role;
 * an abort ends the wait, not the statement. Kysely does not say which columns are bigint, so there they arrive as the
 * caller's own parsers leave them (text, unless set otherwise).
 */
export function executorFrom(transaction: CallerTransaction): Executor {
  const run = runnerOf(transaction)
  return {
    async query(text, values = [], options = {}) {
      throwIfAborted(options.signal)
      let answer: unknown
      try {
        answer = await abortable(run(text, [...values]), options.signal)
      } catch (error) {
        throw classifyPostgres(error, "Postgres, in the caller's transaction").error
      }
      return readAnswer(answer)
    },
  }
}

function runnerOf(transaction: CallerTransaction): (text: string, values: unknown[]) => Promise<unknown> {
  if (has(transaction, 'executeQuery')) {
    return (sql, parameters) =>
      transaction.executeQuery({
        sql,
        parameters,
        query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
        queryId: { queryId: 'headwater' },
      })
  }
  if (has(transaction, 'execute')) {
    return async (sql, params) => {
      const query = { getSQL: () => query, toQuery: () => ({ sql, params }) }
      return transaction.execute(query as never)
    }
  }
  if (has(transaction, 'query')) return (text, values) => transaction.query(text, values)
  throw new HeadwaterError(
    'HW_INVALID_ARGUMENT',
    'using(transaction): expected a pg client, a Kysely or drizzle transaction, or { query(text, values) }',
    { path: 'transaction' },
  )
}

function has<K extends string>(value: unknown, method: K): value is Extract<CallerTransaction, Record<K, unknown>> {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function'
}

/** Rows and their number from what each driver answers. */
function readAnswer<R>(answer: unknown): { rows: R[]; rowCount: number } {
  if (Array.isArray(answer)) return { rows: answer as R[], rowCount: numberOf(answer, 'count') ?? answer.length }
  if (typeof answer !== 'object' || answer === null) return { rows: [], rowCount: 0 }
  const rows: unknown = Reflect.get(answer, 'rows')
  const list = Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
  const rowCount =
    numberOf(answer, 'rowCount') ?? numberOf(answer, 'numAffectedRows') ?? affected(answer, list) ?? list.length
  return { rows: normaliseRows(list, Reflect.get(answer, 'fields')) as R[], rowCount }
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
