import type { ErrandOptions } from '../../writer/errands/errand'
import { Dice } from './dice'

export type ErrandName = 'mail' | 'hook'

export const errandNames: readonly ErrandName[] = ['mail', 'hook']

/** What transactions leave to be done, and how handlers do it. Rates are per attempt, times virtual ms. */
export interface ErrandPlan {
  /** For each process, the names that it handles; the first one handles all. */
  readonly handles: readonly (readonly ErrandName[])[]
  readonly options: ErrandOptions
  /** The handler throws. */
  readonly fails: number
  /** It takes longer than a lease, or than its time. */
  readonly slow: number
  /** It does not heed its signal. */
  readonly deaf: number
  /** One that it always throws at. */
  readonly poison: number
  /** Left in a savepoint that is undone. */
  readonly undone: number
}

/** None in most seeds. */
export function planErrands(seed: number, processes: number): ErrandPlan | null {
  const dice = new Dice(seed, 'errands')
  if (!dice.chance(0.3)) return null
  return {
    handles: Array.from({ length: processes }, (_, at) => errandNames.filter(() => at === 0 || dice.chance(0.5))),
    options: {
      concurrency: dice.pick([1, 3]),
      maxAttempts: dice.between(2, 5),
      backoffMs: dice.pick([5, 50]),
      backoffMaxMs: 300,
      timeoutMs: dice.pick([150, 5_000]),
    },
    fails: dice.pick([0, 0.2]),
    slow: dice.pick([0, 0.2]),
    deaf: dice.pick([0, 0.3]),
    poison: dice.pick([0, 0.1]),
    undone: dice.pick([0, 0.4]),
  }
}
