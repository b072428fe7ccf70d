import { terms } from './first-words'
import type { Clause, Term, TermSink } from './reading'

/** Version 1 of the words, as 0.1.0 read them: for indexes that it filled. Knows neither phrases nor beginnings. */
export class FirstReading {
  readonly #language: string

  constructor(language: string) {
    this.#language = language
  }

  terms(text: string, first = 0): Term[] {
    return terms(text, this.#language).map((term, i) => ({ term, position: first + i, start: 0, end: 0, kind: 'word' }))
  }

  read(text: string, first: number, found: TermSink): void {
    for (const [i, term] of terms(text, this.#language).entries()) found(term, first + i, 0, 0, 'word')
  }

  query(typed: string): Clause[] {
    return [...new Set(terms(typed, this.#language))].map((term) => ({ slots: [{ offset: 0, any: [term] }] }))
  }
}
