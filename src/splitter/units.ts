/** Kinds of UTF-16 units, by what they cost a tokeniser. */
export const kind = {
  other: 0,
  space: 1,
  latin: 2,
  digit: 3,
  mark: 4,
  cyrillic: 5,
  arabic: 6,
  indic: 7,
  thai: 8,
  kana: 9,
  han: 10,
  hangul: 11,
  surrogate: 12,
  punctuation: 13,
} as const

/** The bits of a unit's class that hold its kind; the others are flags. */
export const kindBits = 0x0f
/** Belongs to the character before it, whatever that is: combining marks, joiners, variation selectors. */
export const joins = 0x10
/** Stands alone between two of its like: there is a border of graphemes, and nobody need be asked. */
export const alone = 0x20
/** Ends a sentence. */
export const stops = 0x40
/** Quotes and brackets that close what a sentence ends in. */
export const closes = 0x80

const ranges: readonly (readonly [from: number, to: number, of: number])[] = [
  [0x09, 0x0d, kind.space],
  [0x20, 0x20, kind.space],
  [0x21, 0x7e, kind.punctuation],
  [0x30, 0x39, kind.digit],
  [0x41, 0x5a, kind.latin],
  [0x61, 0x7a, kind.latin],
  [0xa0, 0xa0, kind.space],
  [0xa1, 0xbf, kind.punctuation],
  [0xc0, 0x24f, kind.latin],
  [0x370, 0x52f, kind.cyrillic],
  [0x590, 0x8ff, kind.arabic],
  [0x900, 0xdff, kind.indic],
  [0xe00, 0xeff, kind.thai],
  [0x1000, 0x109f, kind.thai],
  [0x1100, 0x11ff, kind.hangul],
  [0x1780, 0x17ff, kind.thai],
  [0x1e00, 0x1fff, kind.latin],
  [0x2000, 0x200a, kind.space],
  [0x2010, 0x205e, kind.punctuation],
  [0x2028, 0x2029, kind.space],
  [0x3000, 0x3029, kind.punctuation],
  [0x3041, 0x30ff, kind.kana],
  [0x3130, 0x318f, kind.hangul],
  [0x3400, 0x4dbf, kind.han],
  [0x4e00, 0x9fff, kind.han],
  [0xac00, 0xd7a3, kind.hangul],
  [0xd800, 0xdfff, kind.surrogate],
  [0xf900, 0xfaff, kind.han],
  [0xfb1d, 0xfdff, kind.arabic],
  [0xfe70, 0xfefe, kind.arabic],
  [0xff00, 0xff65, kind.punctuation],
]

/** Beside marks: zero width non-joiner and joiner, and half-width voiced sound marks. */
const otherJoiners = [0x200c, 0x200d, 0xff9e, 0xff9f]

/** Parts of Hangul syllables, letters that count as marks, and signs that belong to what follows. */
function isDependent(unit: number): boolean {
  if ((unit >= 0x1100 && unit <= 0x11ff) || (unit >= 0xa960 && unit <= 0xa97c) || unit >= 0xd7b0) return unit < 0xd800
  return unit === 0xe33 || unit === 0xeb3 || unit === 0xd4e
}

let table: Uint8Array | undefined

/** The class of each UTF-16 unit: its kind and flags. Made when first needed, which takes a few ms. */
export function unitClasses(): Uint8Array {
  table ??= made()
  return table
}

function made(): Uint8Array {
  const classes = new Uint8Array(0x1_0000)
  for (const [from, to, of] of ranges) classes.fill(of, from, to + 1)
  for (let unit = 0; unit < classes.length; unit++) {
    if (unit >= 0xd800 && unit <= 0xdfff) continue
    const character = String.fromCharCode(unit)
    if (/\p{M}/u.test(character)) classes[unit] = kind.mark | joins
    else if (/[\p{L}\p{N}\p{P}\p{S}\p{Z}\n]/u.test(character) && !isDependent(unit)) classes[unit]! |= alone
    // An ellipsis ends a sentence as a full stop does, as far as a splitter can tell.
    if (/[\p{Sentence_Terminal}…]/u.test(character)) classes[unit]! |= stops
    if (/[\p{Pe}\p{Pf}"']/u.test(character)) classes[unit]! |= closes
  }
  for (const unit of otherJoiners) classes[unit] = kind.mark | joins
  return classes
}
