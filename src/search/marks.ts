import type { CallOptions } from '../core/abort'
import { occurrencesOf } from '../core/words/occurrences'
import { readingOf } from '../core/words/reading'
import { type Generation, textIndexOf } from '../repositories/generations'
import type { ReadWord, TextRepository } from '../repositories/texts'
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
  return async (found, call) => {
    if (generation && texts?.analyze && found.length > 0) {
      const read = await texts.analyze(textIndexOf(generation), [typed, ...found], call).catch(() => undefined)
      if (read) return marksOf(read)
    }
    return found.map((text) => occurrencesOf(reading.terms(text), clauses))
  }
}

/** Words of the texts that are among those of the query, which is the first. */
function marksOf([query = [], ...texts]: readonly (readonly ReadWord[])[]): Mark[][] {
  const wanted = new Map(query.map(({ term }, clause) => [term, clause]))
  return texts.map((words) =>
    words.flatMap(({ term, start, end }) => {
      const clause = wanted.get(term)
      return clause === undefined ? [] : [{ start, end, clause }]
    }),
  )
}
