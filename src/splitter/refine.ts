import { strength } from './cuts'
import { isBorder, isPair } from './graphemes'
import { firstInk, isSpace, lastInk } from './ink'
import { closes, kind, kindBits, stops, unitClasses } from './units'

/** Called for each boundary inside a block: the piece before it ends at `end`, the next begins at `start`. */
export type Boundary = (end: number, start: number, strength: number) => void

export interface Grain {
  /** Sizes a piece of text. */
  readonly size: (start: number, end: number) => number
  /** Pieces up to this size stay whole. */
  readonly limit: number
  /** Most units of a piece that has no word's end. */
  readonly longest: number
}

/** A character may be so long before it is cut within all the same: letters under endless marks. */
const endless = 64

/**
 * Cuts a block that is too large into sentences (or lines), those into words, and those into characters as readers see
 * them. Looks at nothing outside the block, so that a part of a text is cut in a time of its own length.
 */
export function refine(
  text: string,
  start: number,
  end: number,
  by: 'sentences' | 'rows' | 'code',
  grain: Grain,
  boundary: Boundary,
): void {
  const piece: Piece = (to, next, worth, from) => {
    if (grain.size(from, to) > grain.limit) words(text, from, to, grain, boundary)
    if (next < end) boundary(to, next, worth)
  }
  if (by === 'sentences') sentences(text, start, end, piece)
  else lines(text, start, end, by === 'code', piece)
}

/** Each piece [from, end), the start of the next and the worth of the boundary between them. */
type Piece = (end: number, next: number, strength: number, from: number) => void

/** Code is best cut after a blank line before a line that is not indented: between functions, as a rule. */
function lines(text: string, start: number, end: number, code: boolean, piece: Piece): void {
  let from = start
  let at = start
  while (from < end) {
    while (at < end && text.charCodeAt(at) !== 0x0a) at++
    const next = firstInk(text, at, end)
    if (next < end && !isBorder(text, next, from)) {
      at = next
      continue
    }
    const apart = code && text.charCodeAt(next - 1) === 0x0a && blankBetween(text, at, next)
    piece(lastInk(text, from, at), next, apart ? strength.sentence : strength.line, from)
    from = next
    at = next
  }
}

function blankBetween(text: string, from: number, to: number): boolean {
  let newlines = 0
  for (let i = from; i < to && newlines < 2; i++) if (text.charCodeAt(i) === 0x0a) newlines++
  return newlines > 1
}

/**
 * After a full stop with what closes it and white space; at once after those of scripts that write no spaces or no other
 * use of the sign; between Thai (Khmer, Burmese) words with a space, which is their full stop; and at line ends.
 */
function sentences(text: string, start: number, end: number, piece: Piece): void {
  const classes = unitClasses()
  let from = start
  let i = start
  while (i < end) {
    const code = text.charCodeAt(i++)
    let worth = 0
    let to = i
    if (code === 0x0a) {
      worth = strength.line
      to = i - 1
    } else if (classes[code]! & stops) {
      while (i < end && classes[text.charCodeAt(i)]! & (stops | closes)) i++
      to = i
      if (!isAmbiguous(code) || (i < end && isSpace(text.charCodeAt(i)))) worth = strength.sentence
    } else if (isSpace(code) && i - 2 >= from && isThai(classes, text.charCodeAt(i - 2))) {
      to = i - 1
      if (isThai(classes, text.charCodeAt(firstInk(text, i, end)))) worth = strength.sentence
    }
    if (worth === 0) continue
    const next = firstInk(text, i, end)
    if (next < end) {
      if (worth === strength.sentence && isLower(text.charCodeAt(next))) continue
      if (!isBorder(text, next, from)) continue
    }
    const last = lastInk(text, from, to)
    if (last === from) continue
    piece(last, next, worth, from)
    from = next
    i = next
  }
  if (from < end) piece(lastInk(text, from, end), end, strength.sentence, from)
}

function words(text: string, start: number, end: number, grain: Grain, boundary: Boundary): void {
  let from = start
  let at = start
  while (from < end) {
    while (at < end && !isSpace(text.charCodeAt(at))) at++
    const next = firstInk(text, at, end)
    if (next < end && !isBorder(text, next, from)) {
      at = next
      continue
    }
    const to = lastInk(text, from, at)
    if (grain.size(from, to) > grain.limit) characters(text, from, to, grain, boundary)
    if (next < end) boundary(to, next, strength.word)
    from = next
    at = next
  }
}

/** Where the last 8 units say so, and at the latest when the piece is long: boundaries that move with the content. */
function characters(text: string, start: number, end: number, grain: Grain, boundary: Boundary): void {
  const { longest } = grain
  let from = start
  let hash = 0
  for (let i = start + 1; i < end; i++) {
    hash = (hash << 4) ^ Math.imul(text.charCodeAt(i - 1), 0x9e3779b1)
    const chosen = ((hash >>> 16) ^ (hash >>> 7)) % 61 === 0
    const over = i - from - longest
    if (!chosen && over < 0) continue
    if (isSpace(text.charCodeAt(i)) || isSpace(text.charCodeAt(i - 1))) continue
    if (over < endless ? !isBorder(text, i, from) : isPair(text.charCodeAt(i - 1), text.charCodeAt(i))) continue
    halve(text, from, i, grain, boundary)
    boundary(i, i, strength.character)
    from = i
  }
  halve(text, from, end, grain, boundary)
}

/** A tokeniser may still find a run of characters too large. */
function halve(text: string, start: number, end: number, grain: Grain, boundary: Boundary): void {
  if (end - start < 2 || grain.size(start, end) <= grain.limit) return
  const middle = middleOf(text, start, end)
  if (middle === undefined) return
  halve(text, start, middle, grain, boundary)
  boundary(middle, middle, strength.character)
  halve(text, middle, end, grain, boundary)
}

/** The border of characters nearest to the middle; undefined for a single character. */
function middleOf(text: string, start: number, end: number): number | undefined {
  const middle = (start + end) >>> 1
  for (let away = 0; away <= endless; away++) {
    for (const at of [middle + away, middle - away]) {
      if (at <= start || at >= end || isSpace(text.charCodeAt(at)) || isSpace(text.charCodeAt(at - 1))) continue
      if (isBorder(text, at, start)) return at
    }
  }
  if (end - start <= endless) return undefined
  return isPair(text.charCodeAt(middle - 1), text.charCodeAt(middle)) ? middle + 1 : middle
}

/** Full stops that also stand within words and numbers, as Latin writes them. */
function isAmbiguous(code: number): boolean {
  return code < 0x100 || (code >= 0x2000 && code <= 0x206f)
}

function isThai(classes: Uint8Array, code: number): boolean {
  return (code >= 0xe00 && code <= 0xeff) || (classes[code]! & kindBits) === kind.thai
}

function isLower(code: number): boolean {
  return code < 0x80 ? code >= 0x61 && code <= 0x7a : /\p{Ll}/u.test(String.fromCharCode(code))
}
