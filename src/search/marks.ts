import type { CallOptions } from '../core/abort'
import { isBegun, occurrencesOf, wantedBy } from '../core/words/occurrences'
import { readingOf } from '../core/words/reading'
import { type Generation, textIndexOf } from '../repositories/generations'
import type { ReadWord, TextRepository } from '../repositories/texts'
import type { TextMatch } from '../repositories/typed-query'
import type { Mark } from './highlight'
import type { ResolvedQuery } from './resolve-query'

/** Finds the marks of texts, in order. */
export type FindMarks = (texts: readonly string[], call: CallOptions) => Promise<readonly (readonly Mark[])[]>

/**
 * Marks what an index finds for a query, in texts as they are now: by the words of the index, which is the library's
 * reading unless the index has one of its own and answers.
 */
export function markFinder(
  texts: TextRepository | undefined,
  generation: Generation | undefined,
  { words: typed, match }: Pick<ResolvedQuery, 'words' | 'match'>,
): FindMarks {
  const folding = generation?.format.folding ?? true
  const reading = readingOf(generation?.language ?? 'english', folding)
  const clauses = reading.query(typed, match)
  const isWanted = wantedBy(clauses)
  return async (found, call) => {
    if (generation && texts?.analyze && found.length > 0) {
      const read = await texts.analyze(textIndexOf(generation), [typed, ...found], call).catch(() => undefined)
      if (read) return marksOf(read, match)
    }
    return found.map((text) => occurrencesOf(reading.terms(text, 0, isWanted), clauses))
  }
}

/** Words of the texts that are among those of the query, which is the first; the last of it may be a beginning. */
function marksOf([query = [], ...texts]: readonly (readonly ReadWord[])[], match: TextMatch): Mark[][] {
  const wanted = new Map(query.map(({ term }, clause) => [term, clause]))
  const begun = match === 'prefix' ? lastOf(query) : undefined
  return texts.map((words) =>
    words.flatMap(({ term, start, end }) => {
      const clause = wanted.get(term) ?? (begun && isBegun(term, begun) ? wanted.get(begun) : undefined)
      return clause === undefined ? [] : [{ start, end, clause }]
    }),
  )
}

/** The last word as a whole, of those that end where it does. */
function lastOf(query: readonly ReadWord[]): string | undefined {
  const last = Math.max(...query.map(({ end }) => end))
  return query
    .filter(({ end }) => end === last)
    .map(({ term }) => term)
    .reduce<string | undefined>((longest, term) => (term.length > (longest?.length ?? 0) ? term : longest), undefined)
}
