import { alone, joins, unitClasses } from './units'

/** So much before a place tells whether a character begins there, units; flags apart, whose whole run counts. */
const telling = 32

let segmenter: Intl.Segmenter | undefined

/**
 * Whether a character as readers see it begins at `at`: never between the halves of a pair, before a combining mark or
 * within a joined emoji. `floor` is a place before it where one does.
 */
export function isBorder(text: string, at: number, floor = 0): boolean {
  if (at <= floor || at >= text.length) return true
  const classes = unitClasses()
  const before = text.charCodeAt(at - 1)
  const unit = text.charCodeAt(at)
  if (classes[before]! & classes[unit]! & alone) return true
  if (before === 0x0a || before === 0x0d) return !(before === 0x0d && unit === 0x0a)
  if (classes[unit]! & joins) return before < 0x20
  if (classes[before]! & joins && classes[unit]! & alone && before !== 0x200d) return !isLinker(before)
  if (isPair(before, unit) || (isJamo(unit) && isHangul(before)) || (isJamo(before) && isHangul(unit))) return false
  if ((unit & 0xfc00) === 0xd800) {
    const known = isEmojiBorder(text, at, floor)
    if (known !== undefined) return known
  }
  let from = at - 1
  const least = Math.max(floor, at - telling)
  while (from > least && !(classes[text.charCodeAt(from)]! & alone)) from--
  if (from > 0 && isPair(text.charCodeAt(from - 1), text.charCodeAt(from))) from++
  segmenter ??= new Intl.Segmenter('und', { granularity: 'grapheme' })
  // What comes before decides, and the first code point after.
  return segmenter.segment(text.slice(from, at + 2)).containing(at - from)?.index === at - from
}

/**
 * Before a surrogate pair: what is plain about emoji and flags, which the segmenter would take long to tell. Undefined
 * where it has to.
 */
function isEmojiBorder(text: string, at: number, floor: number): boolean | undefined {
  if (text.charCodeAt(at - 1) === 0x200d) return false
  const [high, low] = [text.charCodeAt(at), text.charCodeAt(at + 1)]
  if (isFlagLetter(high, low)) {
    // Flags are pairs of letters, from the first of a run.
    let first = at
    while (first - 2 >= floor && isFlagLetter(text.charCodeAt(first - 2), text.charCodeAt(first - 1))) first -= 2
    return first === at ? undefined : (at - first) % 4 === 0
  }
  const isModifier = high === 0xd83c && low >= 0xdffb
  const afterEmoji = at - 2 >= floor && isEmoji(text.charCodeAt(at - 2), text.charCodeAt(at - 1))
  return isEmoji(high, low) && !isModifier && afterEmoji ? true : undefined
}

/** Marks that join the letters on both sides; taken to do so in every script that has them. */
function isLinker(unit: number): boolean {
  return (unit >= 0x900 && unit <= 0xdff && (unit & 0x7f) === 0x4d) || otherLinkers.has(unit)
}

const otherLinkers: ReadonlySet<number> = new Set([0xdca, 0x1039, 0x17d2, 0x1a60, 0x1b44, 0x1bab, 0xa9c0, 0xaaf6])

/** Parts of syllables, which may go on joining; taken to do so even where they would not. */
function isJamo(unit: number): boolean {
  return (unit >= 0x1100 && unit <= 0x11ff) || (unit >= 0xa960 && unit <= 0xa97c) || (unit >= 0xd7b0 && unit <= 0xd7fb)
}

function isHangul(unit: number): boolean {
  return isJamo(unit) || (unit >= 0xac00 && unit <= 0xd7a3)
}

function isFlagLetter(high: number, low: number): boolean {
  return high === 0xd83c && low >= 0xdde6 && low <= 0xddff
}

function isEmoji(high: number, low: number): boolean {
  return high >= 0xd83c && high <= 0xd83e && (low & 0xfc00) === 0xdc00 && !isFlagLetter(high, low)
}

/** Between the halves of a surrogate pair. */
export function isPair(before: number, unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00 && (before & 0xfc00) === 0xd800
}

/** The beginning of a text, of whole characters, without white space at its end. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text
  let end = most
  while (end > 0 && end > most - 64 && !isBorder(text, end)) end--
  if (isPair(text.charCodeAt(end - 1), text.charCodeAt(end))) end--
  return text.slice(0, end).trimEnd()
}
