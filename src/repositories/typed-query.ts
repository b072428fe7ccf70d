/**
 * How the words of a query are taken. `words`: at least one of them; `phrase`: all, next to each other and in order, in
 * one field; `prefix`: as `words`, and the last one may be unfinished.
 */
export type TextMatch = 'words' | 'phrase' | 'prefix'

/** The parts of an entry that are searched, and what an occurrence in each counts: 0 or more, 1 where nothing is said. */
export interface FieldWeights {
  title?: number | undefined
  heading?: number | undefined
  text?: number | undefined
}

/** What is looked for, whatever is done with it. */
export interface TypedQuery {
  /** As typed, at most `mostTyped` units of it: words as the index reads them, no query syntax. */
  readonly query: string
  /** `words` by default. */
  readonly match?: TextMatch | undefined
  readonly fields?: FieldWeights | undefined
}

/** More of a query says nothing more, and engines bound what they take. UTF-16 units. */
export const mostTyped = 2_048
