import { fold } from './fold'
import { type Language, languages, stemmingOf } from './languages'
import type { Stemming } from './stemming'

/** What a word is indexed and looked for as. */
export interface WordForms {
  /** One term, or two where the stem of an accented word is another than the stem of the same word without accents. */
  readonly terms: readonly string[]
  /** True for a word that is in almost every text of the language. */
  readonly stop: boolean
}

/** What another party makes of a word: stems, or none for a stop word. */
export type Stems = (word: string) => readonly string[]

/** Longest word that is stemmed; longer ones are identifiers and stemmers are slow on them. */
const maxStemmed = 40
const remembered = 50_000
const isLetters = /^[\p{L}\p{M}]+$/u
const isAscii = /^[a-z]+$/

/** Turns words into terms, each once: texts repeat theirs. */
export class WordFormer {
  readonly #language: Language
  readonly #stemming: Stemming
  readonly #folding: boolean
  readonly #stopWords: ReadonlySet<string>
  readonly #latin: WordFormer | undefined
  readonly #stems: Stems | undefined
  readonly #known = new Map<string, WordForms>()
  readonly #plain = new Map<string, string>()

  /** `stems` stands for a language that the library does not know. */
  constructor(language: string, folding: boolean, stems?: Stems) {
    const known = languages.get(language) ?? {}
    this.#language = known
    this.#stemming = stemmingOf(language)
    this.#folding = folding
    this.#stems = stems
    this.#stopWords = new Set(this.#stemming.stopWords.flatMap((word) => (folding ? [word, fold(word)] : [word])))
    this.#latin = known.latin === undefined ? undefined : new WordFormer(known.latin, folding)
  }

  of(word: string): WordForms {
    const known = this.#known.get(word)
    if (known) return known
    const made = this.#make(word)
    if (this.#known.size >= remembered) this.#known.clear()
    this.#known.set(word, made)
    return made
  }

  /** Without a stem. */
  plain(word: string): string {
    if (!this.#folding) return word
    const known = this.#plain.get(word)
    if (known !== undefined) return known
    // Of marks alone nothing would be left.
    const made = fold(word) || word
    if (this.#plain.size >= remembered) this.#plain.clear()
    this.#plain.set(word, made)
    return made
  }

  #make(word: string): WordForms {
    const lower = this.#language.locale ? word.toLocaleLowerCase(this.#language.locale) : word.toLowerCase()
    if (this.#latin && isAscii.test(lower)) return this.#latin.of(word)
    const plain = this.#folding ? fold(lower) || word : word
    if (this.#stopWords.has(this.#folding ? lower : word) || this.#stopWords.has(plain)) {
      return { terms: [plain], stop: true }
    }
    if (word.length > maxStemmed || !isLetters.test(word)) return { terms: [plain], stop: false }
    const stems = this.#stem(lower)
    if (stems.length === 0) return { terms: [plain], stop: true }
    const found = this.#folding
      ? [...stems.map(fold), ...(plain === lower ? [] : this.#stem(plain).map(fold))]
      : stems.map((stem) => inCaseOf(word, stem))
    const terms = [...new Set(found)].filter((term) => term !== '')
    return { terms: terms.length > 0 ? terms : [plain], stop: false }
  }

  #stem(word: string): readonly string[] {
    if (this.#stems) return this.#stems(word)
    return [this.#stemming.stem?.(word) ?? word]
  }
}

/** Where case tells, a stem keeps that of its word. */
function inCaseOf(word: string, stem: string): string {
  let out = ''
  for (let at = 0; at < stem.length; at++) {
    const [own, letter] = [word[at] ?? '', stem[at]!]
    out += own.toLowerCase() === letter ? own : letter
  }
  return out
}
