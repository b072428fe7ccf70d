import { abortable, following } from '../../core/abort'
import { sleep } from '../../core/clock'
import { describeValue } from '../../core/describe-value'
import { asHeadwaterError, HeadwaterError, isHeadwaterError } from '../../core/errors'
import { uuidV7 } from '../../core/ids'
import { checkOptions } from '../../core/option-kinds'
import { Waker } from '../../core/waker'
import { publish } from '../../observability/channels'
import type { ClaimedErrand, ErrandOutcome } from '../../repositories/errands'
import { backoffMs } from '../../resilience/backoff'
import type { WriterOptions, WriterPorts } from '../ports'
import { attemptErrand, type Handling } from './attempt'
import { type Errand, type ErrandHandler, type ErrandOptions, errandDefaults, errandKinds, errandName } from './errand'

const claims = 'claims of errands'
const errandsOf = (name: string): string => `errands of ${name}`
/** Waits between tries to say what became of an errand, while the truth is away. */
const settling = { baseMs: 100, maxMs: 5_000 }

interface Handled extends Handling {
  running: number
  /** Its last claim took all that there was room for: there may be more. */
  full: boolean
}

interface Held {
  readonly claimed: ClaimedErrand
  lose(): void
}

/**
 * Does errands of the names that have a handler here, each name so many at once. Leases are renewed while handlers work;
 * a process that dies leaves its errands to others once they have run out.
 */
export class ErrandWorker {
  readonly #ports: WriterPorts
  readonly #options: WriterOptions
  readonly #handled = new Map<string, Handled>()
  readonly #held = new Set<Held>()
  readonly #underway = new Set<Promise<unknown>>()
  readonly #waker = new Waker()
  readonly #stop = new AbortController()
  /** Cancels the next renewal; undefined while none is due. */
  #cancelRenewal: (() => void) | undefined

  /** @internal */
  constructor(ports: WriterPorts, options: WriterOptions) {
    this.#ports = ports
    this.#options = options
  }

