import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { words } from '../../core/words/first-words'
import { lexemesOf } from './lexemes'

/** Words remembered a language, some 100 bytes each; with more it starts anew. */
const remembered = 100_000
/** Words asked for in one statement. */
const asked = 5_000
const nothing: readonly string[] = []

/** Lexemes by language and word; one for all that use a connection. */
export type Lexicon = Map<string, Map<string, readonly string[]>>

/**
 * Lexemes of texts in a text search configuration of the server, repetitions kept. Where words begin and end is ours,
 * as in highlights and in the hashing embedder; what a word becomes (stem, stop word, nothing) is the
 * configuration's, asked once a word: five times as fast as whole texts, which repeat theirs.
 */
export async function readLexemes(
  executor: Executor,
  lexicon: Lexicon,
  language: string,
  texts: readonly string[],
  call?: CallOptions,
): Promise<string[][]> {
  let known = lexicon.get(language)
  if (!known || known.size > remembered) {
    known = new Map()
    lexicon.set(language, known)
  }
  const split = texts.map((text) => words(text))
  const unknown = new Set<string>()
  for (const list of split) for (const { term } of list) if (!known.has(term)) unknown.add(term)
  const missing = [...unknown]
  for (let i = 0; i < missing.length; i += asked) {
    const part = missing.slice(i, i + asked)
    // Unless a barrier keeps the subquery apart, its function may run once a use.
    const { rows } = await executor.query<{ word: string; lexemes: string }>(
      `SELECT word, lexemes::text AS lexemes FROM (
         SELECT word, to_tsvector($1::text::regconfig, word) AS lexemes FROM unnest($2::text[]) AS u (word) OFFSET 0) t`,
      [language, part],
      call,
    )
    for (const row of rows) {
      known.set(row.word, lexemesOf(row.lexemes))
    }
  }
  const found = known
  return split.map((list) => {
    const out: string[] = []
    for (const { term } of list) for (const lexeme of found.get(term) ?? nothing) out.push(lexeme)
    return out
  })
}
