import { alone, joins, unitClasses } from './units'

/** So far a character is looked for whole; what is longer, as only hostile text is, may be cut between code points. */
const longest = 1_024

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
  if (isPair(before, unit)) return false
  let from = at - 1
  const least = Math.max(floor, at - longest)
  while (from > least && !(classes[text.charCodeAt(from)]! & alone)) from--
  if (from > 0 && isPair(text.charCodeAt(from - 1), text.charCodeAt(from))) from++
  segmenter ??= new Intl.Segmenter('und', { granularity: 'grapheme' })
  // What comes before decides, and the first code point after.
  return segmenter.segment(text.slice(from, at + 2)).containing(at - from)?.index === at - from
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
