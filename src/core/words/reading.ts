import type { Unit } from './lexer'
import { unitsOf, visitUnits } from './lexer'
import { type Stems, WordFormer } from './word-forms'
import { WordTable } from './word-table'

/** How words are matched: see `TypedQuery`. */
export type Match = 'words' | 'phrase' | 'prefix'

/** A term of a text. Several may stand at one place: a whole and its first part, an accented word's two stems. */
export interface Term {
  readonly term: string
  /** Place among the words of the text, from 0. Characters of scripts without spaces have one each. */
  readonly position: number
  /** UTF-16 offsets into the text as given. */
  readonly start: number
  readonly end: number
  /** `word`: in the order of the text; `stop`: such a word that is in almost every text; `extra`: beside them. */
  readonly kind: 'word' | 'stop' | 'extra'
}

/** Is told the terms of a text, as `Term` describes them. */
export type TermSink = (term: string, position: number, start: number, end: number, kind: Term['kind']) => void

/** One thing to look for: a term, or several at these distances from the first. */
export interface Clause {
  readonly slots: readonly Slot[]
  /** The beginning of a term, beside what the slot has. */
  readonly prefix?: string | undefined
}

export interface Slot {
  readonly offset: number
  /** Any of them will do. */
  readonly any: readonly string[]
}

export interface ReadingOptions {
  /** A name of `languages`; of another one, words are found in the form they have, unless `stems` says otherwise. */
  readonly language: string
  readonly folding: boolean
  readonly stems?: Stems | undefined
}

/** More words of a query say nothing more. */
const mostClauses = 128
const readings = new Map<string, Reading>()
const mostReadings = 64

/** The reading of a language that the library knows; one for all, for it remembers words. */
export function readingOf(language: string, folding = true): Reading {
  const key = JSON.stringify([language, folding])
  let reading = readings.get(key)
  if (!reading) {
    reading = new Reading({ language, folding })
    if (readings.size >= mostReadings) readings.clear()
    readings.set(key, reading)
  }
  return reading
}

/**
 * The one way in which the library reads words, of texts for an index, of queries, and of what is shown for highlights.
 * Stored in indexes as version 2 of the words: what it finds must not change but by a new version.
 */
export class Reading {
  readonly #forms: WordFormer
  /** False for one that is made for a few texts. */
  readonly #isShared: boolean
  /** Made with the first text. */
  #table: WordTable | undefined

  constructor({ language, folding, stems }: ReadingOptions) {
    this.#forms = new WordFormer(language, folding, stems)
    this.#isShared = stems === undefined
  }

  /** The terms of a text, positions ascending: all, or those alone that are wanted. */
  terms(text: string, first = 0, wanted?: (term: string) => boolean): Term[] {
    const found: Term[] = []
    this.read(text, first, (term, position, start, end, kind) => {
      if (!wanted || wanted(term)) found.push({ term, position, start, end, kind })
    })
    return found
  }

