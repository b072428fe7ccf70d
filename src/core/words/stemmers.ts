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
import type { Stemming } from './stemming'

const none: readonly string[] = []

/** Of each language but English that has one. Loaded when a store opens: they are large. */
export const stemmers: ReadonlyMap<string, Stemming> = new Map<string, Stemming>([
  ['arabic', { stem: arabic, stopWords: none }],
  ['armenian', { stem: armenian, stopWords: none }],
  ['brazilian', { stem: portuguese, stopWords: portugueseStopWords }],
  ['bulgarian', { stem: bulgarian, stopWords: none }],
  ['danish', { stem: danish, stopWords: danishStopWords }],
  ['dutch', { stem: dutch, stopWords: dutchStopWords }],
  ['finnish', { stem: finnish, stopWords: finnishStopWords }],
  ['french', { stem: french, stopWords: frenchStopWords }],
  ['german', { stem: german, stopWords: germanStopWords }],
  ['greek', { stem: greek, stopWords: none }],
  ['hindi', { stem: hindi, stopWords: none }],
  ['hungarian', { stem: hungarian, stopWords: hungarianStopWords }],
  ['indonesian', { stem: indonesian, stopWords: none }],
  ['irish', { stem: irish, stopWords: none }],
  ['italian', { stem: italian, stopWords: italianStopWords }],
  ['lithuanian', { stem: lithuanian, stopWords: none }],
  ['nepali', { stem: nepali, stopWords: none }],
  ['norwegian', { stem: norwegian, stopWords: norwegianStopWords }],
  ['portuguese', { stem: portuguese, stopWords: portugueseStopWords }],
  ['romanian', { stem: romanian, stopWords: none }],
  ['russian', { stem: russian, stopWords: russianStopWords }],
  ['serbian', { stem: serbian, stopWords: none }],
  ['spanish', { stem: spanish, stopWords: spanishStopWords }],
  ['swedish', { stem: swedish, stopWords: swedishStopWords }],
  ['tamil', { stem: tamil, stopWords: none }],
  ['turkish', { stem: turkish, stopWords: turkishStopWords }],
])
