import { sleep } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import type { StoredErrand, Tables } from '../../repositories/memory/tables'
import type { Errand } from '../../writer/errands/errand'
import type { WriterTransaction } from '../../writer/write/transaction'
import type { Dice } from './dice'
import { contentKey, type History, type Operation } from './history'
import type { Completion } from './model-truth'
import { type ErrandPlan, errandNames } from './planned-errands'
import type { SimProcess } from './sim-process'
import type { VirtualClock } from './virtual-clock'
import type { World } from './world'

interface Payload {
  readonly operation: number
  readonly what: 'kept' | 'poison' | 'undone'
}

/** Leaves errands, does them, and looks at their rows after every COMMIT (invariants 1, 2, 3, 6, 11). */
export class Errands {
  readonly plan: ErrandPlan
  readonly #world: World
  readonly #tables: Tables
  readonly #clock: VirtualClock
  readonly #history: History
  readonly #completions: ReadonlySet<Completion>
  readonly #dice: Dice
  #rows = new Map<string, StoredErrand>()
  /** Operations whose errand has been committed, and those whose client was told that they failed. */
  readonly #came = new Set<number>()
  readonly #failed = new Set<number>()
  /** Errands whose handler has come to its end. */
  readonly #done = new Set<string>()

  constructor(options: {
    readonly plan: ErrandPlan
    readonly world: World
    readonly tables: Tables
    readonly clock: VirtualClock
    readonly history: History
    readonly completions: ReadonlySet<Completion>
    readonly dice: Dice
  }) {
    this.plan = options.plan
    this.#world = options.world
    this.#tables = options.tables
    this.#clock = options.clock
    this.#history = options.history
    this.#completions = options.completions
    this.#dice = options.dice
  }

  /** As part of a transaction; sometimes one more in a part that is undone. */
  async leave(transaction: WriterTransaction, operation: Operation): Promise<void> {
    const { plan } = this
    const name = this.#dice.pick(errandNames)
    const leave = async (within: WriterTransaction, what: Payload['what']): Promise<void> => {
      await within.afterCommit(name, { operation: operation.id, what })
    }
    if (this.#dice.chance(plan.undone)) {
      const regret = new HeadwaterError('HW_INVALID_ARGUMENT', 'The caller regrets this part')
      await transaction
        .savepoint(async (within) => {
          await leave(within, 'undone')
          throw regret
        })
        .catch((error: unknown) => {
          if (error !== regret) throw error
        })
    }
    await leave(transaction, this.#dice.chance(plan.poison) ? 'poison' : 'kept')
  }

  /** What a process does with an errand. */
  handler(process: SimProcess): (errand: Errand) => Promise<void> {
    return async ({ id, payload, attempt, signal }) => {
      const { operation, what } = payload as unknown as Payload
      this.#world.trace(process.name, () => `errand of #${operation}, attempt ${attempt}`)
      if (!this.#came.has(operation)) this.#world.violate(3, `The errand of #${operation} was done without its commit`)
      const slow = this.#dice.chance(this.plan.slow) ? this.#dice.between(50, 2_000) : this.#dice.between(0, 20)
      await sleep(process.clock, slow, this.#dice.chance(this.plan.deaf) ? undefined : signal)
      const fails = this.#world.faulty && this.#dice.chance(this.plan.fails)
      if (what === 'poison' || fails) throw new HeadwaterError('HW_UNAVAILABLE', `Nobody takes that of #${operation}`)
      this.#done.add(id)
    }
  }

  happened({ id }: Operation, life: number): void {
    if (this.#came.has(id) || life !== this.#history.restores) return
    this.#world.violate(1, `The transaction ${id} was acknowledged without its errand`)
  }

  failed({ id, effects }: Operation): void {
    if (!effects[0]!.failed) return
    this.#failed.add(id)
    if (this.#came.has(id)) this.#world.violate(3, `The transaction ${id} was told to have failed, but its errand came`)
  }

  committed(): void {
    const { rows } = this.#tables.errands
    const settled = new Set([...this.#completions].flatMap(({ tokens }) => tokens))
    for (const [id, row] of rows) if (!this.#rows.has(id)) this.#added(row)
    for (const [id, was] of this.#rows) this.#changed(was, rows.get(id), settled)
    this.#rows = new Map(rows)
  }

  /** The truth was set back: what is there now is what is to be done. */
  setBack(): void {
    this.#rows = new Map(this.#tables.errands.rows)
  }

  /** What is not done, but for what nobody can do. */
  left(): StoredErrand[] {
    const isPoison = ({ parked, payload }: StoredErrand): boolean =>
      parked && (payload as unknown as Payload).what === 'poison'
    return [...this.#tables.errands.rows.values()].filter((row) => !isPoison(row))
  }

  #added({ payload }: StoredErrand): void {
    const { operation: number, what } = payload as unknown as Payload
    const operation = this.#history.operations.get(number)!
    this.#world.trace('truth', () => `COMMIT errand of #${number}`)
    if (what === 'undone') this.#world.violate(3, `An errand of #${number} came that a savepoint had undone`)
    if (this.#failed.has(number))
      this.#world.violate(3, `The errand of #${number} came, though it was told to have failed`)
    if (this.#came.has(number) && this.#history.restores === 0)
      this.#world.violate(12, `The errand of #${number} came twice`)
    this.#came.add(number)
    for (const { document, what: effect } of operation.effects) {
      if (effect.kind !== 'put') continue
      const row = [...this.#tables.documents.rows.values()].find(
        (one) => one.tenant === operation.tenant && one.id === document,
      )
      if (row && row.buriedAt === null && contentKey(row) === effect.key) continue
      this.#world.violate(2, `The errand of #${number} came without its put of ${document}`)
    }
  }

  #changed(was: StoredErrand, now: StoredErrand | undefined, settled: ReadonlySet<string>): void {
    const { operation } = was.payload as unknown as Payload
    const held = was.claim
    const isOver = now === undefined || (now.parked && !was.parked)
    if (!isOver && (held === null || held.token === now.claim?.token)) return
    // One that others have claimed meanwhile was not ended, though its settling may be on its way still.
    const isTaken = (now?.claim ?? null) !== null
    const isSettled = held !== null && !isTaken && settled.has(held.token)
    const errand = `errand of #${operation}`
    if (isOver && !isSettled) this.#world.violate(11, `The ${errand} was ended by another than its claim`)
    if (isSettled && held.epoch !== this.#tables.epoch)
      this.#world.violate(11, `The ${errand} was ended by a claim of epoch ${held.epoch}`)
    // A lease that had run out may seem to last again when the clock has gone back since.
    if (!isSettled && held !== null && held.leaseUntil > this.#clock.highest)
      this.#world.violate(11, `The claim of the ${errand} was taken away while its lease lasts`)
    if (!now && !this.#done.has(was.id)) this.#world.violate(1, `The ${errand} went without being done`)
  }
}