  /** Handles errands of this name from now on, wherever the relay runs. One handler a name. */
  on(name: string, handler: ErrandHandler<Errand>, given?: ErrandOptions): void {
    const options = checkOptions(given, errandKinds, '', 'HW_INVALID_ARGUMENT')
    const checked = errandName(name)
    if (typeof handler !== 'function') {
      const problem = `handler: must be a function of the errand, got ${describeValue(handler)}`
      throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'handler' })
    }
    if (this.#handled.has(checked)) {
      const problem = `name: ${JSON.stringify(checked)} has a handler already`
      throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'name' })
    }
    this.#handled.set(checked, { handler, options: { ...errandDefaults, ...options }, running: 0, full: false })
    this.wake()
  }

  /** Those that have a handler here. */
  get names(): string[] {
    return [...this.#handled.keys()].sort()
  }

  /** There may be errands. @internal */
  wake(): void {
    this.#waker.wake()
  }

  /** Works until the signal aborts, and what is under way has ended or was given back. @internal */
  async run(given: AbortSignal): Promise<void> {
    const { signal, release } = following(given, this.#stop.signal)
    const own = new Set<Promise<unknown>>()
    try {
      while (!signal.aborted) {
        const { wakes } = this.#waker
        try {
          for (const one of await this.#begin(signal)) {
            own.add(one)
            one.finally(() => own.delete(one))
          }
          this.#ports.troubles?.over(claims)
        } catch (error) {
          if (!signal.aborted) this.#ports.troubles?.met(claims, asHeadwaterError(error))
        }
        // Where nothing is handled there is nothing to look for.
        const ms = this.#handled.size > 0 ? this.#options.pollMs : undefined
        await this.#waker.idle(this.#ports.clock, ms, wakes, signal)
      }
      await Promise.all(own)
    } finally {
      release()
    }
  }

  /**
   * Does what is due now, until the signal aborts; returns how many have ended, and how many of them are done. Handlers
   * that are told to stop then are not waited for. @internal
   */
  async step(given: AbortSignal): Promise<{ readonly ended: number; readonly done: number }> {
    const { signal, release } = following(given, this.#stop.signal)
    let [ended, done] = [0, 0]
    const work = async (): Promise<void> => {
      const begun = await this.#begin(signal)
      const each = async (one: Promise<boolean>): Promise<void> => {
        if (await one) done++
        ended++
      }
      await abortable(Promise.all(begun.map(each)), signal).catch(() => undefined)
    }
    // Those that go on are told to stop already.
    await work().finally(release)
    return { ended, done }
  }

  /** Of the names that are handled here: what is left to do, and what was given up. @internal */
  async left(): Promise<{ readonly remaining: number; readonly parked: number }> {
    if (this.#handled.size === 0 || this.#stop.signal.aborted) return { remaining: 0, parked: 0 }
    const all = await this.#ports.truth.session({ worker: true }).errands.backlog()
    const own = all.filter(({ name }) => this.#handled.has(name))
    const sum = (count: (one: (typeof own)[number]) => number): number => own.reduce((all, one) => all + count(one), 0)
    return { remaining: sum(({ waiting, claimed }) => waiting + claimed), parked: sum(({ parked }) => parked) }
  }

  /** Takes no more, tells handlers to stop, and waits for them. @internal */
  async end(): Promise<void> {
    this.#stop.abort()
    await Promise.allSettled([...this.#underway])
  }

  /** Claims what there is room for and begins it; each tells whether it was done. */
  async #begin(signal: AbortSignal): Promise<Promise<boolean>[]> {
    const begun: Promise<boolean>[] = []
    for (const [limit, names] of this.#rooms()) {
      if (signal.aborted) break
      const token = uuidV7(this.#ports.clock, this.#ports.random)
      const reserve = (count: number, of: readonly string[]): void => {
        for (const name of of) this.#handled.get(name)!.running += count
      }
      // Whoever else claims in this process meanwhile counts on what is left.
      reserve(limit, names)
      try {
        const { errands } = this.#ports.truth.session({ worker: true })
        const claimed = await errands.claim({ names, limit, token, leaseMs: this.#options.leaseMs })
        for (const name of names) {
          const count = claimed.filter((one) => one.name === name).length
          this.#handled.get(name)!.full = count === limit
          reserve(count, [name])
        }
        begun.push(...claimed.map((one) => this.#attend(one, signal)))
      } catch (error) {
        // What was claimed is seen through, also when the truth can give no more.
        if (begun.length === 0) throw error
        break
      } finally {
        reserve(-limit, names)
      }
    }
    return begun
  }

  /** Names by how many more of each may be done here now. */
  #rooms(): Map<number, string[]> {
    const rooms = new Map<number, string[]>()
    for (const [name, { options, running }] of this.#handled) {
      const room = options.concurrency - running
      if (room <= 0) continue
      const same = rooms.get(room)
      if (same) same.push(name)
      else rooms.set(room, [name])
    }
    return rooms
  }

  #attend(claimed: ClaimedErrand, signal: AbortSignal): Promise<boolean> {
    const handled = this.#handled.get(claimed.name)!
    const work = this.#do(handled, claimed, signal).finally(() => {
      handled.running--
      this.#underway.delete(work)
      if (handled.full) this.wake()
    })
    this.#underway.add(work)
    return work
  }

  async #do(handled: Handled, claimed: ClaimedErrand, signal: AbortSignal): Promise<boolean> {
    const { clock, troubles } = this.#ports
    const { tenant, name, attempt } = claimed
    const startedAt = clock.monotonic()
    let held: Held = { claimed, lose: () => undefined }
    const hold = (lose: () => void): void => {
      this.#held.delete(held)
      held = { claimed, lose }
      this.#held.add(held)
      this.#renew()
    }
    try {
      hold(() => undefined)
      const { outcome, error } = await attemptErrand(this.#ports, handled, claimed, signal, hold)
      const settled = outcome !== null && (await this.#settle(claimed, outcome, signal))
      const became = settled ? kindOf(outcome) : 'left'
      if (became === 'done') troubles?.over(errandsOf(name))
      if (error) troubles?.met(errandsOf(name), error)
      const code = error?.code ?? null
      const durationMs = clock.monotonic() - startedAt
      publish('headwater:errand', () => ({ tenant, name, attempt, became, durationMs, code }))
      return became === 'done'
    } finally {
      this.#held.delete(held)
      if (this.#held.size === 0) {
        this.#cancelRenewal?.()
        this.#cancelRenewal = undefined
      }
    }
  }

  /** Says what became of it, also when the truth is away for a moment: else it would be done once more. */
  async #settle(claimed: ClaimedErrand, outcome: ErrandOutcome, signal: AbortSignal): Promise<boolean> {
    const { clock, random, truth } = this.#ports
    const until = clock.monotonic() + this.#options.leaseMs
    for (let tried = 0; ; tried++) {
      try {
        return await truth.session({ worker: true }).errands.settle(claimed, outcome)
      } catch (cause) {
        const error = asHeadwaterError(cause)
        const mayGoOn = error.retryable || isHeadwaterError(error, 'HW_COMMIT_UNKNOWN')
        if (!mayGoOn || signal.aborted || clock.monotonic() >= until) {
          this.#ports.troubles?.met(claims, error)
          return false
        }
        await sleep(clock, backoffMs(tried, settling, random), signal).catch(() => undefined)
      }
    }
  }

  /** One timer for all that is held here. What is not held any more is told so. */
  #renew(): void {
    if (this.#cancelRenewal || this.#held.size === 0) return
    const { clock, truth } = this.#ports
    const { leaseMs } = this.#options
    const renew = async (): Promise<void> => {
      const all = [...this.#held]
      const { errands } = truth.session({ worker: true })
      // Where the truth is away, nobody else can claim them either.
      const mine = all.map(({ claimed }) => claimed)
      const still = await errands.renew(mine, leaseMs).catch(() => mine)
      const isHeld = ({ id, token }: ClaimedErrand): boolean =>
        still.some((one) => one.id === id && one.token === token)
      for (const { claimed, lose } of all) if (!isHeld(claimed)) lose()
    }
    const due = (): void => {
      void renew().finally(() => {
        // All has ended meanwhile, and others may have begun, with a timer of their own.
        if (this.#cancelRenewal !== cancel) return
        this.#cancelRenewal = undefined
        this.#renew()
      })
    }
    const cancel = clock.timer(leaseMs / 3, due, { background: true })
    this.#cancelRenewal = cancel
  }
}

function kindOf(outcome: ErrandOutcome): 'done' | 'failed' | 'parked' | 'released' {
  if ('done' in outcome) return 'done'
  if ('released' in outcome) return 'released'
  return outcome.parks ? 'parked' : 'failed'
}
