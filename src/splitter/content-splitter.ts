import type { Block } from './blocks'
import { blocksOf } from './blocks'
import { Contexts } from './context'
import { cutPieces } from './cuts'
import { firstInk, lastInk } from './ink'
import { inputText } from './input-text'
import { piecesOf } from './pieces'
import type { Grain } from './refine'
import type { ChunkDraft, Splitter, SplitterInput } from './splitter'
import { costOf, leanCosts, type TokenCosts, waryCosts } from './token-estimate'
import type { TokenReader } from './token-reader'

export interface ContentSplitterOptions {
  readonly id: string
  readonly size: number
  readonly max: number
  /** Measures `size` and `max`, which are UTF-16 units without it. */
  readonly countTokens?: ((text: string) => number) | undefined
  /** What reads the chunks, to the end of each; undefined where all that is within `max` is read. */
  readonly reader?: Pick<TokenReader, 'maxTokens' | 'countTokens'> | undefined
}

/** A chunk that is cut, and whether it is known to be read whole, or to be past helping. */
interface Cut {
  readonly draft: ChunkDraft
  readonly settled: boolean
}

/** A text and what is known of it. */
interface Parsed {
  readonly text: string
  readonly title: string
  readonly blocks: readonly Block[]
  readonly contexts: Contexts
}

/** Room for what a model puts around a text, in tokens. */
const around = 4
/** How often a chunk that turns out too long is cut again. */
const rounds = 8

/**
 * The default splitter, for Markdown and plain text. A chunk has at most `max` units and, title and headings included,
 * as many tokens as its reader reads: estimated by script, and counted where the reader can count. Use `splitterOf` for
 * checked options and defaults.
 */
export class ContentSplitter implements Splitter {
  readonly id: string
  readonly #options: ContentSplitterOptions
  readonly #costs: TokenCosts

  constructor(options: ContentSplitterOptions) {
    this.id = options.id
    this.#options = options
    this.#costs = options.reader?.countTokens ? leanCosts : waryCosts
  }

  split(document: SplitterInput): ChunkDraft[] | Promise<ChunkDraft[]> {
    const { text, title, contentType } = document
    const rows = /\b(csv|tab-separated-values)\b/i.test(contentType)
    const blocks = rows ? rowsOf(text) : blocksOf(text, /markdown/i.test(contentType))
    const parsed: Parsed = { text, title, blocks, contexts: new Contexts(text, blocks, rows) }
    const { reader } = this.#options
    const cut = this.#cut(parsed, [0, text.length], this.#budget(title))
    if (!reader?.countTokens) return cut
    return this.#counted(parsed, cut, reader.maxTokens, (texts) => reader.countTokens!(texts))
  }

