import type { CallOptions } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { ErrandClaim } from '../../repositories/errands'
import type { CommitOutcome, Guard } from '../../repositories/memory/faults'
import type { Tables } from '../../repositories/memory/tables'
import { MemoryTruth } from '../../repositories/memory/truth'
import type { TransactionModes, Truth, TruthSession, TruthView } from '../../repositories/truth'
import type { Dice } from './dice'
import type { SimProcess } from './sim-process'
import type { TruthFaultPlan } from './swarm'
import type { VirtualClock } from './virtual-clock'
import type { World } from './world'

/** The end of a claim that a process asks for; the checker holds it against what the truth then does. */
export interface Completion {
  readonly tokens: readonly string[]
}

interface OpenTransaction {
  readonly process: SimProcess
  /** Tells the caller that the connection is gone, though the server goes on. */
  readonly lose: (error: HeadwaterError) => void
  /** Count until it has ended. */
  readonly completions: Completion[]
}

/**
 * Postgres as seen over a network: `MemoryTruth` with a delay at each operation, connections that break before a
 * statement or during COMMIT (with either outcome, also while the server still waits), outages, and processes that die
 * at any of these points.
 */
export class ModelTruth {
  /** Completions under way, for the checker. */
  readonly completions = new Set<Completion>()
  readonly #memory: MemoryTruth
  readonly #world: World
  readonly #plan: TruthFaultPlan
  readonly #dice: Dice
  readonly #down: () => boolean
  /** The transaction that holds the mutex, and the one that has reached COMMIT. */
  #open: OpenTransaction | undefined
  #committing: OpenTransaction | undefined

