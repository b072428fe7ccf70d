/** Answers where the lowest rank of a range is, in a time of log(ranks). */
export class RankTree {
  /** Of node i the lowest rank below it; its children are 2i and 2i + 1, the leaves come last. */
  readonly #nodes: Float64Array
  readonly #leaves: number

  constructor(ranks: readonly number[]) {
    let leaves = 1
    while (leaves < ranks.length) leaves *= 2
    const nodes = new Float64Array(2 * leaves).fill(Number.POSITIVE_INFINITY)
    nodes.set(ranks, leaves)
    for (let i = leaves - 1; i > 0; i--) nodes[i] = Math.min(nodes[2 * i]!, nodes[2 * i + 1]!)
    this.#nodes = nodes
    this.#leaves = leaves
  }

  /** Of [from, to), which is not empty. */
  lowest(from: number, to: number): number {
    const nodes = this.#nodes
    let lowest = Number.POSITIVE_INFINITY
    let [low, high] = [from + this.#leaves, to + this.#leaves]
    for (; low < high; low >>>= 1, high >>>= 1) {
      if (low & 1) lowest = Math.min(lowest, nodes[low++]!)
      if (high & 1) lowest = Math.min(lowest, nodes[--high]!)
    }
    return lowest
  }

  /** The first index from `from` on with a rank of at most `rank`; there must be one. */
  first(from: number, rank: number): number {
    const nodes = this.#nodes
    let at = from + this.#leaves
    while (nodes[at]! > rank) {
      while (at & 1) at >>>= 1
      at++
    }
    while (at < this.#leaves) {
      at *= 2
      if (nodes[at]! > rank) at++
    }
    return at - this.#leaves
  }

  /** The last index below `to` with a rank of at most `rank`; there must be one. */
  last(to: number, rank: number): number {
    const nodes = this.#nodes
    let at = to - 1 + this.#leaves
    while (nodes[at]! > rank) {
      while (!(at & 1)) at >>>= 1
      at--
    }
    while (at < this.#leaves) {
      at = 2 * at + 1
      if (nodes[at]! > rank) at--
    }
    return at - this.#leaves
  }
}
