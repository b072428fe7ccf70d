import type { Executor, StatementResult } from '../../connections/postgres/executor'
import { quoteName } from '../../connections/postgres/row-security'
import { statementName } from '../../connections/postgres/statement'
import type { CallOptions } from '../../core/abort'
import type { SqlGuard } from './guards'

export interface PostgresRepositoryOptions {
  /** Schema of the tables; `headwater` by default. */
  readonly schema?: string | undefined
  /** @internal */
  readonly withoutGuard?: SqlGuard | undefined
}

/** SQL text, prepared on each connection where it has a name. */
export interface Statement {
  readonly text: string
  readonly name?: string | undefined
  readonly byKey?: true | undefined
}

/** Those whose texts are made anew for each call, of tables of indexes, are a few each. */
const mostNamed = 1_000
const named = new Map<string, Statement>()

/** A statement of the hot paths: planned once a connection. The name follows the text, so it can mean only one. */
export function prepared(text: string): Statement {
  const known = named.get(text)
  if (known) return known
  const made = { text, name: statementName(text) }
  if (named.size >= mostNamed) named.clear()
  named.set(text, made)
  return made
}

/**
 * As `prepared`, of a statement that looks for every row by a key of an index: by values, in a LATERAL step, or by ON
 * CONFLICT. A plan that is made once must not have a join to choose, which may lead through all that a tenant has.
 */
export function byKey(text: string): Statement {
  return { ...prepared(text), byKey: true }
}

export function run<R = Record<string, unknown>>(
  executor: Executor,
  statement: Statement,
  values: readonly unknown[] = [],
  call?: CallOptions,
): Promise<StatementResult<R>> {
  const { text, name, byKey } = statement
  return executor.query<R>(text, values, { signal: call?.signal, timeoutMs: call?.timeoutMs, name, byKey })
}

/** Where the tables are, and whether a guard is kept. */
export interface Dialect {
  /** The quoted name of a table or sequence of ours. */
  table(name: string): string
  /** `sql` unless that guard is removed, then `otherwise`. */
  guard(name: SqlGuard, sql: string, otherwise?: string): string
}

/** Statements of one kind, built once for each schema rather than once a session. */
export function statements<S>(build: (dialect: Dialect) => S): (options?: PostgresRepositoryOptions) => S {
  const built = new Map<string, S>()
  return ({ schema = 'headwater', withoutGuard }: PostgresRepositoryOptions = {}) => {
    const key = `${withoutGuard ?? ''}/${schema}`
    let found = built.get(key)
    if (found === undefined) {
      found = build({
        table: (name) => `${quoteName(schema)}.${quoteName(name)}`,
        guard: (name, sql, otherwise = '') => (name === withoutGuard ? otherwise : sql),
      })
      built.set(key, found)
    }
    return found
  }
}

/** Now by the database's clock, evaluated once a statement, so that an index can be searched by it. */
export const now = '(SELECT clock_timestamp())'

/** Now in epoch ms. */
export const nowMs = `(SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint)`
