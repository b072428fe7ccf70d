import { fold } from '../../core/words/fold'

/** Rules of a mapping filter, which reads a text before it is cut into words; offsets stay those of the text. */
interface CharacterOptions {
  readonly folding: boolean
  /** Whether a zero width non-joiner parts words. */
  readonly parts: boolean
}

/** Scripts without spaces beside Chinese, Japanese and Korean: Thai, Lao, Burmese, Khmer. */
const unspaced: readonly (readonly [number, number])[] = [
  [0x0e00, 0x0e7f],
  [0x0e80, 0x0eff],
  [0x1000, 0x109f],
  [0x1780, 0x17ff],
]
/**
 * Ideographs that no normalised text has. The characters of the scripts above stand as these, because the server makes
 * pairs of neighbours of ideographs alone.
 */
const standIns = 0x2f800

/** Composed letters whose accents are not told by an ASCII folding, and vowel signs that may be left out. */
const folded: readonly (readonly [number, number])[] = [
  [0x0370, 0x03ff],
  [0x0400, 0x045f],
  [0x0591, 0x05c7],
  [0x0622, 0x065f],
  [0x0670, 0x0670],
  [0x06a9, 0x06cc],
  [0x06d6, 0x06e8],
  [0x1f00, 0x1fff],
]
/** What is written as a letter and marks, or as one character. */
const composed: readonly (readonly [number, number])[] = [
  [0x0400, 0x045f],
  [0x3040, 0x30ff],
]
const latin: readonly (readonly [number, number])[] = [
  [0x00c0, 0x024f],
  [0x0370, 0x03ff],
  [0x1e00, 0x1eff],
  [0x1f00, 0x1fff],
]
const accents = [0x0300, 0x036f] as const

/** Signs of money and of calculation, which a tokenizer drops, as letters that no text has, with space around them. */
const signs = [...'¢£¥€₩₪₫₭₱₲₴₹₺₽₿±×÷≈≠≤≥∞√∑∏∫∂∆∈∩∪⊂⊃→←↔⇒⇔∀∃¬∧∨']
const signLetters = 0x10600

export function characterMappings({ folding, parts }: CharacterOptions): string[] {
  const rules = new Map<string, string>()
  const each = (ranges: readonly (readonly [number, number])[], make: (char: string) => void): void => {
    for (const [first, last] of ranges) for (let code = first; code <= last; code++) make(String.fromCodePoint(code))
  }
  // What is not seen: soft hyphens, zero width, marks of direction, variation selectors.
  each(
    [
      [0x00ad, 0x00ad],
      [0x061c, 0x061c],
      [0x180e, 0x180e],
      [0x200b, 0x200f],
      [0x202a, 0x202e],
      [0x2060, 0x2064],
      [0x2066, 0x206f],
      [0xfeff, 0xfeff],
    ],
    (char) => rules.set(char, char === '\u200c' && parts ? ' ' : ''),
  )
  each([[0xff01, 0xff5e]], (char) => rules.set(char, char.normalize('NFKC')))
  for (const apostrophe of '\u2018\u2019\u02bc\uff07') rules.set(apostrophe, "'")
  for (const hyphen of '\u2010\u2011') rules.set(hyphen, '-')
  for (const [at, sign] of [...signs].entries()) rules.set(sign, ` ${String.fromCodePoint(signLetters + at)} `)
  let standIn = standIns
  each(unspaced, (char) => {
    if (/[\p{L}\p{M}]/u.test(char)) rules.set(char, String.fromCodePoint(standIn++))
  })
  if (folding) {
    each(folded, (char) => {
      const made = fold(char)
      if (made !== char.normalize('NFC')) rules.set(char, made)
    })
    each([accents], (char) => rules.set(char, ''))
  }
  each(folding ? composed : [...composed, ...latin], (char) => {
    const apart = char.normalize('NFD')
    if (apart !== char) rules.set(apart, rules.get(char) ?? char)
  })
  return [...rules].map(([from, to]) => `${escaped(from)} => ${escaped(to)}`)
}

/** The server trims what is white, and takes a backslash for an escape. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\u005c').replaceAll(' ', '\\u0020')
}
