import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { lacksStemmers, languages, loadStemmers } from '../../core/words/languages'
import { Reading } from '../../core/words/reading'
import { type WordReader, wordFormat, wordsOf } from '../text-words'
import type { TextIndex } from '../texts'
import { knownLexemes, type Lexicon, learn } from './lexicon'

/** True where words are what a text search configuration of the server makes of them. */
export function isServers({ language }: TextIndex): boolean {
  return !languages.has(language)
}

/**
 * How an index of version 2 or later reads these texts. Where its language is a text search configuration of this server
 * and none of the library's, stems and stop words are the configuration's, asked for here.
 */
export async function readingFor(
  executor: Executor,
  index: TextIndex,
  lexicon: Lexicon,
  texts: readonly string[],
  call?: CallOptions,
): Promise<WordReader> {
  if (lacksStemmers(index.language)) await loadStemmers()
  if (!isServers(index)) return wordsOf(index)
  const { language, format = wordFormat } = index
  const folding = format.folding ?? true
  const known = knownLexemes(lexicon, language)
  const asked = new Set<string>()
  const probe = new Reading({
    language,
    folding,
    stems: (word) => {
      if (!known.has(word)) asked.add(word)
      return [word]
    },
  })
  for (const text of texts) probe.terms(text)
  await learn(executor, known, language, [...asked], call)
  return new Reading({ language, folding, stems: (word) => known.get(word) ?? [word] })
}
