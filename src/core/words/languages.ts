import { stemmer as arabic } from '@orama/stemmers/arabic'
import { stemmer as armenian } from '@orama/stemmers/armenian'
import { stemmer as bulgarian } from '@orama/stemmers/bulgarian'
import { stemmer as danish } from '@orama/stemmers/danish'
import { stemmer as dutch } from '@orama/stemmers/dutch'
import { stemmer as finnish } from '@orama/stemmers/finnish'
import { stemmer as french } from '@orama/stemmers/french'
import { stemmer as german } from '@orama/stemmers/german'
import { stemmer as greek } from '@orama/stemmers/greek'
import { stemmer as hungarian } from '@orama/stemmers/hungarian'
import { stemmer as hindi } from '@orama/stemmers/indian'
import { stemmer as indonesian } from '@orama/stemmers/indonesian'
import { stemmer as irish } from '@orama/stemmers/irish'
import { stemmer as italian } from '@orama/stemmers/italian'
import { stemmer as lithuanian } from '@orama/stemmers/lithuanian'
import { stemmer as nepali } from '@orama/stemmers/nepali'
import { stemmer as norwegian } from '@orama/stemmers/norwegian'
import { stemmer as portuguese } from '@orama/stemmers/portuguese'
import { stemmer as romanian } from '@orama/stemmers/romanian'
import { stemmer as russian } from '@orama/stemmers/russian'
import { stemmer as serbian } from '@orama/stemmers/serbian'
import { stemmer as spanish } from '@orama/stemmers/spanish'
import { stemmer as swedish } from '@orama/stemmers/swedish'
import { stemmer as tamil } from '@orama/stemmers/tamil'
import { stemmer as turkish } from '@orama/stemmers/turkish'
import { stopwords as danishStopWords } from '@orama/stopwords/danish'
import { stopwords as dutchStopWords } from '@orama/stopwords/dutch'
import { stopwords as finnishStopWords } from '@orama/stopwords/finnish'
import { stopwords as frenchStopWords } from '@orama/stopwords/french'
import { stopwords as germanStopWords } from '@orama/stopwords/german'
import { stopwords as hungarianStopWords } from '@orama/stopwords/hungarian'
import { stopwords as italianStopWords } from '@orama/stopwords/italian'
import { stopwords as norwegianStopWords } from '@orama/stopwords/norwegian'
import { stopwords as portugueseStopWords } from '@orama/stopwords/portuguese'
import { stopwords as russianStopWords } from '@orama/stopwords/russian'
import { stopwords as spanishStopWords } from '@orama/stopwords/spanish'
import { stopwords as swedishStopWords } from '@orama/stopwords/swedish'
import { stopwords as turkishStopWords } from '@orama/stopwords/turkish'
import { stemmer as english } from 'stemmer'
import { englishStopWords } from './english-stop-words'

/** What the library knows of a language. Without a stemmer, words are found in the form they have. */
export interface Language {
  readonly stem?: ((word: string) => string) | undefined
  /** Words that say nothing of what a text is about, lower case. */
  readonly stopWords: readonly string[]
  /** Words in Latin letters are English here: technical terms and names in a text of another script. */
  readonly latin?: 'english' | undefined
  /** Upper and lower case of i as in Turkish. */
  readonly locale?: 'tr' | undefined
}

const contractions =
  'aint arent cant couldnt didnt doesnt dont hadnt hasnt havent isnt mustnt shouldnt wasnt werent wont wouldnt'
const none: readonly string[] = []
const plain: Language = { stopWords: none }

/**
 * Languages by the names that Postgres and Elasticsearch give them; those of both mean the same. docs/search.md says what
 * each backend does with each.
 */
export const languages: ReadonlyMap<string, Language> = new Map<string, Language>([
  ['simple', plain],
  ['arabic', { stem: arabic, stopWords: none }],
  ['armenian', { stem: armenian, stopWords: none }],
  ['bengali', plain],
  ['brazilian', { stem: portuguese, stopWords: portugueseStopWords }],
  ['bulgarian', { stem: bulgarian, stopWords: none, latin: 'english' }],
  ['cjk', plain],
  ['czech', plain],
  ['danish', { stem: danish, stopWords: danishStopWords }],
  ['dutch', { stem: dutch, stopWords: dutchStopWords }],
  ['english', { stem: english, stopWords: [...englishStopWords, ...contractions.split(' ')] }],
  ['estonian', plain],
  ['finnish', { stem: finnish, stopWords: finnishStopWords }],
  ['french', { stem: french, stopWords: frenchStopWords }],
  ['galician', plain],
  ['german', { stem: german, stopWords: germanStopWords }],
  ['greek', { stem: greek, stopWords: none }],
  ['hindi', { stem: hindi, stopWords: none, latin: 'english' }],
  ['hungarian', { stem: hungarian, stopWords: hungarianStopWords }],
  ['indonesian', { stem: indonesian, stopWords: none }],
  ['irish', { stem: irish, stopWords: none }],
  ['italian', { stem: italian, stopWords: italianStopWords }],
  ['latvian', plain],
  ['lithuanian', { stem: lithuanian, stopWords: none }],
  ['nepali', { stem: nepali, stopWords: none }],
  ['norwegian', { stem: norwegian, stopWords: norwegianStopWords }],
  ['persian', plain],
  ['portuguese', { stem: portuguese, stopWords: portugueseStopWords }],
  ['romanian', { stem: romanian, stopWords: none }],
  ['russian', { stem: russian, stopWords: russianStopWords, latin: 'english' }],
  ['serbian', { stem: serbian, stopWords: none }],
  ['sorani', plain],
  ['spanish', { stem: spanish, stopWords: spanishStopWords }],
  ['swedish', { stem: swedish, stopWords: swedishStopWords }],
  ['tamil', { stem: tamil, stopWords: none }],
  ['thai', plain],
  ['turkish', { stem: turkish, stopWords: turkishStopWords, locale: 'tr' }],
])
