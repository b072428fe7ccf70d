import { stem, terms, words } from '../core/words'

export interface HighlightOptions {
  /** Passages a hit; 1 by default. */
  readonly passages: number
  /** Length of a passage, characters; 240 by default. */
  readonly length: number
  readonly before: string
  readonly after: string
}

export const highlightDefaults: HighlightOptions = Object.freeze({
  passages: 1,
  length: 240,
  before: '<em>',
  after: '</em>',
})

interface Mark {
  readonly start: number
  readonly end: number
  readonly term: string
}

/** Prepares the words of a query once; the function marks them in a text. Words of one stem are one word. */
export function highlighter(query: string, options: HighlightOptions): (text: string) => string[] {
  const telling = terms(query)
  const wanted = new Set(telling.length > 0 ? telling : words(query).map(({ term }) => stem(term)))
  // No stem begins otherwise than its word does: most words need not be stemmed.
  const initials = new Set([...wanted].map((term) => term.charCodeAt(0)))
  return (text) => {
    if (wanted.size === 0) return []
    const marks = words(text).flatMap(({ term, start, end }) => {
      if (!initials.has(term.charCodeAt(0))) return []
      const stemmed = stem(term)
      return wanted.has(stemmed) ? [{ start, end, term: stemmed }] : []
    })
    return bestPassages(text, marks, options).map((passage) => render(text, passage, options))
  }
}

interface Passage {
  readonly start: number
  readonly end: number
  readonly marks: readonly Mark[]
}

/** The windows with the most different words in them, in the order of the text, none overlapping. */
function bestPassages(text: string, marks: readonly Mark[], { passages, length }: HighlightOptions): Passage[] {
  const windows: { from: number; to: number; value: number }[] = []
  for (let from = 0, to = 0; from < marks.length; from++) {
    if (to < from) to = from
    while (to + 1 < marks.length && marks[to + 1]!.end - marks[from]!.start <= length * 0.8) to++
    const inside = marks.slice(from, to + 1)
    windows.push({ from, to, value: new Set(inside.map(({ term }) => term)).size * 100 + inside.length })
  }
  windows.sort((a, b) => b.value - a.value || a.from - b.from)
  const chosen: Passage[] = []
  for (const { from, to } of windows) {
    if (chosen.length === passages) break
    const { start, end } = around(text, marks[from]!.start, marks[to]!.end, length)
    if (chosen.some((other) => start < other.end && other.start < end)) continue
    chosen.push({ start, end, marks: marks.filter((mark) => mark.start >= start && mark.end <= end) })
  }
  return chosen.sort((a, b) => a.start - b.start)
}

/** Widens to `length` and out to white space, never through a surrogate pair. */
function around(text: string, from: number, to: number, length: number): { start: number; end: number } {
  const spare = Math.max(0, length - (to - from))
  let start = Math.max(0, from - Math.floor(spare / 3))
  let end = Math.min(text.length, to + spare - (from - start))
  while (start > 0 && start > from - spare && !/\s/.test(text[start - 1]!)) start--
  while (end < text.length && end < to + spare && !/\s/.test(text[end]!)) end++
  if (isLowSurrogate(text, start)) start--
  if (isLowSurrogate(text, end)) end++
  return { start, end }
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at)
  return unit >= 0xdc00 && unit <= 0xdfff
}

function render(text: string, { start, end, marks }: Passage, { before, after }: HighlightOptions): string {
  let out = ''
  let at = start
  for (const mark of marks) {
    out += `${text.slice(at, mark.start)}${before}${text.slice(mark.start, mark.end)}${after}`
    at = mark.end
  }
  return (out + text.slice(at, end)).replace(/\s+/g, ' ').trim()
}
