import type { CallOptions } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import type { CorePorts } from '../../core/core-ports'
import { withDeadline } from '../../core/deadline'
import { asHeadwaterError, HeadwaterError, isHeadwaterError } from '../../core/errors'
import { Lazy } from '../../core/lifecycle'
import { type Random, systemRandom } from '../../core/random'
import type { BreakerState, Outcome } from '../../resilience/breaker'
import { judgeOutcome, Policy } from '../../resilience/policy'
import type { PostgresPool, PostgresQuery, PostgresResult } from './client'
import type { ConnectionCore } from './core'
import type { Executor, Identity, Session, StatementResult, Together } from './executor'
import { PostgresHints } from './hints'
import { Lessor, type PoolStats } from './lessor'
import { type PostgresOptions, type ResolvedPostgresOptions, resolvePostgresOptions } from './options'
import { describeTarget } from './pool'
import { normaliseRows } from './row-types'
import { SessionExecutor } from './session'
import { pinnedPath, type RowSecurity } from './statement'
import { runTransaction, type TransactionOptions } from './transaction'

export interface PostgresHealth {
  readonly status: 'up' | 'down'
  /** Where it is, without user and password. */
  readonly target: string
  readonly latencyMs: number
  readonly serverVersion: string | undefined
  /** It refuses writes: a standby, or told so. Undefined while it does not answer. */
  readonly readOnly: boolean | undefined
  readonly pool: PoolStats
  readonly breaker: BreakerState
  readonly error: HeadwaterError | undefined
}

const healthTimeoutMs = 5_000
/** A server that has not let us in by then counts as not there, ms. */
const connectingTooLongMs = 1_000

/**
 * Postgres: a server by URL, a pool of the user's, or PGlite in this process. Nothing is loaded or opened before the
 * first statement; an opening that failed is tried anew by the next.
 */
export class PostgresConnection implements AsyncDisposable {
  /** @internal */
  readonly options: ResolvedPostgresOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #lessor: Lessor
  readonly #policy: Lazy<Policy>
  readonly #calls = new Set<Promise<unknown>>()
  readonly #core: ConnectionCore
  #loaded: Policy | undefined
  #security: RowSecurity = Object.freeze({ active: false })
  #pinned: boolean
  #closed: Promise<void> | undefined

