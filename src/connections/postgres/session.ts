import type { CallOptions, Signal } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { commitIsUnknown } from '../../resilience/classify-postgres'
import type { Policy } from '../../resilience/policy'
import type { PostgresQuery, PostgresResult } from './client'
import { commit, unknownCommit } from './commit'
import type { ConnectionCore } from './core'
import type { Executor, Identity, Session, SessionStatementOptions, StatementResult, Together } from './executor'
import type { Answer, Lease } from './lease'
import { plannedByKey } from './planning'
import { isRead, limitsOf, needsOpening, openingStatement, settingsOf } from './statement'

/** How far an attempt got: what came to nothing may be repeated, what may have happened may not. */
interface Progress {
  readonly read: boolean
  /** Sent, and it is not known what became of it. */
  sent: boolean
}

/**
 * Statements that commit on their own. Where they must carry a tenant or a role, each is a transaction by itself, sent
 * in one go on our own pools (scoped where it has a name, else in pipeline mode) and step by step on a pool of the
 * user's without it.
 *
 * Repeated after a failure: what never left, what the server refused, and reads. A change whose answer was lost is
 * HW_COMMIT_UNKNOWN, never a plain failure.
 */
export class SessionExecutor implements Session, Together {
  readonly #core: ConnectionCore
  readonly #as: Identity

  constructor(core: ConnectionCore, as: Identity) {
    this.#core = core
    this.#as = as
  }

