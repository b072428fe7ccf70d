import { stemmer } from 'stemmer'
import { HeadwaterError } from '../errors'
import { englishStopWords } from './english-stop-words'
import type { Stemming } from './stemming'

/** What the library knows of a language. */
export interface Language {
  /** Without a stemmer words are found in the form they have. */
  readonly stemmed?: boolean | undefined
  /** Words in Latin letters are English here: technical terms and names in a text of another script. */
  readonly latin?: 'english' | undefined
  /** Upper and lower case of i as in Turkish. */
  readonly locale?: 'tr' | undefined
}

const plain: Language = {}
const stemmed: Language = { stemmed: true }

/**
 * Languages by the names that Postgres and Elasticsearch give them; those of both mean the same. docs/search.md says what
 * each backend does with each.
 */
export const languages: ReadonlyMap<string, Language> = new Map<string, Language>([
  ['simple', plain],
  ['arabic', stemmed],
  ['armenian', stemmed],
  ['bengali', plain],
  ['brazilian', stemmed],
  ['bulgarian', { stemmed: true, latin: 'english' }],
  ['cjk', plain],
  ['czech', plain],
  ['danish', stemmed],
  ['dutch', stemmed],
  ['english', stemmed],
  ['estonian', plain],
  ['finnish', stemmed],
  ['french', stemmed],
  ['galician', plain],
  ['german', stemmed],
  ['greek', stemmed],
  ['hindi', { stemmed: true, latin: 'english' }],
  ['hungarian', stemmed],
  ['indonesian', stemmed],
  ['irish', stemmed],
  ['italian', stemmed],
  ['latvian', plain],
  ['lithuanian', stemmed],
  ['nepali', stemmed],
  ['norwegian', stemmed],
  ['persian', plain],
  ['portuguese', stemmed],
  ['romanian', stemmed],
  ['russian', { stemmed: true, latin: 'english' }],
  ['serbian', stemmed],
  ['sorani', plain],
  ['spanish', stemmed],
  ['swedish', stemmed],
  ['tamil', stemmed],
  ['thai', plain],
  ['turkish', { stemmed: true, locale: 'tr' }],
])

const contractions =
  'aint arent cant couldnt didnt doesnt dont hadnt hasnt havent isnt mustnt shouldnt wasnt werent wont wouldnt'
const english: Stemming = { stem: stemmer, stopWords: [...englishStopWords, ...contractions.split(' ')] }
const unknown: Stemming = { stopWords: [] }
let others: ReadonlyMap<string, Stemming> | undefined

/** True where `loadStemmers` has to be waited for before this language is read. */
export function lacksStemmers(language: string): boolean {
  return others === undefined && language !== 'english' && languages.get(language)?.stemmed === true
}

/** Once for all languages. */
export async function loadStemmers(): Promise<void> {
  others ??= (await import('./stemmers')).stemmers
}

export function stemmingOf(language: string): Stemming {
  if (language === 'english') return english
  if (!lacksStemmers(language)) return others?.get(language) ?? unknown
  throw new HeadwaterError('HW_INTERNAL', `The stemmers of ${language} were not loaded before it was read`)
}