  /** Thousandths of tokens for the text of a chunk; undefined without a limit. A long title leaves little, not nothing. */
  #budget(title: string): number | undefined {
    const { reader } = this.#options
    if (!reader) return undefined
    const limit = reader.maxTokens * 1_000
    const headings = limit / 16
    return Math.floor(Math.max(limit - around * 1_000 - headings - costOf(title, this.#costs), limit / 4))
  }

  #cut(parsed: Parsed, range: readonly [number, number], budget: number | undefined): ChunkDraft[] {
    const { text, blocks, contexts } = parsed
    const { size: target, max: most, countTokens } = this.#options
    const costs = this.#costs
    const units = (start: number, end: number): number =>
      countTokens ? countTokens(text.slice(start, end)) : end - start
    // Of units and tokens, each as a share of what there is room for, the larger counts; both in whole numbers.
    const scale = budget ?? 1
    const sizeOf = (count: number, tokens: number): number =>
      budget === undefined ? count : Math.max(count * budget, tokens * most)
    const [max, min] = [most * scale, Math.floor(target / 4) * scale]
    // Between its margins a segment over the maximum has room for a piece of this size, and so a boundary.
    const limit = max - 2 * min
    const grain: Grain = {
      size: (start, end) => sizeOf(units(start, end), budget === undefined ? 0 : costOf(text, costs, start, end)),
      limit,
      longest: Math.max(1, Math.floor(limit / scale) >>> 1),
    }
    const pieces = piecesOf(text, blocks, range, grain, max)
    const { starts, ends } = pieces
    const counts = countTokens && sums(pieces.starts, ends, units)
    const tokens =
      budget === undefined ? undefined : sums(starts, ends, (start, end) => costOf(text, costs, start, end))
    const measure = (from: number, to: number): number =>
      sizeOf(
        counts ? counts[to]! - counts[from]! : ends[to - 1]! - starts[from]!,
        tokens ? tokens[to]! - tokens[from]! : 0,
      )
    const chunks: ChunkDraft[] = []
    cutPieces(pieces.ranks, { target: target * scale, max, min, measure }, (from, to) => {
      const start = starts[from]!
      const end = ends[to - 1]!
      const { heading, tableHeader } = contexts.at(start)
      chunks.push({
        ...{ text: text.slice(start, end), start, end },
        ...(heading && { heading }),
        ...(tableHeader && { tableHeader }),
      })
    })
    return chunks
  }

  /**
   * Has chunks counted, and cuts those that are too long again, with what their own text has shown of what it costs: so
   * that an edit elsewhere moves nothing here. An embedder that cannot count now leaves them as they are: nothing is
   * kept from the truth because of it.
   */
  async #counted(
    parsed: Parsed,
    chunks: readonly ChunkDraft[],
    maxTokens: number,
    count: (texts: readonly string[]) => Promise<readonly number[]>,
  ): Promise<ChunkDraft[]> {
    let cuts: readonly Cut[] = chunks.map((draft) => ({ draft, settled: false }))
    for (let round = 0; round < rounds; round++) {
      const inputs = cuts.flatMap(({ draft, settled }) => (settled ? [] : [inputOf(parsed.title, draft)]))
      if (inputs.length === 0) break
      let counted: readonly number[]
      try {
        counted = await count(inputs)
      } catch {
        break
      }
      let at = 0
      cuts = cuts.flatMap((cut): Cut | readonly Cut[] => {
        if (cut.settled) return cut
        const [input, tokens] = [inputs[at]!, counted[at]!]
        at++
        if (!(tokens > maxTokens)) return { draft: cut.draft, settled: true }
        const finer = this.#finer(parsed, cut.draft, input, tokens, maxTokens)
        if (finer.length < 2) return { draft: cut.draft, settled: true }
        return finer.map((draft) => ({ draft, settled: false }))
      })
    }
    return cuts.map(({ draft }) => draft)
  }

  #finer(parsed: Parsed, draft: ChunkDraft, input: string, tokens: number, maxTokens: number): ChunkDraft[] {
    const whole = costOf(input, this.#costs) + around * 1_000
    const room = Math.floor((whole * maxTokens) / tokens)
    const above = whole - costOf(draft.text, this.#costs)
    return this.#cut(parsed, [draft.start, draft.end], Math.max(room - above, room >>> 2, 1))
  }
}

function inputOf(title: string, { text, heading = '', tableHeader = '' }: ChunkDraft): string {
  return inputText(title, { heading, tableHeader, text })
}

/** Before each piece; white space counts with the piece before it. */
function sums(
  starts: readonly number[],
  ends: readonly number[],
  size: (start: number, end: number) => number,
): number[] {
  const sums = [0]
  for (const [i, start] of starts.entries()) sums.push(sums[i]! + size(start, starts[i + 1] ?? ends[i]!))
  return sums
}

/** A text of rows, the first of which names the columns. */
function rowsOf(text: string): Block[] {
  const start = firstInk(text, 0, text.length)
  return start === text.length ? [] : [{ kind: 'table', start, end: lastInk(text, start, text.length), level: 0 }]
}
