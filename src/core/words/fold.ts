const ascii = /^[\0-\x7f]*$/
/** Marks that are accents, or vowels that may be left out. Those of other scripts are letters: they stay. */
const accents = /(?<=[\p{sc=Latin}\p{sc=Greek}]\p{Mn}{0,8})\p{Mn}/gu
const vowels = /[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u0640]/g
const letters: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
  ŧ: 't',
  ħ: 'h',
  ς: 'σ',
  ё: 'е',
  ى: 'ي',
  ی: 'ي',
  ک: 'ك',
  ة: 'ه',
}
const other = new RegExp(`[${Object.keys(letters).join('')}]`, 'g')
const digit = /[^\P{Nd}0-9]/gu

/** A word without regard to case, accents and the ways to write a digit. Of NFKC; linear. */
export function fold(word: string): string {
  const lower = word.toLowerCase()
  if (ascii.test(lower)) return lower
  return lower
    .normalize('NFD')
    .replace(accents, '')
    .replace(vowels, '')
    .normalize('NFC')
    .replace(other, (letter) => letters[letter]!)
    .replace(digit, plainDigit)
}

/** Digits of a script stand in tens, in order. */
function plainDigit(written: string): string {
  const code = written.codePointAt(0)!
  for (let value = 0; value < 10; value++) {
    if (!/\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) return String(value)
  }
  return written
}
