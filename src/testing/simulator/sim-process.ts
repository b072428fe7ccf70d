import type { Clock } from '../../core/clock'
import type { Scheduler } from './scheduler'
import type { VirtualClock } from './virtual-clock'

/** One life of a simulated process. After a crash none of its promises settles and none of its timers fires. */
export class SimProcess {
  /** Name of the process; that of this life of it is `owner`. */
  readonly name: string
  readonly owner: string
  readonly clock: Clock
  /** Resolves at the crash. */
  readonly died: Promise<void>
  readonly #die: () => void
  #alive = true

  constructor(name: string, life: number, scheduler: Scheduler, machine: VirtualClock) {
    this.name = name
    this.owner = `${name}.${life}`
    let die = (): void => undefined
    this.died = new Promise((resolve) => {
      die = resolve
    })
    this.#die = die
    this.clock = {
      now: () => machine.now(),
      monotonic: () => machine.monotonic(),
      timer: (ms, fire) =>
        scheduler.after(ms, () => {
          if (this.#alive) fire()
        }),
    }
  }

  get alive(): boolean {
    return this.#alive
  }

  crash(): void {
    this.#alive = false
    this.#die()
  }

  /** Settles as `work` does while the process lives, and never afterwards. */
  guard<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      work.then(
        (value) => {
          if (this.#alive) resolve(value)
        },
        (error: unknown) => {
          if (this.#alive) reject(error)
        },
      )
    })
  }
}
