import type { WordForms } from './word-forms'

/** A power of two. */
const slots = 32_768
const recordBytes = 32
/** Letters of a record; longer words are rare. */
const mostLetters = 28

/**
 * Forms of ASCII words by where they stand in a text: of two with one hash, the one that came last. A word that was
 * there before costs two places of memory, where a string of it and a Map cost six; a text has a hundred of them.
 */
export class WordTable {
  /** Of each its length, whether it is a stop word and has several terms, and its letters. */
  readonly #records = new Uint8Array(slots * recordBytes)
  readonly #first: string[] = new Array(slots).fill('')
  readonly #forms: (WordForms | undefined)[] = new Array(slots).fill(undefined)
  readonly #formsOf: (word: string) => WordForms

  constructor(formsOf: (word: string) => WordForms) {
    this.#formsOf = formsOf
  }

  /** Where the word is; `hash` is over its letters. Below 0 for one that is too long to be kept. */
  find(text: string, codes: Uint16Array, start: number, end: number, hash: number): number {
    const length = end - start
    if (length > mostLetters) return -1
    const slot = (hash ^ (hash >>> 15)) & (slots - 1)
    const records = this.#records
    const at = slot * recordBytes
    if (records[at] === length) {
      let same = 0
      while (same < length && records[at + 4 + same] === codes[start + same]) same++
      if (same === length) return slot
    }
    const forms = this.#formsOf(text.slice(start, end))
    records[at] = length
    records[at + 1] = forms.stop ? 1 : 0
    records[at + 2] = forms.terms.length > 1 ? 1 : 0
    for (let i = 0; i < length; i++) records[at + 4 + i] = codes[start + i]!
    this.#first[slot] = forms.terms[0]!
    this.#forms[slot] = forms
    return slot
  }

  first(slot: number): string {
    return this.#first[slot]!
  }

  isStop(slot: number): boolean {
    return this.#records[slot * recordBytes + 1] === 1
  }

  /** Beside the first. */
  others(slot: number): readonly string[] {
    return this.#records[slot * recordBytes + 2] === 1 ? this.#forms[slot]!.terms.slice(1) : none
  }
}

const none: readonly string[] = []