  constructor(options: {
    readonly world: World
    readonly plan: TruthFaultPlan
    readonly dice: Dice
    readonly clock: VirtualClock
    readonly down: () => boolean
    readonly committed: () => void
    readonly withoutGuard: Guard | undefined
  }) {
    this.#world = options.world
    this.#plan = options.plan
    this.#dice = options.dice
    this.#down = options.down
    this.#memory = new MemoryTruth({
      clock: options.clock,
      withoutGuard: options.withoutGuard,
      faults: {
        before: (op) => this.#before(op),
        commit: () => this.#commit(),
        committed: options.committed,
      },
    })
  }

  get tables(): Tables {
    return this.#memory.tables
  }

  /** The truth as a process reaches it. */
  for(process: SimProcess): Truth {
    const own = this.#memory.as(process.owner)
    return {
      session: (view) => this.#session(process, own.session(view)),
      transaction: (view, work, options) => this.#transaction(process, own, view, work, options),
    }
  }

  /** As `MemoryTruth.backup`. */
  backup(): () => Promise<void> {
    return this.#memory.backup()
  }

  /** Ends the process' connections: what had not reached COMMIT is rolled back. */
  crash(process: SimProcess): void {
    this.#memory.crash(process.owner)
  }

  #transaction<T>(
    process: SimProcess,
    own: Truth,
    view: TruthView,
    work: (session: TruthSession) => Promise<T>,
    options: (CallOptions & TransactionModes) | undefined,
  ): Promise<T> {
    const answer = new Promise<T>((resolve, reject) => {
      const open: OpenTransaction = { process, lose: reject, completions: [] }
      const run = own.transaction(
        view,
        (session) => {
          this.#open = open
          return work(this.#session(process, session, open))
        },
        options,
      )
      const forget = (): void => {
        for (const completion of open.completions) this.completions.delete(completion)
      }
      run.then(forget, forget)
      run.then(
        (value) => this.#world.scheduler.after(this.#dice.between(0, 2), () => resolve(value)),
        (error: unknown) => this.#world.scheduler.after(this.#dice.between(0, 2), () => reject(error)),
      )
    })
    return process.guard(answer)
  }

  #session(process: SimProcess, session: TruthSession, open?: OpenTransaction): TruthSession {
    const reach = <R extends object>(name: string, repository: R): R => {
      return new Proxy(repository, {
        get: (target, key) => {
          const method: unknown = Reflect.get(target, key, target)
          if (typeof method !== 'function') return method
          return (...args: unknown[]) => {
            const op = `${name}.${String(key)}`
            this.#world.trace(process.name, () => `  ${open ? '| ' : ''}${op}`)
            const run = (): Promise<unknown> => Reflect.apply(method, target, args)
            return process.guard(
              op === 'jobs.settle' || op === 'errands.settle'
                ? this.#complete(args, run, open)
                : this.#answer(run, open !== undefined),
            )
          }
        },
      })
    }
    return {
      savepoint: (work) => process.guard(session.savepoint((within) => work(this.#session(process, within, open)))),
      get documents() {
        return reach('documents', session.documents)
      },
      get chunks() {
        return reach('chunks', session.chunks)
      },
      get embeddings() {
        return reach('embeddings', session.embeddings)
      },
      get entities() {
        return reach('entities', session.entities)
      },
      get jobs() {
        return reach('jobs', session.jobs)
      },
      get errands() {
        return reach('errands', session.errands)
      },
      get audit() {
        return reach('audit', session.audit)
      },
      get blobReferences() {
        return reach('blobReferences', session.blobReferences)
      },
      get generations() {
        return reach('generations', session.generations)
      },
      get commits() {
        return reach('commits', session.commits)
      },
      get registry() {
        return reach('registry', session.registry)
      },
    }
  }

  async #complete(
    args: readonly unknown[],
    run: () => Promise<unknown>,
    open: OpenTransaction | undefined,
  ): Promise<unknown> {
    const [ended] = args as [readonly string[] | ErrandClaim]
    const completion: Completion = { tokens: 'token' in ended ? [ended.token] : ended }
    this.completions.add(completion)
    open?.completions.push(completion)
    try {
      return await this.#answer(run, open !== undefined)
    } finally {
      if (!open) this.completions.delete(completion)
    }
  }

  /**
   * Sometimes the answer takes its time, so that a process can die between the deed and the news of it. A caller whose
   * own patience is over knows at once.
   */
  async #answer(run: () => Promise<unknown>, inTransaction: boolean): Promise<unknown> {
    let atOnce = inTransaction
    try {
      return await run()
    } catch (error) {
      atOnce ||= isHeadwaterError(error, 'HW_TIMEOUT') || isHeadwaterError(error, 'HW_ABORTED')
      throw error
    } finally {
      if (!atOnce && this.#dice.chance(0.3)) await this.#world.scheduler.delay(this.#dice.between(0, 3))
    }
  }

  async #before(op: string): Promise<void> {
    if (op === 'commit') this.#committing = this.#open
    const slow = this.#world.faulty && this.#dice.chance(this.#plan.slow)
    await this.#world.scheduler.delay(slow ? this.#dice.between(20, 300) : this.#dice.between(0, 3))
    if (this.#world.faulty && (this.#down() || this.#dice.chance(this.#plan.error))) {
      this.#world.trace('truth', () => `connection lost before ${op}`)
      throw this.#dice.chance(0.8)
        ? new HeadwaterError('HW_UNAVAILABLE', `The connection was lost before ${op}`)
        : new HeadwaterError('HW_CONFLICT', `Another transaction was in the way of ${op}`)
    }
  }

  async #commit(): Promise<CommitOutcome> {
    const transaction = this.#committing
    this.#committing = undefined
    if (!this.#world.faulty) {
      await this.#world.scheduler.delay(0)
      return 'ok'
    }
    if (transaction && this.#dice.chance(this.#plan.earlyLoss)) {
      this.#world.trace('truth', () => `${transaction.process.name} lost its connection while COMMIT waits`)
      transaction.lose(new HeadwaterError('HW_COMMIT_UNKNOWN', 'The connection was lost while COMMIT waited'))
      await this.#world.scheduler.delay(this.#dice.between(1, 200))
      return this.#dice.chance(0.5) ? 'lost-ack' : 'fail'
    }
    await this.#world.scheduler.delay(this.#dice.between(0, 2))
    if (!this.#dice.chance(this.#plan.lostCommit)) return 'ok'
    const outcome = this.#dice.chance(0.5) ? 'lost-ack' : 'fail'
    this.#world.trace('truth', () => `COMMIT: ${outcome}`)
    return outcome
  }
}