  /** Tells the terms of a text, positions ascending: an index has no use for an object for each. */
  read(text: string, first: number, found: TermSink): void {
    let position = first
    const word = (word: string, start: number, end: number): void => {
      const { terms, stop } = this.#forms.of(word)
      found(terms[0]!, position, start, end, stop ? 'stop' : 'word')
      for (let i = 1; i < terms.length; i++) found(terms[i]!, position, start, end, 'extra')
      position++
    }
    if (this.#isShared) this.#table ??= new WordTable((word) => this.#forms.of(word))
    const table = this.#table
    visitUnits(text, {
      plain: (within, codes, start, end, hash, whole) => {
        if (whole !== undefined) found(this.#forms.plain(whole), position, start, end, 'extra')
        const slot = table?.find(within, codes, start, end, hash) ?? -1
        if (!table || slot < 0) {
          word(within.slice(start, end), start, end)
          return
        }
        found(table.first(slot), position, start, end, table.isStop(slot) ? 'stop' : 'word')
        for (const term of table.others(slot)) found(term, position, start, end, 'extra')
        position++
      },
      word: (written, start, end, whole) => {
        if (whole !== undefined) found(this.#forms.plain(whole), position, start, end, 'extra')
        word(written, start, end)
      },
      other: (unit) => {
        switch (unit.kind) {
          case 'compound': {
            const [start, end] = [unit.parts[0]!.start, unit.parts.at(-1)!.end]
            for (const term of this.#whole(unit)) found(term, position, start, end, 'extra')
            for (const part of unit.parts) word(part.word, part.start, part.end)
            break
          }
          case 'run':
            for (const [i, { text: one, start, end }] of unit.characters.entries()) {
              const next = unit.characters[i + 1]
              const alone = unit.characters.length === 1
              if (next) found(this.#forms.plain(one + next.text), position, start, next.end, 'word')
              found(this.#forms.plain(one), position, start, end, alone ? 'word' : 'extra')
              position++
            }
            break
          case 'symbol':
            // Takes no place: words before and after it stand next to each other.
            found(unit.text, position, unit.start, unit.end, 'extra')
        }
      },
    })
  }

  /**
   * What a query looks for; nothing where it has no words. Any clause will do; stop words are left out where there is
   * something else.
   */
  query(typed: string, match: Match = 'words'): Clause[] {
    const units = unitsOf(typed)
    if (match === 'phrase') return this.#phrase(units)
    const last = match === 'prefix' ? units.pop() : undefined
    const read = units.map((unit) => this.#clauses(unit))
    const prefixed = last ? this.#prefix(last) : []
    const telling = [...read.flatMap(({ telling }) => telling), ...prefixed]
    const clauses = telling.length > 0 ? telling : read.flatMap(({ stop }) => stop)
    const distinct = new Map(clauses.map((clause) => [JSON.stringify(clause), clause]))
    return [...distinct.values()].slice(0, mostClauses)
  }

  /** Beginnings of the words as they are written, for looking into texts themselves; stop words as in `query`. */
  beginnings(typed: string): string[] {
    const telling: string[] = []
    const stops: string[] = []
    for (const unit of unitsOf(typed)) {
      switch (unit.kind) {
        case 'word': {
          const lower = unit.word.toLowerCase()
          const { terms, stop } = this.#forms.of(unit.word)
          if (unit.whole !== undefined) telling.push(unit.whole.toLowerCase())
          else if (stop) stops.push(lower)
          else telling.push(common(lower, terms[0]!))
          break
        }
        case 'compound':
          telling.push(typed.slice(unit.parts[0]!.start, unit.parts.at(-1)!.end).toLowerCase())
          break
        case 'run':
          for (const term of pairs(unit.characters)) telling.push(term)
          break
        case 'symbol':
          telling.push(unit.text)
      }
    }
    return [...new Set(telling.length > 0 ? telling : stops)]
  }

  /** The terms of a compound as one: of `infor-` and `mation` those of the word that a line's end parted. */
  #whole({ whole, loose }: Extract<Unit, { kind: 'compound' }>): readonly string[] {
    if (whole === '') return []
    return loose ? this.#forms.of(whole).terms : [this.#forms.plain(whole)]
  }

  #clauses(unit: Unit): { telling: Clause[]; stop: Clause[] } {
    const telling: Clause[] = []
    switch (unit.kind) {
      case 'word': {
        const { terms, stop } = this.#forms.of(unit.word)
        if (unit.whole !== undefined) telling.push(one([this.#forms.plain(unit.whole)]))
        // `C` would find all that begins with it, where `C++` was asked for.
        if (unit.whole !== undefined && unit.word.length < 3) break
        if (stop) return { telling, stop: [one(terms)] }
        telling.push(one(terms))
        break
      }
      case 'compound': {
        const whole = this.#whole(unit)
        if (whole.length > 0) telling.push(one(whole))
        telling.push({ slots: unit.parts.map(({ word }, offset) => ({ offset, any: this.#forms.of(word).terms })) })
        if (!unit.loose) break
        for (const { word } of unit.parts) {
          const { terms, stop } = this.#forms.of(word)
          if (!stop && word.length > 2 && !/\p{N}/u.test(word)) telling.push(one(terms))
        }
        break
      }
      case 'run':
        for (const term of pairs(unit.characters)) telling.push(one([this.#forms.plain(term)]))
        break
      case 'symbol':
        telling.push(one([unit.text]))
        break
    }
    return { telling, stop: [] }
  }

  #phrase(units: readonly Unit[]): Clause[] {
    const slots: Slot[] = []
    let offset = 0
    for (const unit of units) {
      switch (unit.kind) {
        case 'word':
          slots.push({ offset, any: unit.whole ? [this.#forms.plain(unit.whole)] : this.#forms.of(unit.word).terms })
          offset++
          break
        case 'compound':
          for (const { word } of unit.parts) slots.push({ offset: offset++, any: this.#forms.of(word).terms })
          break
        case 'run':
          for (const [i, term] of pairs(unit.characters).entries()) {
            slots.push({ offset: offset + i, any: [this.#forms.plain(term)] })
          }
          offset += unit.characters.length
          break
        case 'symbol':
          slots.push({ offset, any: [unit.text] })
      }
    }
    return slots.length === 0 ? [] : [{ slots: slots.slice(0, mostClauses) }]
  }

  /** The last unit of a query, which may be unfinished. */
  #prefix(unit: Unit): Clause[] {
    if (unit.kind === 'word' && unit.whole === undefined) {
      const { terms } = this.#forms.of(unit.word)
      return [{ ...one(terms), prefix: this.#forms.plain(unit.word) }]
    }
    if (unit.kind === 'compound') {
      const { telling } = this.#clauses(unit)
      return unit.whole ? [...telling, { ...one(this.#whole(unit)), prefix: this.#forms.plain(unit.whole) }] : telling
    }
    return this.#clauses(unit).telling
  }
}

function one(any: readonly string[]): Clause {
  return { slots: [{ offset: 0, any }] }
}

/** Neighbours, so that order counts; a character alone by itself. */
function pairs(characters: readonly { readonly text: string }[]): string[] {
  if (characters.length === 1) return [characters[0]!.text]
  return characters.slice(1).map(({ text }, i) => characters[i]!.text + text)
}

function common(word: string, stem: string): string {
  let length = 0
  while (length < stem.length && word[length] === stem[length]) length++
  // An accent at the beginning was folded away: then the word itself.
  return length < 2 ? word : word.slice(0, length)
}