  constructor(options: PostgresOptions, ports: CorePorts = {}) {
    this.options = resolvePostgresOptions(options)
    const { target, startupParameters } = this.options
    this.#pinned = target.kind === 'embedded' || (target.kind === 'server' && startupParameters)
    const clock = ports.clock ?? systemClock
    const random = ports.random ?? systemRandom
    this.#clock = clock
    this.#random = random
    this.#lessor = new Lessor(this.options, { clock, random })
    this.#policy = new Lazy(async () => {
      const policy = await Policy.create(
        'postgres',
        { ...this.options.policy, judge: (error, elapsedMs) => this.#judge(error, elapsedMs) },
        { clock, random },
      )
      this.#loaded = policy
      return policy
    })
    const connection = this
    this.#core = {
      options: this.options,
      clock,
      get security() {
        return connection.#security
      },
      get pinned() {
        return connection.#pinned
      },
      call: (work) => this.#call(work),
      lease: (signal) => this.#lessor.lease(signal, this.#loaded?.breaker.state === 'half-open'),
      statement: (text, values, name) => this.#statement(text, values, name),
      result: (result) => this.#result(result),
      explain: (error) => this.#explain(error),
      lost: (error) => this.#loaded?.breaker.record('failure', error),
    }
  }

  /** True for PGlite: one connection, no statement timeout, no other process. */
  get embedded(): boolean {
    return this.options.target.kind === 'embedded'
  }

  get stats(): PoolStats {
    return this.#lessor.stats
  }

  /** What store.open found out about row level security; statements that begin later follow it. @internal */
  get security(): RowSecurity {
    return this.#security
  }

  /** @internal */
  set security(security: RowSecurity) {
    this.#security = Object.freeze({ ...security })
  }

  /**
   * Asks whether sessions really have the path of names that they were started with: a pooler in between may have
   * dropped it. Until it is found so, every statement is one of a transaction that sets it. Also tells whether the
   * server answers.
   * @internal
   */
  async askPath(): Promise<void> {
    const text = "SELECT pg_catalog.current_setting('search_path') AS path"
    const { rows } = await this.session({ worker: true }).query(text)
    this.#pinned &&= rows[0]?.['path'] === pinnedPath
  }

  /** Statements that commit on their own. */
  session(as: Identity): Session & Together {
    return new SessionExecutor(this.#core, as)
  }

  /**
   * Runs `work` in one transaction. HW_TRANSACTION_ABORTED when the database rolled back what `work` took for done,
   * HW_COMMIT_UNKNOWN when the answer to COMMIT was lost. No time limit but the caller's, and each statement's own.
   */
  transaction<T>(as: Identity, work: (executor: Executor) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return runTransaction(this.#core, as, work, options)
  }

  /** Hints between the processes of one installation; undefined in process, and where they are switched off. @internal */
  hints(of: string): PostgresHints | undefined {
    if (this.embedded || !this.options.hints) return undefined
    const session = (): Executor => this.session({ worker: true })
    return new PostgresHints(this.options, of, { clock: this.#clock, random: this.#random, session })
  }

  /** The pool itself, for migrations and for tools; ours is ended by `close` alone. */
  async pool(): Promise<PostgresPool> {
    this.#assertOpen()
    return this.#lessor.pool()
  }

  /** Asks the server itself, past the breaker; never rejects. */
  async health(options: CallOptions = {}): Promise<PostgresHealth> {
    const startedAt = this.#clock.monotonic()
    let serverVersion: string | undefined
    let readOnly: boolean | undefined
    let error: HeadwaterError | undefined
    try {
      await withDeadline(this.#clock, options, healthTimeoutMs, async ({ signal }) => {
        this.#assertOpen()
        const lease = await this.#lessor.lease(signal)
        try {
          const setting = (name: string): string => `pg_catalog.current_setting('${name}')`
          const text = `SELECT ${setting('server_version')} AS version, ${setting('transaction_read_only')} AS read_only`
          const { rows } = await lease.query({ text }, signal)
          serverVersion = String(rows[0]?.['version'])
          readOnly = rows[0]?.['read_only'] === 'on'
        } finally {
          lease.release()
        }
      })
    } catch (cause) {
      error = asHeadwaterError(cause)
    }
    return {
      status: error ? 'down' : 'up',
      target: describeTarget(this.options),
      latencyMs: this.#clock.monotonic() - startedAt,
      serverVersion,
      readOnly,
      pool: this.stats,
      breaker: this.#loaded?.breaker.state ?? 'closed',
      error,
    }
  }

  /** Takes no more calls, waits for those that run, then closes. A pool passed in stays open. */
  close(): Promise<void> {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(() => this.#lessor.close())
    return this.#closed
  }

  /** Closes at once: calls that run are cut off. */
  destroy(): Promise<void> {
    this.#closed = this.#lessor.destroy()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #call<T>(work: (policy: Policy) => Promise<T>): Promise<T> {
    this.#assertOpen()
    const call = this.#loaded ? work(this.#loaded) : this.#policy.get().then(work)
    this.#calls.add(call)
    try {
      return await call
    } finally {
      this.#calls.delete(call)
    }
  }

  #assertOpen(): void {
    if (this.#closed)
      throw new HeadwaterError('HW_CLOSED', `The connection to ${describeTarget(this.options)} is closed`)
  }

  #statement(text: string, values: readonly unknown[] | undefined, name: string | undefined): PostgresQuery {
    const named = name !== undefined && this.options.preparedStatements
    return { text, ...(values && { values: [...values] }), ...(named && { name }) }
  }

  /** Our own pools have our parsers; a pool of the user's has the user's, so its rows are converted here. */
  #result<R>(result: PostgresResult): StatementResult<R> {
    const foreign = this.options.target.kind === 'pool'
    const rows = foreign ? normaliseRows(result.rows, result.fields) : result.rows
    return { rows: rows as R[], rowCount: result.rowCount ?? 0 }
  }

  #explain(error: unknown): unknown {
    const { leased, max } = this.stats
    if (!isHeadwaterError(error, 'HW_TIMEOUT') || error.details || leased < max) return error
    const hint = this.embedded ? '; inside a transaction use its own handle, the embedded store has one connection' : ''
    return new HeadwaterError('HW_TIMEOUT', `No connection became free: ${leased} of ${max} are in use${hint}`, {
      cause: error,
      details: { phase: 'queue', busy: true, leased, max },
    })
  }

  /**
   * A timeout tells that the server is gone if it was spent connecting, or if the server's own statement timeout should
   * have come first. Otherwise it was the caller's haste, a slow statement or a busy pool.
   */
  #judge(error: unknown, elapsedMs: number): Outcome {
    if (!isHeadwaterError(error, 'HW_TIMEOUT')) return judgeOutcome(error, elapsedMs)
    const { phase, busy, sqlState } = error.details ?? {}
    if (sqlState !== undefined) return 'success'
    if (this.embedded || busy === true) return 'ignored'
    const enough = phase === 'connect' ? connectingTooLongMs : this.options.statementTimeoutMs
    return elapsedMs >= enough ? 'failure' : 'ignored'
  }
}
