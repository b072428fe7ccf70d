import type { Block } from './blocks'
import { rankOf, strength } from './cuts'
import { isBorder } from './graphemes'
import { firstInk, lastInk } from './ink'
import { type Grain, refine } from './refine'

/** The smallest parts of a text, in order, and what the boundary before each is worth. */
export interface Pieces {
  readonly starts: number[]
  readonly ends: number[]
  readonly ranks: number[]
}

/** So much of what follows a boundary decides about it; what is edited further on moves nothing. */
const fingerprinted = 48

/** The pieces of [start, end) of a text of these blocks. Code that fits is one piece, whatever the grain. */
export function piecesOf(
  text: string,
  blocks: readonly Block[],
  [start, end]: readonly [start: number, end: number],
  grain: Grain,
  max: number,
): Pieces {
  const starts: number[] = []
  const ends: number[] = []
  const ranks: number[] = []
  for (let at = firstAfter(blocks, start); at < blocks.length && blocks[at]!.start < end; at++) {
    const block = blocks[at]!
    const { kind } = block
    const from = firstInk(text, Math.max(start, block.start), end)
    const to = lastInk(text, from, Math.min(end, block.end))
    // A mark over the space before a line belongs to that space.
    if (starts.length > 0 && !isBorder(text, from)) ends.pop()
    else {
      starts.push(from)
      ranks.push(rankOf(worthOf(block, blocks[at - 1]), hashAt(text, from, to)))
    }
    if (grain.size(from, to) > (kind === 'fence' ? max : grain.limit)) {
      const by = kind === 'fence' ? 'code' : kind === 'table' ? 'rows' : 'sentences'
      refine(text, from, to, by, grain, (before, next, worth) => {
        ends.push(before)
        starts.push(next)
        ranks.push(rankOf(worth, hashAt(text, next, to)))
      })
    }
    ends.push(to)
  }
  return { starts, ends, ranks }
}

/** Index of the first block that ends after `start`. */
export function firstAfter(blocks: readonly Block[], start: number): number {
  let [low, high] = [0, blocks.length]
  while (low < high) {
    const at = (low + high) >>> 1
    if (blocks[at]!.end > start) high = at
    else low = at + 1
  }
  return low
}

/** A heading stays with what it heads. */
function worthOf(block: Block, previous: Block | undefined): number {
  if (previous?.kind === 'heading') return strength.heading
  if (block.kind === 'heading') return block.level
  if (block.kind !== 'item') return strength.block
  return block.level > 1 ? strength.nested : strength.item
}

function hashAt(text: string, from: number, to: number): number {
  const end = Math.min(to, from + fingerprinted)
  let hash = 0x811c9dc5
  for (let i = from; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
