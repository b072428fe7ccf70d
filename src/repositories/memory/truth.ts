import type { CallOptions } from '../../core/abort'
import { throwIfAborted } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import type { TransactionModes, Truth, TruthSession, TruthView } from '../truth'
import { type Access, type Engine, StatementAccess, TransactionAccess, wait, withSignal } from './access'
import { MemoryAudit } from './audit'
import { MemoryBlobReferences } from './blob-references'
import { MemoryChunks } from './chunks'
import { MemoryCommits } from './commits'
import { MemoryDocuments } from './documents'
import { MemoryEmbeddings } from './embeddings'
import { MemoryEntities } from './entities'
import { MemoryErrands } from './errands'
import type { Guard, TruthFaults } from './faults'
import { MemoryGenerations } from './generations'
import { MemoryJobs } from './jobs'
import { Mutex } from './mutex'
import { Process } from './process'
import { MemoryRegistry } from './registry'
import { restoreTable, Table } from './table'
import { Tables } from './tables'

export interface MemoryTruthOptions {
  /** Gives the times of rows, leases and backoff; the system's by default. */
  readonly clock?: Clock | undefined
  /** None by default. */
  readonly faults?: TruthFaults | undefined
  /** @internal */
  readonly withoutGuard?: Guard | undefined
}

/**
 * The source of truth in memory: for tests, and the simulator's model of Postgres.
 *
 * Transactions run one after another behind a mutex, which is a (strict) way to be SERIALIZABLE; so nothing ever waits
 * for a row lock and no transaction runs twice. A transaction keeps its changes to itself until it commits: reads
 * outside see only what is committed, and a rollback is to forget them. A write outside a transaction is one by itself,
 * and would wait for ever inside another's callback. Rows are copied on their way in and out.
 */
export class MemoryTruth implements Truth {
  readonly #engine: Engine
  readonly #processes = new Map<string, Process>()
  readonly #self: ProcessTruth

  constructor({ clock = systemClock, faults, withoutGuard }: MemoryTruthOptions = {}) {
    this.#engine = { tables: new Tables(), mutex: new Mutex(), clock, faults, withoutGuard }
    this.#self = new ProcessTruth(this.#engine, new Process('main'))
  }

  /** What is committed, for checkers that must not go through the repositories. @internal */
  get tables(): Tables {
    return this.#engine.tables
  }

  session(view: TruthView): TruthSession {
    return this.#self.session(view)
  }

  transaction<T>(
    view: TruthView,
    work: (session: TruthSession) => Promise<T>,
    options?: CallOptions & TransactionModes,
  ): Promise<T> {
    return this.#self.transaction(view, work, options)
  }

  /** This truth as the process `owner` sees it: all that it runs can be ended together by `crash`. */
  as(owner: string): Truth {
    let process = this.#processes.get(owner)
    if (!process) {
      process = new Process(owner)
      this.#processes.set(owner, process)
    }
    return new ProcessTruth(this.#engine, process)
  }

  /**
   * Ends a process: its open transactions are rolled back, whatever it waits for rejects, and every later call of its
   * fails with HW_CLOSED. `as(owner)` afterwards is a new process of that name.
   */
  crash(owner: string): void {
    this.#processes.get(owner)?.crash()
    this.#processes.delete(owner)
  }

  /** A backup; what it returns puts all back to this state, sequences too, between two transactions. @internal */
  backup(): () => Promise<void> {
    const { tables, mutex } = this.#engine
    const kept = Object.values(tables)
      .filter((value) => value instanceof Table)
      .map((table: Table<unknown>) => ({ table, rows: new Map(table.rows) }))
    const sequences = { ...tables.sequences }
    return async () => {
      const release = await mutex.acquire()
      for (const { table, rows } of kept) restoreTable(table, rows)
      Object.assign(tables.sequences, sequences)
      release()
    }
  }

  /** Starts a new life of the truth, as a restore does; returns the new epoch. */
  bumpEpoch(): number {
    const { tables } = this.#engine
    tables.records.put('epoch', tables.epoch + 1)
    return tables.epoch
  }
}

class ProcessTruth implements Truth {
  readonly #engine: Engine
  readonly #process: Process

  constructor(engine: Engine, process: Process) {
    this.#engine = engine
    this.#process = process
  }

  session(view: TruthView): TruthSession {
    return new MemorySession(new StatementAccess(this.#engine, view, this.#process))
  }

  async transaction<T>(
    view: TruthView,
    work: (session: TruthSession) => Promise<T>,
    options?: CallOptions & TransactionModes,
  ): Promise<T> {
    const { clock, faults, mutex } = this.#engine
    return withSignal(clock, options, async (signal) => {
      const within = <V>(waited: Promise<V>, late?: (value: V) => void): Promise<V> =>
        wait(waited, this.#process, signal, late)
      this.#process.check()
      throwIfAborted(signal)
      if (faults) await within(faults.before('begin'))
      const release = await within(mutex.acquire(), (late) => late())
      const access = new TransactionAccess(this.#engine, view, this.#process, options?.readOnly === true)
      try {
        const value = await within(work(new MemorySession(access)))
        access.check()
        throwIfAborted(signal)
        if (faults) await within(faults.before('commit'))
        const outcome = faults ? await within(faults.commit()) : 'ok'
        this.#process.check()
        if (outcome !== 'fail') {
          access.commit()
          faults?.committed?.()
        }
        if (outcome !== 'ok') {
          throw new HeadwaterError('HW_COMMIT_UNKNOWN', 'The connection was lost while the transaction committed')
        }
        return value
      } finally {
        access.close()
        release()
      }
    })
  }
}

/** Most sessions are for one statement: a repository is made when it is asked for. */
class MemorySession implements TruthSession {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  savepoint<T>(work: (session: TruthSession) => Promise<T>): Promise<T> {
    return this.#access.savepoint((access) => work(new MemorySession(access)))
  }

  get documents(): MemoryDocuments {
    return new MemoryDocuments(this.#access)
  }

  get chunks(): MemoryChunks {
    return new MemoryChunks(this.#access)
  }

  get embeddings(): MemoryEmbeddings {
    return new MemoryEmbeddings(this.#access)
  }

  get entities(): MemoryEntities {
    return new MemoryEntities(this.#access)
  }

  get jobs(): MemoryJobs {
    return new MemoryJobs(this.#access)
  }

  get errands(): MemoryErrands {
    return new MemoryErrands(this.#access)
  }

  get generations(): MemoryGenerations {
    return new MemoryGenerations(this.#access)
  }

  get audit(): MemoryAudit {
    return new MemoryAudit(this.#access)
  }

  get commits(): MemoryCommits {
    return new MemoryCommits(this.#access)
  }

  get registry(): MemoryRegistry {
    return new MemoryRegistry(this.#access)
  }

  get blobReferences(): MemoryBlobReferences {
    return new MemoryBlobReferences(this.#access)
  }
}
