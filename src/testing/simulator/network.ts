import { abortable, type CallOptions, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { Dice } from './dice'
import type { SimProcess } from './sim-process'
import type { EngineFaultPlan } from './swarm'
import type { World } from './world'

type Fate = keyof EngineFaultPlan | 'fine'

/** After so long the client gives up, ms; later than some leases last. */
const patienceMs = 250

/**
 * The way to a remote engine: requests are delayed, refused, lost, answered by silence, applied long after the client
 * gave up, or applied twice. A request on its way arrives even when its sender has died meanwhile.
 */
export class Network {
  readonly #name: string
  readonly #world: World
  readonly #plan: EngineFaultPlan
  readonly #dice: Dice
  readonly #down: () => boolean
  #underway = 0

  constructor(name: string, world: World, plan: EngineFaultPlan, dice: Dice, down: () => boolean) {
    this.#name = name
    this.#world = world
    this.#plan = plan
    this.#dice = dice
    this.#down = down
  }

  /** Requests that have not arrived yet. */
  get underway(): number {
    return this.#underway
  }

  /** `serve` is what the engine does when the request arrives; it must act at once, before its promise settles. */
  async call<T>(process: SimProcess, what: string, call: CallOptions | undefined, serve: () => Promise<T>): Promise<T> {
    throwIfAborted(call?.signal)
    const fate = this.#fate()
    this.#world.trace(process.name, () => `  ${this.#name}.${what}${fate === 'fine' ? '' : ` (${fate})`}`)
    const answer = new Promise<T>((resolve, reject) => {
      const unavailable = (): void => reject(new HeadwaterError('HW_UNAVAILABLE', `${this.#name} cannot be reached`))
      const givesUp = (): void => reject(new HeadwaterError('HW_TIMEOUT', `${this.#name} did not answer`))
      const arrive = (served: (work: Promise<T>) => void): void => {
        if (this.#world.faulty && this.#down()) unavailable()
        else {
          const work = serve()
          work.catch(() => undefined)
          served(work)
        }
      }
      const silent = (): void => undefined
      const back = (work: Promise<T>): void => {
        this.#world.scheduler.after(this.#travel(), () => work.then(resolve, reject))
      }
      const out = fate === 'slow' ? this.#dice.between(20, patienceMs * 2) : this.#travel()
      if (fate === 'refused') this.#world.scheduler.after(out, unavailable)
      else if (fate === 'late') this.#send(patienceMs + this.#dice.between(0, 800), () => arrive(silent))
      else if (fate === 'lostAnswer') this.#send(out, () => arrive(silent))
      else if (fate !== 'lostRequest') this.#send(out, () => arrive(back))
      if (fate === 'duplicate') this.#send(out + this.#dice.between(0, 800), () => arrive(silent))
      if (fate !== 'fine' && fate !== 'refused') this.#world.scheduler.after(patienceMs, givesUp)
    })
    return process.guard(abortable(answer, call?.signal))
  }

  /** True when what arrived is done by halves, and nobody is told. */
  breaksOff(): boolean {
    return this.#world.faulty && this.#dice.chance(this.#plan.lostAnswer)
  }

  #send(ms: number, arrive: () => void): void {
    this.#underway++
    this.#world.scheduler.after(ms, () => {
      this.#underway--
      arrive()
    })
  }

  #travel(): number {
    return this.#dice.between(0, 4)
  }

  #fate(): Fate {
    if (!this.#world.faulty) return 'fine'
    let left = this.#dice.random.next()
    for (const fate of Object.keys(this.#plan) as (keyof EngineFaultPlan)[]) {
      left -= this.#plan[fate]
      if (left < 0) return fate
    }
    return 'fine'
  }
}