  async query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options: SessionStatementOptions = {},
  ): Promise<StatementResult<R>> {
    const query = this.#core.statement(text, values, options.name)
    return this.#core.result<R>(await this.#core.call((policy) => this.#run(query, options, policy)))
  }

  together<T>(work: (executor: Executor) => Promise<T>, options: CallOptions = {}): Promise<T> {
    return this.#core.call(async (policy) => {
      try {
        return await policy.call((signal) => this.#together(work, signal), {
          signal: options.signal,
          timeoutMs: options.timeoutMs ?? this.#core.options.queryTimeoutMs,
          idempotent: (error) => error.code !== 'HW_TIMEOUT',
          prompt: true,
        })
      } catch (error) {
        throw this.#core.explain(error)
      }
    })
  }

  async #together<T>(work: (executor: Executor) => Promise<T>, signal: Signal): Promise<T> {
    const lease = await this.#core.lease(signal)
    const asked: Promise<unknown>[] = []
    let turn: Promise<unknown> = Promise.resolve()
    const query = async <R>(
      text: string,
      values?: readonly unknown[],
      options: SessionStatementOptions = {},
    ): Promise<StatementResult<R>> => {
      const progress: Progress = { read: isRead(text), sent: false }
      if (!progress.read) throw new HeadwaterError('HW_INTERNAL', 'Only reads go together')
      const statement = this.#core.statement(text, values, options.name)
      const ask = (): Promise<PostgresResult> => this.#on(lease, statement, signal, { byKey: options.byKey }, progress)
      const answer = lease.pipelined ? ask() : turn.then(ask, ask)
      turn = answer
      asked.push(answer)
      return this.#core.result<R>(await answer)
    }
    try {
      return await lease.together(() => work({ query }))
    } finally {
      // An answer that is still to come must not meet who holds the connection next.
      await Promise.allSettled(asked)
      lease.release()
    }
  }

  async #run(query: PostgresQuery, options: SessionStatementOptions, policy: Policy): Promise<PostgresResult> {
    const read = isRead(query.text)
    const progress: Progress = { read, sent: false }
    try {
      return await policy.call((signal) => this.#once(query, signal, options, progress), {
        signal: options.signal,
        timeoutMs: options.timeoutMs ?? this.#core.options.queryTimeoutMs,
        idempotent: (error) => error.code !== 'HW_TIMEOUT' && (read || !progress.sent),
        prompt: true,
      })
    } catch (error) {
      if (progress.sent && !read && isHeadwaterError(error)) throw unknownCommit(error)
      throw this.#core.explain(error)
    }
  }

  async #once(
    query: PostgresQuery,
    signal: Signal,
    options: SessionStatementOptions,
    progress: Progress,
  ): Promise<PostgresResult> {
    progress.sent = false
    const lease = await this.#core.lease(signal)
    try {
      return await this.#on(lease, query, signal, options, progress)
    } finally {
      lease.release()
    }
  }

  async #alone(progress: Progress, ask: () => Promise<Answer>): Promise<PostgresResult> {
    progress.sent = true
    const answer = await ask()
    if (answer.ok) {
      progress.sent = false
      return answer.result
    }
    progress.sent = answer.sent && commitIsUnknown(answer.failure)
    throw answer.failure.error
  }

  async #on(
    lease: Lease,
    query: PostgresQuery,
    signal: Signal,
    options: SessionStatementOptions,
    progress: Progress,
  ): Promise<PostgresResult> {
    const scoped = lease.canScope(query)
    if (!this.#needsTransaction(options, progress.read) && !(options.byKey && scoped)) {
      return this.#alone(progress, () => lease.ask(query, signal))
    }
    const timeoutMs = options.timeoutMs ?? this.#core.options.queryTimeoutMs
    const needed = {
      as: this.#as,
      security: this.#core.security,
      limits: limitsOf(this.#core.options, timeoutMs, options.timeoutMs !== undefined),
      settings: options.settings,
      pinned: this.#core.pinned,
    }
    if (scoped) {
      const settings = options.byKey ? [...plannedByKey, ...settingsOf(needed)] : settingsOf(needed)
      return this.#alone(progress, () => lease.askScoped(settings, query, signal))
    }
    const opening = { text: openingStatement(needed) }
    if (lease.pipelined) return this.#inOnePiece(lease, opening, query, signal, progress)
    const opened = await lease.ask(opening, signal)
    const answer = opened.ok ? await lease.ask(query, signal) : opened
    if (!answer.ok) {
      await lease.ask({ text: 'ROLLBACK' }, signal)
      throw answer.failure.error
    }
    progress.sent = true
    await this.#commit(lease, signal, progress)
    progress.sent = false
    return answer.result
  }

  async #inOnePiece(
    lease: Lease,
    opening: PostgresQuery,
    query: PostgresQuery,
    signal: Signal,
    progress: Progress,
  ): Promise<PostgresResult> {
    progress.sent = true
    const [opened, answer, committed] = await lease.together(() =>
      Promise.all([
        lease.ask(opening, signal),
        lease.ask(query, signal),
        this.#commit(lease, signal, progress).then(
          () => undefined,
          (error: HeadwaterError) => error,
        ),
      ]),
    )
    const failed = opened.ok ? answer : opened
    // The statement's own refusal is the truth; that COMMIT then rolled back follows from it.
    progress.sent = committed?.code === 'HW_COMMIT_UNKNOWN' && !(!failed.ok && failed.failure.answered)
    if (!failed.ok) throw failed.failure.error
    if (committed) throw committed
    return answer.ok ? answer.result : nothing
  }

  /** Of a read nothing depends on whether its COMMIT arrived. */
  async #commit(lease: Lease, signal: Signal, progress: Progress): Promise<void> {
    try {
      await commit(lease, signal, undefined)
    } catch (error) {
      if (!progress.read || !isHeadwaterError(error, 'HW_COMMIT_UNKNOWN')) throw error
    }
  }

  /**
   * Also for the path of names, and for settings, one of which is the time a call allows: above the connection's
   * statement_timeout, and for a change also below it, so that the server ends it and it is known what became of it.
   */
  #needsTransaction(options: SessionStatementOptions, read: boolean): boolean {
    const { target, statementTimeoutMs } = this.#core.options
    const { timeoutMs } = options
    const own = timeoutMs !== undefined && (timeoutMs > statementTimeoutMs || !read)
    return (
      !this.#core.pinned ||
      (own && target.kind !== 'embedded') ||
      options.settings !== undefined ||
      needsOpening(this.#as, this.#core.security, read)
    )
  }
}

const nothing: PostgresResult = { rows: [], rowCount: 0 }
