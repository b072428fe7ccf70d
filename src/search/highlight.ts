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

/** Something of the query in a text; marks of one `clause` are the same thing. */
export interface Mark {
  readonly start: number
  readonly end: number
  readonly clause: number
}

/** Passages of a text with the marks put in. */
export function highlight(text: string, marks: readonly Mark[], options: HighlightOptions): string[] {
  const apart = withoutOverlaps(marks)
  return bestPassages(text, apart, options).map((passage) => render(text, passage, options))
}

/** Marks that touch or overlap become one: characters of one word, a whole and its parts. */
function withoutOverlaps(marks: readonly Mark[]): Mark[] {
  const apart: Mark[] = []
  for (const mark of marks) {
    const last = apart.at(-1)
    if (!last || mark.start > last.end || (mark.start === last.end && mark.clause === last.clause)) apart.push(mark)
    else apart[apart.length - 1] = { ...last, end: Math.max(last.end, mark.end) }
  }
  return apart
}

interface Passage {
  readonly start: number
  readonly end: number
  readonly marks: readonly Mark[]
}

/**
 * The windows with the most different words in them, in the order of the text, none overlapping. Each mark comes into a
 * window and leaves it once.
 */
function bestPassages(text: string, marks: readonly Mark[], { passages, length }: HighlightOptions): Passage[] {
  const windows: { from: number; to: number; value: number }[] = []
  const inside = new Map<number, number>()
  const count = (clause: number, more: number): void => {
    const now = (inside.get(clause) ?? 0) + more
    if (now > 0) inside.set(clause, now)
    else inside.delete(clause)
  }
  for (let from = 0, to = -1; from < marks.length; from++) {
    while (to < from || (to + 1 < marks.length && marks[to + 1]!.end - marks[from]!.start <= length * 0.8)) {
      count(marks[++to]!.clause, 1)
    }
    windows.push({ from, to, value: inside.size * 100 + (to - from + 1) })
    count(marks[from]!.clause, -1)
  }
  windows.sort((a, b) => b.value - a.value || a.from - b.from)
  const chosen: { from: number; start: number; end: number }[] = []
  for (const { from, to } of windows) {
    if (chosen.length >= passages) break
    const { start, end } = around(text, marks[from]!.start, marks[to]!.end, length)
    if (chosen.some((other) => start < other.end && other.start < end)) continue
    chosen.push({ from, start, end })
  }
  chosen.sort((a, b) => a.start - b.start)
  return chosen.map(({ from, start, end }) => {
    const own: Mark[] = []
    let first = from
    while (first > 0 && marks[first - 1]!.start >= start) first--
    for (let at = first; at < marks.length && marks[at]!.end <= end; at++) own.push(marks[at]!)
    return { start, end, marks: own }
  })
}

/** How far a passage is widened for the sake of a word. */
const longestWord = 64

/** Widens to `length` and out to white space, never through a surrogate pair. */
function around(text: string, from: number, to: number, length: number): { start: number; end: number } {
  const spare = Math.max(0, length - (to - from))
  let start = Math.max(0, from - Math.floor(spare / 3))
  let end = Math.min(text.length, to + spare - (from - start))
  const least = Math.max(0, from - spare, start - longestWord)
  const most = Math.min(text.length, to + spare, end + longestWord)
  while (start > least && !/\s/.test(text[start - 1]!)) start--
  while (end < most && !/\s/.test(text[end]!)) end++
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
