/** Scripts written without spaces between words, as the inside of a character class. */
const unspacedClass =
  '\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Hang}\\p{scx=Bopo}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}'
/** Conjoining jamo compose only together, so that a run of them stays one cluster. */
const cluster = /[\u1100-\u11ff]{1,64}|[^\p{M}]\p{M}{0,32}|\p{M}{1,32}/gu
const invisible = /[\p{Cf}\p{Variation_Selector}]|\u034f/gu
const unspaced = new RegExp(`[${unspacedClass}]`, 'u')
const wordOnly = /^[\p{L}\p{N}\p{M}]+$/u
const ascii = /^[\0-\x7f]*$/
/** Each would become a whole sentence: it stays what it is, so that no text grows by what is in it. */
const sentences = /[\ufdfa\ufdfb]/

/** A piece of a run of letters and digits: a word, or the characters (with their marks) of a script without spaces. */
export type Piece =
  | { readonly word: string; readonly start: number; readonly end: number }
  | { readonly characters: readonly Character[] }

export interface Character {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** NFKC, without what is not seen: soft hyphens, zero width, marks of direction, variation selectors. */
export function normalise(raw: string): string {
  if (ascii.test(raw)) return raw
  const seen = raw.replace(invisible, '')
  if (!sentences.test(seen)) return seen.normalize('NFKC')
  return seen.replace(/[^\ufdfa\ufdfb]+/g, (part) => part.normalize('NFKC'))
}

/** Characters that are their own normal form and stand alone. */
const simple = /^[\u3041-\u3096\u30a1-\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]+$/

/** What a run of letters, digits, marks and invisible characters consists of. Offsets are into the text, at `offset`. */
export function piecesOf(raw: string, offset: number): Piece[] {
  if (simple.test(raw)) {
    return [{ characters: raw.split('').map((text, i) => ({ text, start: offset + i, end: offset + i + 1 })) }]
  }
  const word = normalise(raw)
  if (word === '') return []
  if (!unspaced.test(word) && wordOnly.test(word)) return [{ word, start: offset, end: offset + raw.length }]
  const found: Piece[] = []
  let letters: { word: string; start: number; end: number } | undefined
  let characters: Character[] | undefined
  // Cluster by cluster, so that what normalisation makes of one still knows where it stands.
  for (const { 0: written, index } of raw.replace(invisible, (one) => '\u200b'.repeat(one.length)).matchAll(cluster)) {
    const start = offset + index
    const end = start + written.length
    for (const { 0: part } of normalise(written).matchAll(cluster)) {
      if (unspaced.test(part)) {
        letters = undefined
        if (!characters) {
          characters = []
          found.push({ characters })
        }
        characters.push({ text: part, start, end })
      } else if (wordOnly.test(part)) {
        characters = undefined
        if (!letters) {
          letters = { word: '', start, end }
          found.push(letters)
        }
        letters.word += part
        letters.end = end
      } else {
        letters = undefined
        characters = undefined
      }
    }
  }
  return found
}
