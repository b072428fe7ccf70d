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

/** What is known of a language; it starts anew when that is much. */
export function knownLexemes(lexicon: Lexicon, language: string): Map<string, readonly string[]> {
  let known = lexicon.get(language)
  if (!known || known.size > remembered) {
    known = new Map()
    lexicon.set(language, known)
  }
  return known
}

/**
 * Lexemes of texts for an index of version 1, repetitions kept. Where words begin and end is ours; what a word becomes
 * (stem, stop word, nothing) is what a text search configuration of the server says.
 */
export async function readLexemes(
  executor: Executor,
  lexicon: Lexicon,
  language: string,
  texts: readonly string[],
  call?: CallOptions,
): Promise<string[][]> {
  const known = knownLexemes(lexicon, language)
  const split = texts.map((text) => words(text))
  await learn(
    executor,
    known,
    language,
    split.flatMap((list) => list.map(({ term }) => term)),
    call,
  )
  return split.map((list) => {
    const out: string[] = []
    for (const { term } of list) for (const lexeme of known.get(term) ?? nothing) out.push(lexeme)
    return out
  })
}

/** Asks what is not known yet, each word once: five times as fast as whole texts, which repeat theirs. */
export async function learn(
  executor: Executor,
  known: Map<string, readonly string[]>,
  language: string,
  words: Iterable<string>,
  call?: CallOptions,
): Promise<void> {
  const unknown = new Set<string>()
  for (const word of words) if (!known.has(word)) unknown.add(word)
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
    for (const row of rows) known.set(row.word, lexemesOf(row.lexemes))
  }
}
