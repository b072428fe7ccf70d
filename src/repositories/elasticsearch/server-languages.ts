import { HeadwaterError } from '../../core/errors'

/** What a language adds to the chain of its analyzer. */
export interface ServerLanguage {
  /** Spelling made alike before the stem: token filters by name. */
  readonly before?: readonly string[]
  /** Language of the stemmer. */
  readonly stem?: string
  /** Variant of the lower case. */
  readonly lowercase?: string
  /** Words in Latin letters are English here: names and technical terms in a text of another script. */
  readonly latin?: true
  /** A zero width non-joiner parts what is written as one word. */
  readonly parts?: true
}

const indic = ['indic_normalization']

/**
 * By the names that Postgres and Elasticsearch share, and Elasticsearch's own. Stemmers are Snowball's where there is one,
 * as in Postgres and the library.
 */
const languages: ReadonlyMap<string, ServerLanguage> = new Map<string, ServerLanguage>([
  ['simple', {}],
  ['arabic', { before: ['arabic_normalization'], stem: 'arabic' }],
  ['armenian', { stem: 'armenian' }],
  ['basque', { stem: 'basque' }],
  ['bengali', { before: [...indic, 'bengali_normalization'], stem: 'bengali' }],
  ['brazilian', { stem: 'brazilian' }],
  ['bulgarian', { stem: 'bulgarian', latin: true }],
  ['catalan', { stem: 'catalan' }],
  ['cjk', {}],
  ['czech', { stem: 'czech' }],
  ['danish', { stem: 'danish' }],
  ['dutch', { stem: 'dutch' }],
  ['english', { stem: 'english' }],
  ['estonian', { stem: 'estonian' }],
  ['finnish', { stem: 'finnish' }],
  ['french', { stem: 'french' }],
  ['galician', { stem: 'galician' }],
  ['german', { stem: 'german' }],
  ['greek', { stem: 'greek', lowercase: 'greek' }],
  ['hindi', { before: [...indic, 'hindi_normalization'], stem: 'hindi', latin: true }],
  ['hungarian', { stem: 'hungarian' }],
  ['indonesian', { stem: 'indonesian' }],
  ['irish', { stem: 'irish', lowercase: 'irish' }],
  ['italian', { stem: 'italian' }],
  ['latvian', { stem: 'latvian' }],
  ['lithuanian', { stem: 'lithuanian' }],
  ['norwegian', { stem: 'norwegian' }],
  ['persian', { before: ['arabic_normalization', 'persian_normalization'], parts: true }],
  ['portuguese', { stem: 'portuguese' }],
  ['romanian', { stem: 'romanian' }],
  ['russian', { stem: 'russian', latin: true }],
  ['serbian', { before: ['serbian_normalization'], stem: 'serbian' }],
  ['sorani', { before: ['sorani_normalization'], stem: 'sorani' }],
  ['spanish', { stem: 'spanish' }],
  ['swedish', { stem: 'swedish' }],
  ['thai', {}],
  ['turkish', { stem: 'turkish', lowercase: 'turkish' }],
])

export function isServerLanguage(name: string): boolean {
  return languages.has(name)
}

export function languageOf(name: string): ServerLanguage {
  const known = languages.get(name)
  if (known) return known
  throw new HeadwaterError(
    'HW_INVALID_OPTIONS',
    `language ${JSON.stringify(name)} is none of ${[...languages.keys()].join(', ')}: name one of them, or take 'simple'`,
    { path: 'language' },
  )
}
