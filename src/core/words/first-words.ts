import { stemmer } from 'stemmer'
import { englishStopWords } from './english-stop-words'

/** A word of a text. `start` and `end` are UTF-16 offsets into the text as given, before any normalisation. */
export interface Word {
  /** NFKC, lower case. */
  readonly term: string
  readonly start: number
  readonly end: number
}

// The bound keeps one endless run of letters from overflowing the regular expression engine's stack.
const run = /[\p{L}\p{N}\p{M}_]{1,255}/gu
const ascii = /^[0-9A-Za-z_]+$/
const wordOnly = /^[\p{L}\p{N}\p{M}_]+$/u
// Written without spaces between words: each character, with its marks, is a term.
const unspacedClass =
  '\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Hang}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}'
const unspaced = new RegExp(`[${unspacedClass}]`, 'u')
// Conjoining jamo compose only together, so that a run of them stays one cluster.
const cluster = /[\u1100-\u11ff]+|[^\p{M}]\p{M}*|\p{M}+/gu
const piece = new RegExp(`[${unspacedClass}]\\p{M}*|(?:(?![${unspacedClass}])[\\p{L}\\p{N}\\p{M}_])+`, 'gu')

/**
 * The words of a text in order: runs of letters, digits, marks and `_`, at most 255 units each. Chinese, Japanese,
 * Korean, Thai, Lao, Khmer and Burmese have no usable spaces and give one term a character.
 */
export function words(text: string): Word[] {
  const found: Word[] = []
  for (const match of text.matchAll(run)) {
    const raw = match[0]
    const start = match.index
    const term = raw.toLowerCase()
    if (ascii.test(raw)) {
      found.push({ term, start, end: start + raw.length })
      continue
    }
    const folded = fold(raw)
    if (!unspaced.test(folded) && wordOnly.test(folded)) found.push({ term: folded, start, end: start + raw.length })
    else splitRun(raw, folded, start, found)
  }
  return found
}

function fold(raw: string): string {
  return raw.normalize('NFKC').toLowerCase()
}

/** A run that normalisation tears apart (a fraction, a bracketed digit) or that is written without spaces. */
function splitRun(raw: string, folded: string, offset: number, found: Word[]): void {
  if (folded.length === raw.length) {
    for (const match of folded.matchAll(piece)) {
      const start = offset + match.index
      found.push({ term: match[0], start, end: start + match[0].length })
    }
    return
  }
  // Lengths differ: fold cluster by cluster, so that each unit of the folded text knows where it came from.
  const starts: number[] = []
  const ends: number[] = []
  let whole = ''
  for (const match of raw.matchAll(cluster)) {
    const part = fold(match[0])
    const start = offset + match.index
    for (let i = 0; i < part.length; i++) {
      starts.push(start)
      ends.push(start + match[0].length)
    }
    whole += part
  }
  for (const match of whole.matchAll(piece)) {
    found.push({ term: match[0], start: starts[match.index]!, end: ends[match.index + match[0].length - 1]! })
  }
}

/** Longest word that is stemmed; longer ones are identifiers and the stemmer is slow on them. */
const maxStemmed = 40
const remembered = 50_000
const stems = new Map<string, string>()

/**
 * What a text is indexed and searched by: English words stemmed (Porter) and without stop words, or, for any other
 * language, the words as `words` folds them. Repeats are kept.
 */
export function terms(text: string, language = 'english'): string[] {
  const list: string[] = []
  const english = language === 'english'
  for (const { term } of words(text)) {
    if (!english) list.push(term)
    else if (!englishStopWords.has(term)) list.push(stem(term))
  }
  return list
}

/** The Porter stem of an English word, as `terms` makes it; stop words are stemmed too. */
export function stem(term: string): string {
  if (term.length > maxStemmed || !isLetters(term)) return term
  const known = stems.get(term)
  if (known !== undefined) return known
  const made = stemmer(term)
  if (stems.size >= remembered) stems.clear()
  stems.set(term, made)
  return made
}

function isLetters(term: string): boolean {
  for (let i = 0; i < term.length; i++) {
    const code = term.charCodeAt(i)
    if (code < 97 || code > 122) return false
  }
  return true
}
