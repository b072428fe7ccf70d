import type { Target } from '../../repositories/generations'
import { Dice } from './dice'

/** Somebody rebuilds a target, goes back to what was live before, or drops what is kept for that. Virtual ms. */
export interface PlannedRebuild {
  readonly at: number
  readonly what: 'rebuild' | 'rollback' | 'drop'
  readonly of: Target
  /** Chunks a second. */
  readonly rate: number
  readonly timeoutMs: number
}

/** None in most seeds; sometimes two of a target at once. */
export function planRebuilds(seed: number, spanMs: number): PlannedRebuild[] {
  const dice = new Dice(seed, 'rebuilds')
  if (!dice.chance(0.35)) return []
  const of = dice.pick(['vector', 'text'] as const)
  return Array.from({ length: dice.between(1, 4) }, (_, at) => ({
    at: dice.between(0, spanMs),
    // One that goes back needs one that went ahead.
    what: at === 0 ? 'rebuild' : dice.weighted({ rebuild: 4, rollback: 2, drop: 1 }),
    of: dice.chance(0.7) ? of : dice.pick(['vector', 'text'] as const),
    rate: dice.pick([10, 40, 10_000]),
    timeoutMs: dice.pick([60, 600, 5_000]),
  }))
}
