import type { Signal } from '../../core/abort'
import type { Clock } from '../../core/clock'
import type { HeadwaterError } from '../../core/errors'
import type { Policy } from '../../resilience/policy'
import type { PostgresQuery, PostgresResult } from './client'
import type { StatementResult } from './executor'
import type { Lease } from './lease'
import type { ResolvedPostgresOptions } from './options'
import type { RowSecurity } from './statement'

/** What sessions and transactions need of their connection. */
export interface ConnectionCore {
  readonly options: ResolvedPostgresOptions
  readonly security: RowSecurity
  readonly clock: Clock
  /** Whether sessions look for names where they should; otherwise each transaction says so. */
  readonly pinned: boolean
  /** Runs a call, which `close` then waits for; HW_CLOSED after it. */
  call<T>(work: (policy: Policy) => Promise<T>): Promise<T>
  /** A sound connection, or HW_UNAVAILABLE, HW_OVERLOADED and the like with `details.phase` 'connect'. */
  lease(signal: Signal): Promise<Lease>
  statement(text: string, values: readonly unknown[] | undefined, name: string | undefined): PostgresQuery
  /** Rows in the types that `Executor` promises. */
  result<R>(result: PostgresResult): StatementResult<R>
  /** Adds to a timeout in the queue what it was that was waited for. */
  explain(error: unknown): unknown
  /** A connection was lost in the middle of a transaction. */
  lost(error: HeadwaterError): void
}
