import { FirstReading } from '../core/words/first-reading'
import { type Clause, type Match, readingOf, type Term, type TermSink } from '../core/words/reading'
import { type IndexFormat, payloadMade } from './index-format'
import type { TextEntry, TextIndex } from './texts'

/** Words of version 2, folded unless a collection says otherwise: what indexes are made with now. */
export const wordFormat: IndexFormat = Object.freeze({ words: 2, payload: payloadMade, folding: true })

/** How an index reads words. */
export interface WordReader {
  terms(text: string, first?: number): Term[]
  read(text: string, first: number, found: TermSink): void
  query(typed: string, match?: Match): Clause[]
}

/** The library's reading for an index, of the version that it was made with. */
export function wordsOf({ language, format = wordFormat }: TextIndex): WordReader {
  return format.words === 1 ? new FirstReading(language) : readingOf(language, format.folding ?? true)
}

/** The parts of an entry in the order in which they are read. */
export const fieldNames = ['title', 'heading', 'text'] as const

/** No phrase reaches from one field into the next. */
const fieldGap = 16

/** `field`: 0 title, 1 heading, 2 text. */
export type EntrySink = (field: number, term: string, position: number, kind: Term['kind']) => void

/** Tells the terms of an entry, field by field, positions ascending. */
export function readEntry(
  words: WordReader,
  entry: Pick<TextEntry, (typeof fieldNames)[number]>,
  found: EntrySink,
): void {
  let last = 0
  for (const [field, name] of fieldNames.entries()) {
    const first = field === 0 ? 0 : last + fieldGap
    last = first
    words.read(entry[name] ?? '', first, (term, position, _start, _end, kind) => {
      last = position
      found(field, term, position, kind)
    })
  }
}
