import { seededRandom } from '../../core/random'
import { Scheduler } from './scheduler'

/** A broken promise of the design. */
export interface Violation {
  /** Number in the list of invariants; 0 for the simulation's own (deadlock, endless run). */
  readonly invariant: number
  readonly message: string
  /** Virtual ms. */
  readonly at: number
}

/** What all parts of one simulation share. */
export class World {
  readonly scheduler: Scheduler
  readonly violations: Violation[] = []
  /** Lines of `time actor what`, when they are asked for. */
  readonly lines: string[] | undefined
  /** While true, models fail as the plan says. */
  faulty = false

  constructor(seed: number, traced: boolean) {
    this.scheduler = new Scheduler(seededRandom(seed))
    this.lines = traced ? [] : undefined
  }

  /** `what` is called only when somebody reads the trace. */
  trace(actor: string, what: () => string): void {
    if (this.violations.length > 0) return
    this.lines?.push(`${String(this.scheduler.now).padStart(6)} ${actor.padEnd(7)} ${what()}`)
  }

  /** The first violation ends run and trace: what follows from it would only hide it. */
  violate(invariant: number, message: string): void {
    if (this.violations.length > 0) return
    this.trace('CHECK', () => `violated ${invariant}: ${message}`)
    this.violations.push({ invariant, message, at: this.scheduler.now })
    this.scheduler.stop()
  }
}
