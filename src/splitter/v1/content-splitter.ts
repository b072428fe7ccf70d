import type { Block } from '../blocks'
import { blocksOf } from '../blocks'
import { cutPieces, rankOf, strength } from '../cuts'
import type { ChunkDraft, Splitter, SplitterInput } from '../splitter'
import type { Grain } from './refine'
import { refine } from './refine'

export interface ContentSplitterOptions {
  size: number
  max: number
  countTokens?: ((text: string) => number) | undefined
}

interface Pieces {
  readonly starts: number[]
  readonly ends: number[]
  readonly ranks: number[]
}

/** So much of what follows a boundary decides about it; what is edited further on moves nothing. */
const fingerprinted = 48

/**
 * The default splitter as it was until 0.1.0, kept for the collections that were cut by it: its cuts are never changed,
 * and headings, which were dropped then, are left out.
 */
export class ContentSplitterV1 implements Splitter {
  readonly id: string
  readonly #options: ContentSplitterOptions
  readonly #min: number

  constructor(options: ContentSplitterOptions) {
    const { size, max, countTokens } = options
    this.id = `md-v1-${size}-${max}${countTokens ? '-tokens' : ''}`
    this.#options = options
    this.#min = Math.floor(size / 4)
  }

  split(document: SplitterInput): ChunkDraft[] {
    const { text } = document
    const { size: target, max, countTokens } = this.#options
    const blocks = blocksOf(text, /markdown/i.test(document.contentType))
    const grain: Grain = {
      size: countTokens ? (start, end) => countTokens(text.slice(start, end)) : (start, end) => end - start,
      // Between its margins a segment over the maximum has room for a piece of this size, and so a boundary.
      limit: max - 2 * this.#min,
    }
    const pieces = piecesOf(text, blocks, grain, max)
    const { starts, ends } = pieces
    const sums = countTokens && runningSums(pieces, grain)
    const measure = sums
      ? (from: number, to: number) => sums[to]! - sums[from]!
      : (from: number, to: number) => ends[to - 1]! - starts[from]!
    const chunks: ChunkDraft[] = []
    cutPieces(pieces.ranks, { target, max, min: this.#min, measure }, (from, to) => {
      const start = starts[from]!
      const end = ends[to - 1]!
      chunks.push({ text: text.slice(start, end), start, end })
    })
    return chunks
  }
}

function piecesOf(text: string, blocks: readonly Block[], grain: Grain, max: number): Pieces {
  const pieces: Pieces = { starts: [], ends: [], ranks: [] }
  let previous: Block | undefined
  for (const block of blocks) {
    const { start, end, kind } = block
    const begin = (at: number, worth: number): void => {
      pieces.starts.push(at)
      pieces.ranks.push(rankOf(worth, hashAt(text, at, end)))
    }
    begin(start, worthOf(block, previous))
    const limit = kind === 'fence' ? max : grain.limit
    if (grain.size(start, end) > limit) {
      refine(text, start, end, kind === 'fence' || kind === 'table', grain, (to, next, worth) => {
        pieces.ends.push(to)
        begin(next, worth)
      })
    }
    pieces.ends.push(end)
    previous = block
  }
  return pieces
}

/** A heading stays with what it heads. */
function worthOf(block: Block, previous: Block | undefined): number {
  if (previous?.kind === 'heading') return strength.heading
  if (block.kind === 'heading') return block.level
  if (block.kind !== 'item') return strength.block
  return block.level > 1 ? strength.nested : strength.item
}

/** Tokens before each piece; white space counts with the piece before it. */
function runningSums(pieces: Pieces, grain: Grain): number[] {
  const sums = [0]
  for (const [i, start] of pieces.starts.entries()) {
    sums.push(sums[i]! + grain.size(start, pieces.starts[i + 1] ?? pieces.ends[i]!))
  }
  return sums
}

function hashAt(text: string, from: number, to: number): number {
  const end = Math.min(to, from + fingerprinted)
  let hash = 0x811c9dc5
  for (let i = from; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
