import { Dice } from './dice'

/** What happens to a whole index, or to the truth. Times are virtual ms. */
export type Damage = {
  readonly at: number
} & (
  | { readonly what: 'wipe' | 'exchange' | 'alias'; readonly of: 'vector' | 'text' }
  | {
      /** Back to what the index held `ago`, marker included. */
      readonly what: 'rollback'
      readonly of: 'vector' | 'text'
      readonly ago: number
    }
  | {
      /** The truth, back to what it was `ago`. */
      readonly what: 'restore'
      readonly ago: number
      /** Who can tell: somebody says so, the database itself differs, or neither. */
      readonly known: 'announced' | 'visible' | 'unknown'
    }
)

export function planDamage(seed: number, spanMs: number): Damage[] {
  const dice = new Dice(seed, 'damage')
  if (!dice.chance(0.3)) return []
  let restores = 0
  return Array.from({ length: dice.pick([1, 1, 2]) }, (): Damage => {
    const at = dice.between(100, spanMs)
    const of = dice.pick(['vector', 'text'] as const)
    const ago = dice.between(5, Math.min(at, dice.pick([60, 400, 2_000])))
    const what = dice.weighted({ wipe: 2, exchange: 1, alias: 1, rollback: 2, restore: restores > 0 ? 0 : 4 })
    if (what === 'restore') {
      restores++
      return { at, what, ago, known: dice.pick(['announced', 'announced', 'visible', 'unknown'] as const) }
    }
    return what === 'rollback' ? { at, what, of, ago } : { at, what, of }
  })
}
