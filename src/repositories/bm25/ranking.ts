import { type Matches, matchWidth } from './matching'

/** BM25's constants: how soon repetition stops to count, and how much length does. */
export interface Bm25Options {
  /** Saturation of term frequency; 1.2 by default. Higher lets repetition count for longer. */
  readonly k1?: number | undefined
  /** Weight of length, 0 to 1; 0.75 by default. */
  readonly b?: number | undefined
}

export interface Bm25Constants {
  readonly k1: number
  readonly b: number
}

export interface Candidate {
  readonly number: number
  readonly score: number
}

/**
 * Entries by BM25, handed out best first (equal scores by number). `entries` and `length` are of the whole tenant:
 * how many there are and how many words they have together.
 */
export class Ranking {
  readonly #numbers: number[]
  readonly #scores: number[]
  #size: number

  /** `lists` has one for each thing that was looked for. */
  constructor(lists: readonly Matches[], entries: number, length: number, options: Bm25Constants) {
    const { k1, b } = options
    const average = Math.max(1, length) / Math.max(1, entries)
    const slots = new Map<number, number>()
    const numbers: number[] = []
    const scores: number[] = []
    for (const matches of lists) {
      const found = matches.length / matchWidth
      const idf = Math.log(1 + Math.max(0, entries - found + 0.5) / (found + 0.5))
      for (let i = 0; i < matches.length; i += matchWidth) {
        const number = matches[i]!
        const frequency = matches[i + 1]!
        const norm = k1 * (1 - b + (b * matches[i + 2]!) / average)
        const score = (idf * frequency * (k1 + 1)) / (frequency + norm)
        const slot = slots.get(number)
        if (slot === undefined) {
          slots.set(number, numbers.length)
          numbers.push(number)
          scores.push(score)
        } else {
          scores[slot] = scores[slot]! + score
        }
      }
    }
    this.#numbers = numbers
    this.#scores = scores
    this.#size = numbers.length
    // A heap: a search reads the few best of very many.
    for (let i = (this.#size >> 1) - 1; i >= 0; i--) this.#sink(i)
  }

  get left(): number {
    return this.#size
  }

  /** The next `atLeast` candidates, and those whose score equals the last one's: ties are never torn apart. */
  take(atLeast: number): Candidate[] {
    const out: Candidate[] = []
    while (this.#size > 0) {
      if (out.length >= atLeast && this.#scores[0] !== out[out.length - 1]!.score) break
      out.push({ number: this.#numbers[0]!, score: this.#scores[0]! })
      this.#size--
      this.#numbers[0] = this.#numbers[this.#size]!
      this.#scores[0] = this.#scores[this.#size]!
      this.#sink(0)
    }
    return out
  }

  #before(a: number, b: number): boolean {
    const difference = this.#scores[a]! - this.#scores[b]!
    return difference > 0 || (difference === 0 && this.#numbers[a]! < this.#numbers[b]!)
  }

  #sink(from: number): void {
    let at = from
    for (;;) {
      let best = at
      const left = 2 * at + 1
      if (left < this.#size && this.#before(left, best)) best = left
      if (left + 1 < this.#size && this.#before(left + 1, best)) best = left + 1
      if (best === at) return
      const number = this.#numbers[at]!
      const score = this.#scores[at]!
      this.#numbers[at] = this.#numbers[best]!
      this.#scores[at] = this.#scores[best]!
      this.#numbers[best] = number
      this.#scores[best] = score
      at = best
    }
  }
}
