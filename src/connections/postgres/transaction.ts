import { abortable, type CallOptions } from '../../core/abort'
import { type Deadline, withDeadline } from '../../core/deadline'
import { asHeadwaterError, HeadwaterError } from '../../core/errors'
import type { Policy } from '../../resilience/policy'
import type { PostgresQuery } from './client'
import { commit } from './commit'
import type { ConnectionCore } from './core'
import type { Executor, Identity, StatementOptions, StatementResult } from './executor'
import type { Answer, Lease } from './lease'
import { planning } from './planning'
import { type Isolation, limitsOf, openingStatement } from './statement'

export interface TransactionOptions extends CallOptions {
  isolation?: Isolation | undefined
  readOnly?: boolean | undefined
  /** How often `work` may run again after a conflict or a lost connection; it must bear that. Default 0. */
  retries?: number | undefined
}

/** Longest wait for the answer to ROLLBACK before the connection is closed instead, ms. */
const rollbackTimeoutMs = 5_000

/**
 * Runs `work` in a transaction: commits when it resolves, rolls back when it rejects. The connection goes back, or is
 * closed, in every case; when the deadline passes the caller does not wait for that.
 */
export function runTransaction<T>(
  core: ConnectionCore,
  as: Identity,
  work: (executor: Executor) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  return core.call((policy) =>
    withDeadline(core.clock, options, undefined, (deadline) => {
      policy.budget.earn()
      const attempt = () => new Transaction(core, as, options, deadline, policy).run(work)
      return policy.retry(attempt, deadline, mayRunAgain, 1 + (options.retries ?? 0))
    }),
  )
}

/** A failure that left nothing behind and that another run may be spared. Getting a connection is retried on its own. */
function mayRunAgain(error: HeadwaterError): boolean {
  if (error.details?.['phase'] === 'connect') return false
  return error.code === 'HW_CONFLICT' || error.code === 'HW_UNAVAILABLE' || error.code === 'HW_TRANSACTION_ABORTED'
}

/** Takes settings back with the rest. */
const rollsBack = /^ROLLBACK TO /

class Transaction implements Executor {
  readonly #core: ConnectionCore
  readonly #as: Identity
  readonly #options: TransactionOptions
  readonly #deadline: Deadline
  readonly #policy: Policy
  readonly #pending = new Set<Promise<Answer>>()
  #lease: Lease | undefined
  #firstFailure: HeadwaterError | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #planned: 'byKey' | 'freely' | 'unknown' = 'freely'
  #over = false

  constructor(core: ConnectionCore, as: Identity, options: TransactionOptions, deadline: Deadline, policy: Policy) {
    this.#core = core
    this.#as = as
    this.#options = options
    this.#deadline = deadline
    this.#policy = policy
  }

  async run<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    const { signal } = this.#deadline
    let leave = (): void => {}
    try {
      leave = await this.#policy.bulkhead.enter(signal)
      this.#lease = await this.#policy.call((within) => this.#core.lease(within), {
        ...this.#deadline.options(),
        idempotent: true,
        queued: false,
        prompt: true,
      })
    } catch (error) {
      leave()
      throw this.#core.explain(error)
    }
    try {
      await this.#begin(this.#lease)
      const value = await abortable(work(this), signal)
      await Promise.all(this.#pending)
      this.#over = true
      await commit(this.#lease, signal, this.#firstFailure)
      this.#end(this.#lease, leave)
      return value
    } catch (error) {
      this.#over = true
      const undone = this.#rollback(this.#lease, leave)
      if (!signal.aborted) await undone
      throw error
    }
  }

  async query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options: StatementOptions = {},
  ): Promise<StatementResult<R>> {
    const lease = this.#lease
    if (this.#over || !lease) throw new HeadwaterError('HW_CLOSED', 'The transaction of this handle is over')
    const query = this.#core.statement(text, values, options.name)
    const whole = this.#deadline.signal
    const signal = options.signal ? AbortSignal.any([whole, options.signal]) : whole
    const timeoutMs = options.timeoutMs ?? this.#core.options.queryTimeoutMs
    this.#plan(lease, options.byKey && lease.canScope(query) ? 'byKey' : 'freely')
    if (rollsBack.test(text)) this.#planned = 'unknown'
    const answer = await withDeadline(this.#core.clock, { signal, timeoutMs }, undefined, (own) =>
      this.#inTurn(lease, () => lease.ask(query, own)),
    )
    if (answer.ok) {
      this.#firstFailure = undefined
      return this.#core.result<R>(answer.result)
    }
    throw this.#failed(answer)
  }

  /** Sends ahead how the next statement is to be planned, where nobody has to wait for it. */
  #plan(lease: Lease, planned: 'byKey' | 'freely'): void {
    if (!lease.pipelined || this.#planned === planned) return
    this.#planned = planned
    const { text, name } = planning[planned]
    this.#ahead(lease, this.#core.statement(text, undefined, name))
  }

  /** What goes out with a statement fails where it did. */
  #ahead(lease: Lease, query: PostgresQuery): Promise<Answer> {
    return this.#inTurn(lease, async () => {
      const answer = await lease.ask(query, this.#deadline.signal)
      if (!answer.ok) this.#failed(answer)
      return answer
    })
  }

  /** One after another where the driver wants that; all of them are awaited before COMMIT. */
  #inTurn(lease: Lease, ask: () => Promise<Answer>): Promise<Answer> {
    const answer = lease.pipelined ? ask() : this.#turn.then(ask)
    this.#turn = answer
    this.#pending.add(answer)
    answer.finally(() => this.#pending.delete(answer))
    return answer
  }

  /** 'Current transaction is aborted' hides what went wrong: the first failure is what counts. */
  #failed(answer: Answer & { ok: false }): HeadwaterError {
    const { error } = answer.failure
    if (error.code === 'HW_UNAVAILABLE') this.#core.lost(error)
    if (error.details?.['sqlState'] === '25P02' && this.#firstFailure) return this.#firstFailure
    this.#firstFailure = error
    return error
  }

  async #begin(lease: Lease): Promise<void> {
    const { isolation, readOnly, timeoutMs } = this.#options
    lease.readOnly = readOnly === true
    const text = openingStatement({
      as: this.#as,
      security: this.#core.security,
      isolation,
      readOnly,
      pinned: this.#core.pinned,
      limits: limitsOf(this.#core.options, this.#deadline.remaining(), timeoutMs !== undefined),
    })
    const begun = this.#ahead(lease, { text })
    if (!lease.pipelined && !(await begun).ok) throw this.#firstFailure
  }

  async #rollback(lease: Lease, leave: () => void): Promise<void> {
    try {
      if (!lease.broken) {
        await withDeadline(this.#core.clock, { timeoutMs: rollbackTimeoutMs }, undefined, async ({ signal }) => {
          await Promise.all(this.#pending)
          await lease.query({ text: 'ROLLBACK' }, signal)
        })
      }
    } catch (cause) {
      lease.spoil(asHeadwaterError(cause))
    } finally {
      this.#end(lease, leave)
    }
  }

  #end(lease: Lease, leave: () => void): void {
    lease.release()
    leave()
  }
}
