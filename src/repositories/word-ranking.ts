import type { IndexHit } from './index-entry'

/** More words say nothing more, and each is looked for in every chunk. */
const mostWords = 16

/** BM25's constants, and an ordinary chunk's length in characters in the place of an average that nobody keeps. */
const k1 = 1.2
const b = 0.75
const ordinary = 1_000

/** What counts of the frequency `f.count` in a text of `f.size`, as SQL. */
export const frequencySql = `f.count * ${k1 + 1} / (f.count + ${k1} * (${1 - b} + ${b} * f.size / ${ordinary}.0))`

/** Those that are looked for. */
export function countedWords(words: readonly string[]): string[] {
  return [...new Set(words)].filter((word) => /^[^\s\p{Cc}\p{Cs}]+$/u.test(word)).slice(0, mostWords)
}

/** For Postgres: at the beginning of a word, where the script shows one. */
export function patternOf(word: string): string {
  return isPlain(word) ? `\\m${literally(word)}` : literally(word)
}

function isPlain(word: string): boolean {
  return /^[a-z0-9_]/.test(word)
}

function literally(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** The same ranking in process, for the truth in memory. */
export class WordRanking {
  readonly #words: readonly { readonly word: string; readonly pattern: RegExp }[]
  readonly #found: { hit: Omit<IndexHit, 'score'>; counts: number[]; size: number }[] = []
  #entries = 0

  constructor(words: readonly string[]) {
    this.#words = countedWords(words).map((word) => ({
      word,
      pattern: new RegExp(isPlain(word) ? `(?<![\\p{L}\\p{N}_])${literally(word)}` : literally(word), 'u'),
    }))
  }

  add(hit: Omit<IndexHit, 'score'>, text: string): void {
    this.#entries++
    const body = text.toLowerCase()
    const counts = this.#words.map(({ word, pattern }) => (pattern.test(body) ? body.split(word).length - 1 : 0))
    if (counts.some((count) => count > 0)) this.#found.push({ hit, counts, size: body.length })
  }

  best(limit: number): IndexHit[] {
    const weights = this.#words.map((_, at) => {
      const holding = this.#found.filter(({ counts }) => counts[at]! > 0).length
      return Math.log(1 + Math.max(0, this.#entries - holding + 0.5) / (holding + 0.5))
    })
    return this.#found
      .map(({ hit, counts, size }) => {
        const norm = k1 * (1 - b + (b * size) / ordinary)
        const score = counts.reduce((sum, count, at) => sum + (weights[at]! * count * (k1 + 1)) / (count + norm), 0)
        return { ...hit, score }
      })
      .sort((one, other) => other.score - one.score || (one.id < other.id ? -1 : 1))
      .slice(0, limit)
  }
}
