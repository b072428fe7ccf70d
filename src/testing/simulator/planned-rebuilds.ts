import type { Target } from '../../repositories/generations'
import { Dice } from './dice'

/** Somebody rebuilds a target, or both with another splitter, goes back to what was live before, or drops what is kept for that. Virtual ms. */
export interface PlannedRebuild {
  readonly at: number
  readonly what: 'rebuild' | 'recut' | 'rollback' | 'drop'
  readonly of: Target
  /** Of a recut: the splitter to move to. */
  readonly to: 'lines' | 'couples'
  /** Of a rebuild: the engine to move to; undefined where it stays. */
  readonly engine?: 'near' | 'far' | undefined
  /** Chunks a second. */
  readonly rate: number
  readonly timeoutMs: number
}

/** None in most seeds; sometimes two of a target at once. */
export function planRebuilds(seed: number, spanMs: number): PlannedRebuild[] {
  const dice = new Dice(seed, 'rebuilds')
  if (!dice.chance(0.35)) return []
  const of = dice.pick(['vector', 'text'] as const)
  const cutting = new Dice(seed, 'recuts')
  const recuts = cutting.chance(0.6)
  const moving = new Dice(seed, 'engines')
  const moves = moving.chance(0.5)
  const planned: Omit<PlannedRebuild, 'to'>[] = Array.from({ length: dice.between(1, 4) }, (_, at) => ({
    at: dice.between(0, spanMs),
    // One that goes back needs one that went ahead.
    what: at === 0 ? 'rebuild' : dice.weighted({ rebuild: 4, rollback: 2, drop: 1 }),
    of: dice.chance(0.7) ? of : dice.pick(['vector', 'text'] as const),
    rate: dice.pick([10, 40, 10_000]),
    timeoutMs: dice.pick([60, 600, 5_000]),
  }))
  // Who moves to another splitter may go back from it, once it is over.
  if (recuts && cutting.chance(0.5)) {
    planned.push({ at: spanMs + cutting.between(0, 800), what: 'rollback', of, rate: 10_000, timeoutMs: 5_000 })
  }
  return planned.map((one) => {
    const to = cutting.weighted({ couples: 3, lines: 1 })
    if (one.what !== 'rebuild' || !recuts || cutting.chance(0.3)) {
      const engine = moves && one.what === 'rebuild' ? moving.pick(['far', 'far', 'near'] as const) : undefined
      return { ...one, to, engine }
    }
    // It has more to do than the rebuild of one target.
    return {
      ...one,
      to,
      what: 'recut',
      rate: cutting.pick([100, 10_000]),
      timeoutMs: cutting.pick([600, 5_000, 5_000]),
    }
  })
}

/** For each process, whether it knows both splitters; the first one does. */
export function planSplitters(seed: number, processes: number): boolean[] {
  const dice = new Dice(seed, 'splitters')
  return Array.from({ length: processes }, (_, at) => at === 0 || dice.chance(0.7))
}

/** For each process, whether it has the engine that is moved to; the first one does. */
export function planFar(seed: number, processes: number): boolean[] {
  const dice = new Dice(seed, 'far')
  return Array.from({ length: processes }, (_, at) => at === 0 || dice.chance(0.5))
}
