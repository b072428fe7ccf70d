import { kind, kindBits, unitClasses } from './units'

/** Thousandths of a token that a UTF-16 unit costs, by its kind. Whole numbers add up the same in any order. */
export type TokenCosts = Int32Array

function costs(of: Record<keyof typeof kind, number>): TokenCosts {
  const list = new Int32Array(kindBits + 1)
  for (const [name, cost] of Object.entries(of)) list[kind[name as keyof typeof kind]] = cost
  return list
}

/** What tokenisers of models for many languages take at most, as a rule: for embedders that cannot be asked. */
export const waryCosts = costs({
  ...{ other: 1_500, space: 60, latin: 300, digit: 600, mark: 700, cyrillic: 600, arabic: 800, indic: 1_200 },
  ...{ thai: 1_200, kana: 1_100, han: 1_400, hangul: 1_500, surrogate: 1_500, punctuation: 900 },
})

/** What they take at least: for embedders that count what was cut, so that only what is too long is cut again. */
export const leanCosts = costs({
  ...{ other: 300, space: 0, latin: 210, digit: 300, mark: 200, cyrillic: 250, arabic: 300, indic: 300 },
  ...{ thai: 300, kana: 500, han: 700, hangul: 500, surrogate: 400, punctuation: 700 },
})

/** Thousandths of a token. */
export function costOf(text: string, costs: TokenCosts, start = 0, end = text.length): number {
  const classes = unitClasses()
  let sum = 0
  for (let i = start; i < end; i++) sum += costs[classes[text.charCodeAt(i)]! & kindBits]!
  return sum
}
