import type { Block } from './blocks'
import { shortened } from './graphemes'
import { firstAfter } from './pieces'

/** What stands above a chunk and belongs to it; empty where there is nothing. */
export interface Context {
  readonly heading: string
  readonly tableHeader: string
}

/** Longest heading that is kept, units; of a longer one the beginning. */
const longestHeading = 200
/** Longer headers of tables would leave no room for rows: they are not repeated. */
const longestHeader = 400

/** Finds what stands above a place of a text. */
export class Contexts {
  readonly #text: string
  readonly #blocks: readonly Block[]
  readonly #sections: readonly Block[]
  readonly #headings = new Map<Block, string>()
  readonly #headers = new Map<Block, { readonly end: number; readonly text: string }>()
  /** Whether a table's first line is its header, whatever the second is. */
  readonly #bare: boolean

  constructor(text: string, blocks: readonly Block[], bare: boolean) {
    this.#text = text
    this.#blocks = blocks
    this.#sections = blocks.filter((block) => block.kind === 'heading')
    this.#bare = bare
  }

  at(start: number): Context {
    return { heading: this.#heading(start), tableHeader: this.#tableHeader(start) }
  }

  #heading(start: number): string {
    // The last section that begins at `start` or before: one of those that end by then, or the one that begins there.
    let at = firstAfter(this.#sections, start)
    if (at === this.#sections.length || this.#sections[at]!.start > start) at--
    const section = this.#sections[at]
    if (!section) return ''
    const known = this.#headings.get(section)
    if (known !== undefined) return known
    const words = headingText(this.#text, section)
    this.#headings.set(section, words)
    return words
  }

  #tableHeader(start: number): string {
    const block = this.#blocks[firstAfter(this.#blocks, start)]
    if (block?.kind !== 'table' || block.start >= start) return ''
    const header = this.#headers.get(block) ?? headerOf(this.#text, block, this.#bare)
    this.#headers.set(block, header)
    return start >= header.end ? header.text : ''
  }
}

/** The words of a heading, without `#` and underline. */
function headingText(text: string, { start, end }: Block): string {
  // Marks and white space aside; a line may be endless.
  const line = text.slice(start, Math.min(lineEnd(text, start, end), start + 4 * longestHeading))
  const words = line
    .replace(/^#{1,6}(?=\s|$)/, '')
    .replace(/\s#+\s*$/, '')
    .trim()
  return shortened(words, longestHeading)
}

function headerOf(text: string, { start, end }: Block, bare: boolean): { readonly end: number; readonly text: string } {
  const first = lineEnd(text, start, end)
  const second = lineEnd(text, first + 1, end)
  const isHeader = bare || (second - first <= 4_096 && isRule(text.slice(first + 1, second)))
  const words = isHeader && first - start <= longestHeader ? text.slice(start, first).trimEnd() : ''
  return { end: bare ? first + 1 : second, text: words }
}

/** The line under the names of the columns. */
function isRule(line: string): boolean {
  return line.includes('-') && /^[\s|:-]*$/.test(line)
}

function lineEnd(text: string, start: number, end: number): number {
  let at = start
  while (at < end && text.charCodeAt(at) !== 0x0a) at++
  return at
}
