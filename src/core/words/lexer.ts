import { endianness } from 'node:os'
import { type Character, normalise, piecesOf } from './letters'

/** A word as written (NFKC), with UTF-16 offsets into the text as given. */
export interface Spelling {
  readonly word: string
  readonly start: number
  readonly end: number
}

/**
 * What a text consists of. `word`: letters and digits, and `whole`, where it is more than them (`C++`, `.NET`).
 * `compound`: words that belong together (`node.js`, `e-mail`, `2024-05-01`), with how it is called as one; `loose` where
 * each of its words says something by itself. `run`: characters of a script without spaces. `symbol`: an emoji or a sign.
 */
export type Unit =
  | ({ readonly kind: 'word'; readonly whole?: string | undefined } & Spelling)
  | { readonly kind: 'compound'; readonly parts: readonly Spelling[]; readonly whole: string; readonly loose: boolean }
  | { readonly kind: 'run'; readonly characters: readonly Character[] }
  | { readonly kind: 'symbol'; readonly text: string; readonly start: number; readonly end: number }

// Bounds keep one endless run from overflowing the regular expression engine's stack; the classes are disjoint: linear.
const letter = '[\\p{L}\\p{N}\\p{M}\\p{Cf}]'
const atom = `${letter}{1,255}`
const atLineEnd = '(?:[-\\u2010]|(?<=\\u00ad))[ \\t]{0,8}\\r?\\n[ \\t]{0,8}'
const connector = `(?:[.@&'\\u2019\\u02bc\\uff07\\uff0e\\uff20\\u2010\\u2011/:,-]|_{1,8}|${atLineEnd})`
const joined = new RegExp(`${atom}(?:${connector}${atom}){0,15}(?:(?:\\+{1,2}|#)(?!${letter}))?`, 'uy')
const atoms = new RegExp(atom, 'gu')
const symbol =
  /\p{RI}\p{RI}|(?!\p{ASCII})\p{So}(?:\ufe0f|\p{Emoji_Modifier}|\u200d\p{So}\ufe0f?){0,15}|(?!\p{ASCII})[\p{Sc}\p{Sm}]/uy
const bigEndian = endianness() === 'BE'
const drawn = /[\ufe0e\ufe0f]/g

const isVowel = /^[aeiouhyàâäéèêëîïôöùûüœæáíóú]/iu
const articles =
  'c d j l m n s t qu jusqu lorsqu puisqu quoiqu quelqu presqu all dall dell nell sull coll pell un gl agl dagl degl ' +
  'negl sugl quest quell sant bell'
const elided = new Set(articles.split(' '))
const contracted = new Set(['s', 'm', 'd', 're', 've', 'll'])
const isApostrophe = /^['\u2019\u02bc\uff07]$/
const isHyphen = /^[\u2010\u2011-]$/
const isDigits = /^\p{N}+$/u
const isLetters = /^[\p{L}\p{M}]+$/u

/** Is told the units of a text. Words, which are most of them, without an object for each. */
export interface UnitVisitor {
  word(word: string, start: number, end: number, whole: string | undefined): void
  /**
   * As `word`, of ASCII letters and digits that stand here in the text: most words, for which no string is made. `codes`
   * are those of the text, `hash` is over this stretch of them.
   */
  plain(text: string, codes: Uint16Array, start: number, end: number, hash: number, whole: string | undefined): void
  other(unit: Exclude<Unit, { kind: 'word' }>): void
}

/** The units of a text in order. */
export function unitsOf(text: string): Unit[] {
  const units: Unit[] = []
  visitUnits(text, {
    word: (word, start, end, whole) => units.push({ kind: 'word', word, start, end, whole }),
    plain: (_, __, start, end, ___, whole) => {
      units.push({ kind: 'word', word: text.slice(start, end), start, end, whole })
    },
    other: (unit) => units.push(unit),
  })
  return units
}

/** Tells the units of a text in order. Linear in its length, whatever is in it. */
export function visitUnits(text: string, visitor: UnitVisitor): void {
  const codes = takeCodes(text)
  try {
    visitCodes(text, codes, visitor)
  } finally {
    if (codes === kept) isTaken = false
  }
}

function visitCodes(text: string, codes: Uint16Array, visitor: UnitVisitor): void {
  for (let at = 0; at < text.length; ) {
    const code = codes[at]!
    if (code < 128) {
      const most = Math.min(text.length, at + 255)
      let end = at
      let hash = 0
      for (let one = code; end < most && isPlain(one); one = codes[++end]!) hash = (Math.imul(hash, 31) + one) | 0
      if (end === at) {
        at++
        continue
      }
      if (isPlainStop(text, end)) {
        visitor.plain(text, codes, at, end, hash, dotted(text, at, end))
        at = end
        continue
      }
      const past = visitPlain(text, at, visitor)
      if (past > 0) {
        at = past
        continue
      }
    }
    joined.lastIndex = at
    const found = joined.exec(text)?.[0]
    if (found) {
      visitJoined(text, at, found, visitor)
      at += found.length
      continue
    }
    symbol.lastIndex = at
    const sign = symbol.exec(text)?.[0]
    if (sign) visitor.other({ kind: 'symbol', text: sign.replace(drawn, ''), start: at, end: at + sign.length })
    at += sign?.length ?? (code >= 0xd800 && code < 0xdc00 ? 2 : 1)
  }
}

const kept = new Uint16Array(65_536)
const keptBytes = Buffer.from(kept.buffer)

let isTaken = false

/** The UTF-16 units of a text: to read each from the string takes several times as long. */
function takeCodes(text: string): Uint16Array {
  if (isTaken || bigEndian || text.length > kept.length) {
    const codes = new Uint16Array(text.length)
    for (let at = 0; at < codes.length; at++) codes[at] = text.charCodeAt(at)
    return codes
  }
  isTaken = true
  keptBytes.write(text, 'utf16le')
  return kept
}

/** Where the ASCII letters and digits that begin here end, at most 255 on. */
function plainEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && at - from < 255 && isPlain(text.charCodeAt(at))) at++
  return at
}

