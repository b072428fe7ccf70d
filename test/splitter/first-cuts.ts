// The cuts of 0.1.0 as they were, quadratic in the worst case: what the splitter does now is held against them.

const strength = { heading: 15 }

/** The smallest parts of a text, in order, and what the boundary before each is worth. */
export interface Pieces {
  readonly starts: number[]
  readonly ends: number[]
  /** Lower is cut first: the strength, then a hash of what follows, so that the choice moves with the content. */
  readonly ranks: number[]
}

export interface Sizes {
  /** Segments up to this size are never cut. */
  readonly target: number
  /** Segments over this size are always cut. */
  readonly max: number
  /** No cut nearer than this to the end of a segment, if that can be helped. */
  readonly min: number
  /** Size of the pieces [from, to). */
  readonly measure: (from: number, to: number) => number
}

const space = 2 ** 32

export function rankOf(worth: number, hash: number): number {
  return worth * space + hash
}

/** Rank of the weakest heading's boundary. */
const headings = rankOf(7, 0)

/**
 * Groups pieces into chunks and calls `emit` with each [from, to), in order. A segment that is too large is cut at its
 * best boundary, and the halves again. Nothing is counted from the start of the text and each choice depends on its
 * own segment alone, so an edit changes chunks near itself and no others.
 */
export function cutPieces(pieces: Pieces, sizes: Sizes, emit: (from: number, to: number) => void): void {
  if (pieces.starts.length === 0) return
  const stack: [from: number, to: number][] = [[0, pieces.starts.length]]
  for (let segment = stack.pop(); segment; segment = stack.pop()) {
    const [from, to] = segment
    const cut = bestCut(pieces, sizes, from, to)
    if (cut === 0) emit(from, to)
    else stack.push([cut, to], [from, cut])
  }
}

/** Index of the piece before which to cut; 0 to leave the segment whole. */
function bestCut(pieces: Pieces, sizes: Sizes, from: number, to: number): number {
  const size = sizes.measure(from, to)
  if (size <= sizes.target || to - from < 2) return 0
  // Small enough, but two sections of fair size are better apart.
  if (size <= sizes.max) return lowest(pieces, sizes, from, to, Math.floor(sizes.target * 0.4), headings)
  return lowest(pieces, sizes, from, to, sizes.min) || lowest(pieces, sizes, from, to, 0)
}

/** The lowest rank below `bound` at least `margin` from both ends; of equals the one nearest to the middle. */
function lowest(
  pieces: Pieces,
  sizes: Sizes,
  from: number,
  to: number,
  margin: number,
  bound = rankOf(strength.heading + 1, 0),
): number {
  const { ranks } = pieces
  let best = 0
  let rank = bound
  let balance = -1
  for (let i = from + 1; i < to; i++) {
    const candidate = ranks[i]!
    if (candidate > rank) continue
    const left = sizes.measure(from, i)
    const right = sizes.measure(i, to)
    if (left < margin || right < margin) continue
    if (candidate === rank && Math.min(left, right) <= balance) continue
    best = i
    rank = candidate
    balance = Math.min(left, right)
  }
  return best
}
