import { strength } from '../cuts'
import { firstInk, isSpace, lastInk } from '../ink'

/** Called for each boundary inside a block: the piece before it ends at `end`, the next begins at `start`. */
export type Boundary = (end: number, start: number, strength: number) => void

export interface Grain {
  /** Sizes a piece of text. */
  readonly size: (start: number, end: number) => number
  /** Pieces up to this size stay whole. */
  readonly limit: number
}

/** Cuts a block that is too large into sentences (or lines), those into words, and those into characters. */
export function refine(
  text: string,
  start: number,
  end: number,
  byLines: boolean,
  grain: Grain,
  boundary: Boundary,
): void {
  const scan = byLines ? lines : sentences
  scan(text, start, end, (to, next, worth, from) => {
    if (grain.size(from, to) > grain.limit) words(text, from, to, grain, boundary)
    if (next < end) boundary(to, next, worth)
  })
}

/** Each piece [from, end), the start of the next and the worth of the boundary between them. */
type Piece = (end: number, next: number, strength: number, from: number) => void

function lines(text: string, start: number, end: number, piece: Piece): void {
  let from = start
  while (from < end) {
    const newline = text.indexOf('\n', from)
    const lineEnd = newline === -1 || newline > end ? end : newline
    const next = firstInk(text, lineEnd, end)
    piece(lastInk(text, from, lineEnd), next, strength.line, from)
    from = next
  }
}

/** After `.`, `!` or `?` with what closes it and white space, after their CJK forms at once, and at line ends. */
function sentences(text: string, start: number, end: number, piece: Piece): void {
  let from = start
  let i = start
  while (i < end) {
    const code = text.charCodeAt(i++)
    let worth = 0
    let to = i
    if (code === 0x0a) {
      worth = strength.line
      to = i - 1
    } else if (isFullStop(code)) {
      const wide = code >= 0x3000
      while (i < end && (isFullStop(text.charCodeAt(i)) || isCloser(text.charCodeAt(i)))) i++
      to = i
      if (wide || (i < end && isSpace(text.charCodeAt(i)))) worth = strength.sentence
    }
    if (worth === 0) continue
    const next = firstInk(text, i, end)
    if (next < end && worth === strength.sentence && isLower(text.charCodeAt(next))) continue
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
  while (from < end) {
    let to = from
    while (to < end && !isSpace(text.charCodeAt(to))) to++
    const next = firstInk(text, to, end)
    if (grain.size(from, to) > grain.limit) characters(text, from, to, grain, boundary)
    if (next < end) boundary(to, next, strength.word)
    from = next
  }
}

/** Where the last 8 characters say so, and at the latest after half the limit: boundaries that move with the content. */
function characters(text: string, start: number, end: number, grain: Grain, boundary: Boundary): void {
  const longest = Math.max(1, grain.limit >>> 1)
  let from = start
  let hash = 0
  const cut = (at: number): void => {
    halve(text, from, at, grain, boundary)
    boundary(at, at, strength.character)
    from = at
  }
  for (let i = start + 1; i < end; i++) {
    hash = (hash << 4) ^ Math.imul(text.charCodeAt(i - 1), 0x9e3779b1)
    const chosen = ((hash >>> 16) ^ (hash >>> 7)) % 61 === 0
    if ((chosen || i - from >= longest) && !joins(text, i, i - from - longest)) cut(i)
  }
  halve(text, from, end, grain, boundary)
}

/** A tokeniser may still find a run of characters too large. */
function halve(text: string, start: number, end: number, grain: Grain, boundary: Boundary): void {
  if (end - start < 2 || grain.size(start, end) <= grain.limit) return
  let middle = (start + end) >>> 1
  if (isLowSurrogate(text, middle)) middle++
  if (middle >= end) return
  halve(text, start, middle, grain, boundary)
  boundary(middle, middle, strength.character)
  halve(text, middle, end, grain, boundary)
}

/** Whether the character at `i` belongs to the one before. Endless marks are cut all the same, pairs never. */
function joins(text: string, i: number, over: number): boolean {
  if (isLowSurrogate(text, i)) return true
  const code = text.charCodeAt(i)
  const mark = (code >= 0x300 && code <= 0x36f) || code === 0x200d || (code >= 0xfe00 && code <= 0xfe0f)
  return mark && over < 16
}

function isLowSurrogate(text: string, i: number): boolean {
  return (text.charCodeAt(i) & 0xfc00) === 0xdc00 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800
}

function isFullStop(code: number): boolean {
  if (code === 0x2e || code === 0x21 || code === 0x3f || code === 0x2026) return true
  return code === 0x3002 || code === 0xff01 || code === 0xff1f
}

/** Quotes and brackets that close what a sentence ends in. */
function isCloser(code: number): boolean {
  if (code === 0x22 || code === 0x27 || code === 0x29 || code === 0x5d) return true
  return code === 0x2019 || code === 0x201d || code === 0x300d || code === 0x300f || code === 0xff09
}

function isLower(code: number): boolean {
  return code >= 0x61 && code <= 0x7a
}