function isPlain(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57)
}

/** True where a word surely ends: what follows cannot belong to it. Most words are done by this alone. */
function isPlainStop(text: string, at: number): boolean {
  if (at >= text.length) return true
  const code = text.charCodeAt(at)
  if (code <= 32) return true
  if (code >= 128 || isPlain(code)) return false
  switch (code) {
    case 35: // #
    case 43: // +
    case 95: // _
      return false
    case 47: // /
    case 58: // :
    case 44: // ,
      return (
        !(isDigit(text.charCodeAt(at - 1)) && isDigit(text.charCodeAt(at + 1))) && !(text.charCodeAt(at + 1) >= 128)
      )
    case 38: // &
    case 39: // '
    case 46: // .
    case 64: // @
      return !isJoined(text.charCodeAt(at + 1))
    case 45: // -, at the end of a line too
      return !(isJoined(text.charCodeAt(at + 1)) || text.charCodeAt(at + 1) <= 32)
    default:
      return true
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function isJoined(code: number): boolean {
  return code >= 128 || isPlain(code)
}

/** `.net`, where a dot stands before a name. */
function dotted(text: string, start: number, end: number): string | undefined {
  if (start === 0 || text.charCodeAt(start - 1) !== 46 || (start > 1 && !/[\s([{"']/.test(text[start - 2]!)))
    return undefined
  return /^[A-Za-z]/.test(text[start]!) ? text.slice(start - 1, end) : undefined
}

interface Atom extends Spelling {
  /** What stands between this and the one before. */
  readonly before: string
}

/** More words are not joined, as in `joined`. */
const mostJoined = 16

/**
 * What `joined` finds and `visitJoined` tells of it, where all of it is ASCII, in a fraction of the time. Gives its end, or
 * -1, with nothing told, where something else is among it or next to it.
 */
function visitPlain(text: string, from: number, visitor: UnitVisitor): number {
  const found: Atom[] = []
  let last = from
  for (let start = from; ; ) {
    const end = plainEnd(text, start)
    if (text.charCodeAt(end) >= 128) return -1
    found.push({ word: text.slice(start, end), start, end, before: text.slice(last, start) })
    last = end
    const next = found.length < mostJoined ? connectorEnd(text, end) : end
    if (text.charCodeAt(next) >= 128) return -1
    if (next === end || !isPlain(text.charCodeAt(next))) break
    start = next
  }
  const end = suffixEnd(text, last)
  if (text.charCodeAt(end) >= 128) return -1
  let group: Atom[] = []
  for (const one of found) {
    if (group.length > 0 && joins(one.before, group[group.length - 1]!, one)) group.push(one)
    else {
      visitGroup(text, group, '', visitor)
      group = [{ ...one, before: '' }]
    }
  }
  visitGroup(text, group, text.slice(last, end), visitor)
  return end
}

/** Where the sign ends that may join what is before it with what follows; `at` where there is none. */
function connectorEnd(text: string, at: number): number {
  let next = at + 1
  switch (text.charCodeAt(at)) {
    case 38: // &
    case 39: // '
    case 44: // ,
    case 46: // .
    case 47: // /
    case 58: // :
    case 64: // @
      return next
    case 45: // -, at the end of a line too
      if (isJoined(text.charCodeAt(next))) return next
      next = blanksEnd(text, next)
      if (text.charCodeAt(next) === 13) next++
      return text.charCodeAt(next) === 10 ? blanksEnd(text, next + 1) : at
    case 95: // _
      while (next - at < 8 && text.charCodeAt(next) === 95) next++
      return next
    default:
      return at
  }
}

function blanksEnd(text: string, from: number): number {
  let at = from
  while (at - from < 8 && (text.charCodeAt(at) === 32 || text.charCodeAt(at) === 9)) at++
  return at
}

/** Where `++`, `+` or `#` ends that belongs to the word before it, since no letter follows. */
function suffixEnd(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code !== 35 && code !== 43) return at
  if (code === 43 && text.charCodeAt(at + 1) === 43) return isPlain(text.charCodeAt(at + 2)) ? at + 1 : at + 2
  return isPlain(text.charCodeAt(at + 1)) ? at : at + 1
}

/** The units of what is joined by signs; where a sign does not join, it parts. */
function visitJoined(text: string, offset: number, found: string, visitor: UnitVisitor): void {
  const suffix = /(?:\+{1,2}|#)$/.exec(found)?.[0] ?? ''
  let group: Atom[] = []
  let last = 0
  for (const { 0: raw, index } of found.matchAll(atoms)) {
    const before = found.slice(last, index)
    last = index + raw.length
    const pieces = piecesOf(raw, offset + index)
    const [only] = pieces
    const single = pieces.length === 1 && only && 'word' in only ? only : undefined
    if (single && group.length > 0 && joins(before, group.at(-1)!, single)) {
      group.push({ ...single, before })
      continue
    }
    visitGroup(text, group, '', visitor)
    group = single ? [{ ...single, before: '' }] : []
    if (single) continue
    for (const piece of pieces) {
      if ('word' in piece) visitor.word(piece.word, piece.start, piece.end, undefined)
      else visitor.other({ kind: 'run', characters: piece.characters })
    }
  }
  visitGroup(text, group, suffix, visitor)
}

function joins(before: string, left: Spelling, right: Spelling): boolean {
  if (before === '') return false
  switch (normalise(before)[0]) {
    case '/':
    case ':':
    case ',':
      return isDigits.test(left.word) && isDigits.test(right.word)
    default:
      if (isApostrophe.test(before)) return isLetters.test(left.word) && isLetters.test(right.word)
      if (!before.includes('\n')) return true
      return isLetters.test(left.word) && /^\p{Ll}/u.test(right.word)
  }
}

function visitGroup(text: string, group: readonly Atom[], suffix: string, visitor: UnitVisitor): void {
  const atoms = group.length > 1 ? withoutContractions(group) : group
  const [first] = atoms
  if (!first) return
  if (atoms.length === 1) {
    const whole = suffix ? `${first.word}${suffix}` : dotted(text, first.start, first.end)
    visitor.word(first.word, first.start, first.end + suffix.length, whole)
    return
  }
  const signs = atoms.slice(1).map(({ before }) => before)
  const hyphenated = signs.every((sign) => isHyphen.test(sign) || isApostrophe.test(sign) || sign.includes('\n'))
  const digits = atoms.every(({ word }) => isDigits.test(word))
  const initials = atoms.every(({ word }) => word.length === 1) && signs.every((sign) => sign === '.') && !digits
  let whole = ''
  for (const { word, before } of atoms) {
    const grouped = before === ',' && word.length === 3
    whole += `${initials || grouped || (hyphenated && !digits) ? '' : plain(before)}${word}`
  }
  if (whole.length > 255) whole = ''
  visitor.other({ kind: 'compound', parts: atoms, whole: `${whole}${suffix}`, loose: hyphenated && !digits })
}

/** A sign as it is kept in the name of the whole. */
function plain(sign: string): string {
  return isHyphen.test(sign) || sign.includes('\n') ? '-' : normalise(sign)
}

/** Without elided articles before (`l'école`), and endings after an apostrophe (`it's`, `we'll`); `don't` is one word. */
function withoutContractions(group: readonly Atom[]): Atom[] {
  const atoms: Atom[] = []
  for (const one of group) {
    const left = atoms.at(-1)
    if (!left || !isApostrophe.test(one.before)) {
      atoms.push(one)
      continue
    }
    const [before, after] = [left.word.toLowerCase(), one.word.toLowerCase()]
    if (after === 't' && before.endsWith('n'))
      atoms[atoms.length - 1] = { ...left, word: left.word + one.word, end: one.end }
    else if (contracted.has(after)) atoms[atoms.length - 1] = { ...left, end: one.end }
    else if (elided.has(before) && isVowel.test(one.word)) atoms[atoms.length - 1] = { ...one, before: left.before }
    else atoms.push(one)
  }
  return atoms
}
