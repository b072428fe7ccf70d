import { firstInk, isSpace, lastInk } from './ink'

/** A run of lines that belong together, without the white space around it. */
export interface Block {
  readonly kind: 'heading' | 'prose' | 'item' | 'table' | 'fence'
  readonly start: number
  readonly end: number
  /** Of a heading 1 to 6; of a list item 1, or 2 when it is nested; else 0. */
  readonly level: number
}

type Open = { kind: 'prose' | 'item' | 'table'; start: number; end: number; level: number; lines: number }

const hash = 0x23
const backtick = 0x60
const tilde = 0x7e
const pipe = 0x7c

/**
 * The blocks of a text in order, in one pass: paragraphs, and in Markdown also headings, list items, tables and code
 * fences (an unclosed one reaches to the end). Every character that is no white space is in exactly one of them.
 */
export function blocksOf(text: string, markdown: boolean): Block[] {
  const blocks: Block[] = []
  let open: Open | undefined
  const close = (): void => {
    if (open) blocks.push({ kind: open.kind, start: open.start, end: open.end, level: open.level })
    open = undefined
  }
  const line = (kind: Open['kind'], level: number, start: number, end: number, joins: boolean): void => {
    if (open && joins) {
      open.end = end
      open.lines++
      return
    }
    close()
    open = { kind, start, end, level, lines: 1 }
  }

  let position = 0
  while (position < text.length) {
    const start = position
    const newline = text.indexOf('\n', start)
    const lineEnd = newline === -1 ? text.length : newline
    position = lineEnd + 1
    const ink = firstInk(text, start, lineEnd)
    if (ink === lineEnd) {
      close()
      continue
    }
    const end = lastInk(text, ink, lineEnd)
    if (!markdown) {
      line('prose', 0, ink, end, true)
      continue
    }
    const code = text.charCodeAt(ink)
    const fence = code === backtick || code === tilde ? fenceLength(text, ink, end) : 0
    if (fence > 0) {
      close()
      const fenceEnd = endOfFence(text, position, code, fence)
      blocks.push({ kind: 'fence', start: ink, end: lastInk(text, ink, fenceEnd), level: 0 })
      position = fenceEnd + 1
      continue
    }
    const heading = code === hash && ink - start <= 3 ? headingLevel(text, ink, end) : 0
    const underlined = open?.kind === 'prose' && open.lines === 1 ? underline(text, ink, end) : 0
    if (heading > 0) {
      close()
      blocks.push({ kind: 'heading', start: ink, end, level: heading })
    } else if (open && underlined > 0) {
      blocks.push({ kind: 'heading', start: open.start, end, level: underlined })
      open = undefined
    } else if (isListMarker(text, ink, end)) {
      line('item', ink - start >= 2 ? 2 : 1, ink, end, false)
    } else if (code === pipe) {
      line('table', 0, ink, end, open?.kind === 'table')
    } else {
      line('prose', 0, ink, end, open !== undefined && open.kind !== 'table')
    }
  }
  close()
  return blocks
}

function runLength(text: string, from: number, to: number): number {
  const code = text.charCodeAt(from)
  let i = from
  while (i < to && text.charCodeAt(i) === code) i++
  return i - from
}

/** Length of an opening code fence at `ink`, 0 if there is none. */
function fenceLength(text: string, ink: number, end: number): number {
  const length = runLength(text, ink, end)
  if (length < 3) return 0
  const inline = text.charCodeAt(ink) === backtick && text.slice(ink + length, end).includes('`')
  return inline ? 0 : length
}

/** End of the line that closes the fence, or of the text. */
function endOfFence(text: string, from: number, code: number, length: number): number {
  let position = from
  while (position < text.length) {
    const newline = text.indexOf('\n', position)
    const lineEnd = newline === -1 ? text.length : newline
    const ink = firstInk(text, position, lineEnd)
    if (ink < lineEnd && text.charCodeAt(ink) === code) {
      const run = runLength(text, ink, lineEnd)
      if (run >= length && firstInk(text, ink + run, lineEnd) === lineEnd) return lineEnd
    }
    position = lineEnd + 1
  }
  return text.length
}

function headingLevel(text: string, ink: number, end: number): number {
  const length = runLength(text, ink, Math.min(end, ink + 7))
  return length <= 6 && (ink + length === end || isSpace(text.charCodeAt(ink + length))) ? length : 0
}

/** 1 for a line of `===`, 2 for one of `---`, else 0. */
function underline(text: string, ink: number, end: number): number {
  const code = text.charCodeAt(ink)
  if (code !== 0x3d && code !== 0x2d) return 0
  const length = runLength(text, ink, end)
  if (length < 2 || ink + length !== end) return 0
  return code === 0x3d ? 1 : 2
}

function isListMarker(text: string, ink: number, end: number): boolean {
  let i = ink
  const code = text.charCodeAt(i)
  if (code === 0x2d || code === 0x2a || code === 0x2b) i++
  else {
    while (i < end && i - ink < 9 && isDigit(text.charCodeAt(i))) i++
    const mark = text.charCodeAt(i)
    if (i === ink || i === end || (mark !== 0x2e && mark !== 0x29)) return false
    i++
  }
  return i === end || isSpace(text.charCodeAt(i))
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}
