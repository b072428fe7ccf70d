import { RankTree } from './rank-tree'

/** How much a boundary is worth, best first; headings come before these with their level, 1 to 6. */
export const strength = { block: 8, item: 9, nested: 10, sentence: 11, line: 12, word: 13, character: 14, heading: 15 }

export interface Sizes {
  /** Segments up to this size are never cut. */
  readonly target: number
  /** Segments over this size are always cut. */
  readonly max: number
  /** No cut nearer than this to the end of a segment, if that can be helped. */
  readonly min: number
  /** Size of the pieces [from, to); it never shrinks when pieces are added. */
  readonly measure: (from: number, to: number) => number
}

const space = 2 ** 32

/** Lower is cut first: the strength, then a hash of what follows, so that the choice moves with the content. */
export function rankOf(worth: number, hash: number): number {
  return worth * space + hash
}

/** Rank of the weakest heading's boundary. */
const headings = rankOf(7, 0)
const any = rankOf(strength.heading + 1, 0)

/**
 * Groups pieces, of whose boundaries these are the ranks, into chunks and calls `emit` with each [from, to), in order. A
 * segment that is too large is cut at its best boundary, and the halves again. Nothing is counted from the start of the
 * text and each choice depends on its own segment alone, so an edit changes chunks near itself and no others. Takes a
 * time of pieces + chunks x log(pieces), whatever the ranks are.
 */
export function cutPieces(ranks: readonly number[], sizes: Sizes, emit: (from: number, to: number) => void): void {
  if (ranks.length === 0) return
  const cuts = new Cuts(ranks, sizes)
  const stack: [from: number, to: number][] = [[0, ranks.length]]
  for (let segment = stack.pop(); segment; segment = stack.pop()) {
    const [from, to] = segment
    const cut = cuts.best(from, to)
    if (cut === 0) emit(from, to)
    else stack.push([cut, to], [from, cut])
  }
}

class Cuts {
  readonly #sizes: Sizes
  readonly #ranks: RankTree

  constructor(ranks: readonly number[], sizes: Sizes) {
    this.#sizes = sizes
    this.#ranks = new RankTree(ranks)
  }

  /** Index of the piece before which to cut; 0 to leave the segment whole. */
  best(from: number, to: number): number {
    const { target, max, min, measure } = this.#sizes
    const size = measure(from, to)
    if (size <= target || to - from < 2) return 0
    // Small enough, but two sections of fair size are better apart.
    if (size <= max) return this.#lowest(from, to, Math.floor(target * 0.4), headings)
    return this.#lowest(from, to, min, any) || this.#lowest(from, to, 0, any)
  }

  /** The lowest rank up to `bound` at least `margin` from both ends; of equals the one nearest to the middle. */
  #lowest(from: number, to: number, margin: number, bound: number): number {
    const { measure } = this.#sizes
    const left = (at: number): number => measure(from, at)
    const right = (at: number): number => measure(at, to)
    const low = firstWhere(from + 1, to, (at) => left(at) >= margin)
    const high = firstWhere(low, to, (at) => right(at) < margin)
    if (low >= high) return 0
    const rank = this.#ranks.lowest(low, high)
    if (rank > bound) return 0
    const first = this.#ranks.first(low, rank)
    const last = this.#ranks.last(high, rank)
    if (first === last) return first
    const middle = firstWhere(low, high, (at) => left(at) > right(at))
    // Before the middle the nearer the better, the first of those as near; after it the first of all.
    const after = last < middle ? undefined : this.#ranks.first(middle, rank)
    if (first >= middle) return after!
    const near = left(this.#ranks.last(middle, rank))
    if (after !== undefined && right(after) > near) return after
    return this.#ranks.first(
      firstWhere(low, middle, (at) => left(at) >= near),
      rank,
    )
  }
}

/** The first of [from, to) for which it holds, and so for all after it; `to` if there is none. */
function firstWhere(from: number, to: number, holds: (at: number) => boolean): number {
  let [low, high] = [from, to]
  while (low < high) {
    const at = (low + high) >>> 1
    if (holds(at)) high = at
    else low = at + 1
  }
  return low
}
