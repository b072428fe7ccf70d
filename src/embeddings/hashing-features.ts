/** Where a term stands in vectors. A place is `index * 2`, and one more where it is added to rather than taken from. */
export interface TermFeatures {
  readonly hash: number
  /** Of letter triples, two each; none of a short term. */
  readonly triples: Int32Array
  readonly length: number
  /** In the text at hand: for the embedder, which counts. */
  count: number
}

const seeds = { term: 0x811c9dc5, trigram: 0x2f0b4f21 } as const
/** Places remembered, of four bytes; some more for each term. */
const remembered = 1_000_000

/** The features of terms, each hashed once: texts repeat theirs. */
export class HashingFeatures {
  readonly #first: number
  readonly #places: number
  readonly #known = new Map<string, TermFeatures>()
  #size = 0

  /** Of vectors of so many dimensions, the first of which are spared. */
  constructor(dimensions: number, spared: number) {
    this.#first = spared
    this.#places = dimensions - spared
  }

  of(term: string): TermFeatures {
    const known = this.#known.get(term)
    if (known) return known
    const made = this.#make(term)
    this.#size += made.triples.length + 16
    this.#known.set(term, made)
    return made
  }

  /** Starts anew where much is remembered. Not while a text is counted. */
  tidy(): void {
    if (this.#size < remembered) return
    this.#known.clear()
    this.#size = 0
  }

  place(hash: number): number {
    return ((this.#first + ((hash >>> 1) % this.#places)) << 1) | (hash & 1)
  }

  /** Two places halve the harm when one of them is shared with another feature. */
  secondPlace(hash: number): number {
    return this.place(mix(hash ^ 0x5bd1e995))
  }

  #make(term: string): TermFeatures {
    const { length } = term
    const triples = new Int32Array(length < 4 ? 0 : length * 2)
    const padded = `^${term}$`
    for (let i = 0; i < triples.length; i += 2) {
      const hash = hashOf(padded, i / 2, i / 2 + 3, seeds.trigram)
      triples[i] = this.place(hash)
      triples[i + 1] = this.secondPlace(hash)
    }
    return { hash: hashOf(term, 0, length, seeds.term), triples, length, count: 0 }
  }
}

/** FNV-1a over UTF-16 units, then spread over all bits. */
function hashOf(text: string, from: number, to: number, seed: number): number {
  let hash = seed
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

export function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
