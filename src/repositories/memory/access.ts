import { abortable, type CallOptions, throwIfAborted } from '../../core/abort'
import type { Clock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { TruthView } from '../truth'
import { audited } from './audit-changes'
import type { Guard, TruthFaults } from './faults'
import type { Mutex } from './mutex'
import type { Process } from './process'
import { Changes, type Tables } from './tables'

/** What all sessions of one truth share. */
export interface Engine {
  readonly tables: Tables
  readonly mutex: Mutex
  readonly clock: Clock
  readonly faults: TruthFaults | undefined
  readonly withoutGuard: Guard | undefined
}

/** How a repository runs a statement. `work` is synchronous, so that each statement is atomic. */
export interface Access {
  readonly engine: Engine
  readonly view: TruthView
  read<T>(op: string, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T>
  write<T>(op: string, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T>
  /** Undoes what `work` wrote when it rejects; within a transaction alone. */
  savepoint<T>(work: (access: Access) => Promise<T>): Promise<T>
}

export function sees(view: TruthView, tenant: TenantId): boolean {
  return 'worker' in view || view.tenant === tenant
}

/** A session of one tenant is never asked for another's rows, unless the code above is wrong. */
export function checkSight(view: TruthView, tenant: TenantId): void {
  if (sees(view, tenant)) return
  throw new HeadwaterError('HW_INTERNAL', `A session of another tenant was asked for rows of ${JSON.stringify(tenant)}`)
}

/** Waits for something under the caller's signal and the life of the process. */
export function wait<T>(
  work: Promise<T>,
  process: Process,
  signal: AbortSignal | undefined,
  late?: (value: T) => void,
): Promise<T> {
  return process.guard(abortable(work, signal, late), late)
}

/** Gives `work` the caller's signal, which also fires when the caller's `timeoutMs` is over. */
export function withSignal<T>(
  clock: Clock,
  call: CallOptions | undefined,
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (call?.timeoutMs === undefined) return work(call?.signal)
  return withDeadline(clock, call, undefined, (deadline) => work(deadline.signal))
}

/** Statements of their own: a read sees what is committed, a write is a transaction by itself. */
export class StatementAccess implements Access {
  readonly engine: Engine
  readonly view: TruthView
  readonly #process: Process

  constructor(engine: Engine, view: TruthView, process: Process) {
    this.engine = engine
    this.view = view
    this.#process = process
  }

  async read<T>(op: string, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T> {
    const { clock, faults, tables } = this.engine
    return withSignal(clock, call, async (signal) => {
      this.#check(signal)
      if (faults) await wait(faults.before(op), this.#process, signal)
      return work(new Changes(tables))
    })
  }

  async write<T>(op: string, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T> {
    const { clock, faults, tables, mutex } = this.engine
    return withSignal(clock, call, async (signal) => {
      this.#check(signal)
      if (faults) await wait(faults.before(op), this.#process, signal)
      const release = await wait(mutex.acquire(), this.#process, signal, (late) => late())
      try {
        this.#check(signal)
        const changes = new Changes(tables)
        const result = audited(this.engine, this.view, changes, work)
        const outcome = faults ? await wait(faults.commit(), this.#process, signal) : 'ok'
        this.#process.check()
        if (outcome !== 'fail') {
          changes.commit()
          faults?.committed?.()
        }
        if (outcome !== 'ok') throw new HeadwaterError('HW_COMMIT_UNKNOWN', `The connection was lost during ${op}`)
        return result
      } finally {
        release()
      }
    })
  }

  savepoint<T>(): Promise<T> {
    throw new HeadwaterError('HW_INTERNAL', 'A savepoint is part of a transaction')
  }

  #check(signal: AbortSignal | undefined): void {
    this.#process.check()
    throwIfAborted(signal)
  }
}

/** Statements within one transaction, until it is closed. */
export class TransactionAccess implements Access {
  readonly engine: Engine
  readonly view: TruthView
  readonly #process: Process
  readonly #changes: Changes
  readonly #readOnly: boolean
  #closed = false
  #failure: unknown

  constructor(engine: Engine, view: TruthView, process: Process, readOnly: boolean) {
    this.engine = engine
    this.view = view
    this.#process = process
    this.#readOnly = readOnly
    this.#changes = new Changes(engine.tables)
  }

  async read<T>(op: string, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T> {
    const { clock, faults } = this.engine
    return withSignal(clock, call, async (signal) => {
      this.#check()
      throwIfAborted(signal)
      try {
        if (faults) {
          await wait(faults.before(op), this.#process, signal)
          this.#check()
        }
        return work(this.#changes)
      } catch (error) {
        this.#failure ??= error
        throw error
      }
    })
  }

  write<T>(op: string, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T> {
    return this.read(op, call, (changes) => {
      if (this.#readOnly) throw new HeadwaterError('HW_READ_ONLY', `${op} in a transaction that is read only`)
      return audited(this.engine, this.view, changes, work)
    })
  }

  async savepoint<T>(work: (access: Access) => Promise<T>): Promise<T> {
    await this.read('savepoint', undefined, () => undefined)
    const back = this.#changes.savepoint()
    const within = new SavepointAccess(this)
    try {
      const value = await work(within)
      await this.read('release', undefined, () => undefined)
      return value
    } catch (error) {
      back()
      // What a lost connection has ended, no savepoint brings back.
      if (!isHeadwaterError(this.#failure, 'HW_UNAVAILABLE')) this.#failure = undefined
      throw error
    } finally {
      within.close()
    }
  }

  /** As after a failed statement in Postgres: nothing but a rollback is possible. */
  check(): void {
    if (this.#failure === undefined) return
    throw new HeadwaterError('HW_TRANSACTION_ABORTED', 'A statement of this transaction failed', {
      cause: this.#failure,
    })
  }

  commit(): void {
    this.#changes.commit()
  }

  /** What was not committed is forgotten, and so is the session. */
  close(): void {
    this.#closed = true
  }

  #check(): void {
    this.#process.check()
    if (this.#closed) throw new HeadwaterError('HW_CLOSED', 'The transaction of this session is over')
    this.check()
  }
}

/** Statements between a savepoint and its end. */
class SavepointAccess implements Access {
  readonly engine: Engine
  readonly view: TruthView
  readonly #outer: Access
  #closed = false

  constructor(outer: Access) {
    this.engine = outer.engine
    this.view = outer.view
    this.#outer = outer
  }

  async read<T>(op: string, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T> {
    this.#check()
    return this.#outer.read(op, call, work)
  }

  async write<T>(op: string, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T> {
    this.#check()
    return this.#outer.write(op, call, work)
  }

  async savepoint<T>(work: (access: Access) => Promise<T>): Promise<T> {
    this.#check()
    return this.#outer.savepoint(work)
  }

  close(): void {
    this.#closed = true
  }

  #check(): void {
    if (this.#closed) throw new HeadwaterError('HW_CLOSED', 'The savepoint of this handle is over')
  }
}
