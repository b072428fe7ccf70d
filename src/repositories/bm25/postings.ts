import { ByteReader, ByteWriter } from './bytes'

/**
 * The entries that hold a term, flat: number of the entry, how often it holds it (packed by field), length of the entry in
 * words, where the places are in the pool, and how many bytes they take; and so on.
 */
export type Postings = number[]

/** Numbers of one posting in the flat list. */
export const postingWidth = 5

/** Postings by term; the places of all of them in one pool, each entry's as differences. */
export interface PostingMap {
  readonly terms: Map<string, Postings>
  readonly pool: ByteWriter
}

export function emptyPostings(terms: Iterable<string> = []): PostingMap {
  return { terms: new Map(Array.from(terms, (term) => [term, []])), pool: new ByteWriter() }
}

/** How often a term may occur in title and heading, and in the text; what is beyond is not counted. */
export const mostCounted = [2 ** 12 - 1, 2 ** 12 - 1, 2 ** 20 - 1] as const

export function packCounts(title: number, heading: number, text: number): number {
  return (title * 2 ** 12 + heading) * 2 ** 20 + text
}

/** Occurrences in title, heading and text. */
export function unpackCounts(packed: number): [title: number, heading: number, text: number] {
  if (packed < 2 ** 20) return [0, 0, packed]
  const above = Math.floor(packed / 2 ** 20)
  return [Math.floor(above / 2 ** 12), above % 2 ** 12, packed % 2 ** 20]
}

const noCounts = [0, 0] as const

/** How postings are stored: some terms of one segment in a `bytea`, a block. */
export interface BlockFormat {
  /** Writes a block to `out`. */
  encode(terms: Iterable<readonly [term: string, postings: Postings]>, pool: ByteWriter, out: ByteWriter): void
  /**
   * Appends the postings of a block to those in `into`: of the terms that are there already, or of all terms with `all`.
   * Lists of several blocks of a term stay unsorted. Places are read of the terms in `places`, with `all` of all.
   */
  decode(bytes: Uint8Array, into: PostingMap, options: DecodeOptions): void
}

export interface DecodeOptions {
  readonly all: boolean
  readonly places?: ReadonlySet<string> | undefined
}

/**
 * Per term: bytes of the term, count of postings, bytes of postings, bytes of places, and both. A posting: number as a
 * difference, twice the occurrences in the text (and one more where title and heading have some, which follow), length of
 * the entry. Some three bytes, and one for each place.
 */
export const placedBlocks: BlockFormat = {
  encode(terms, pool, out) {
    const body = new ByteWriter()
    const held = pool.view()
    for (const [term, postings] of terms) {
      body.clear()
      let placed = 0
      let last = 0
      for (let i = 0; i < postings.length; i += postingWidth) {
        const packed = postings[i + 1]!
        body.number(postings[i]! - last)
        last = postings[i]!
        if (packed < 2 ** 20) body.number(packed * 2)
        else {
          const [title, heading, text] = unpackCounts(packed)
          body.number(text * 2 + 1)
          body.number(title)
          body.number(heading)
        }
        body.number(postings[i + 2]!)
        placed += postings[i + 4]!
      }
      out.text(term)
      out.number(postings.length / postingWidth)
      out.number(body.length)
      out.number(placed)
      out.raw(body.view())
      for (let i = 3; i < postings.length; i += postingWidth) {
        out.part(held, postings[i]!, postings[i]! + postings[i + 1]!)
      }
    }
  },

  decode(bytes, into, { all, places }) {
    const reader = new ByteReader(bytes)
    const walk = new ByteReader(bytes)
    while (!reader.done) {
      const term = reader.text(reader.number())
      const count = reader.number()
      const [size, placed] = [reader.number(), reader.number()]
      const end = reader.position + size + placed
      const postings = postingsOf(into, term, all)
      if (postings) {
        const withPlaces = all || (places?.has(term) ?? false)
        const from = reader.position + size
        const base = into.pool.length - from
        if (withPlaces) into.pool.part(bytes, from, end)
        walk.position = from
        let number = 0
        for (let i = 0; i < count; i++) {
          number += reader.number()
          const coded = reader.number()
          const text = coded >>> 1
          const [title, heading] = coded & 1 ? [reader.number(), reader.number()] : noCounts
          const length = reader.number()
          const packed = coded & 1 ? packCounts(title, heading, text) : text
          const at = walk.position
          if (withPlaces) {
            walk.skip(title + heading + text)
            postings.push(number, packed, length, base + at, walk.position - at)
          } else postings.push(number, packed, length, 0, 0)
        }
      }
      reader.position = end
    }
  },
}

/** The list to append to, or undefined where nobody asked for the term. */
export function postingsOf({ terms }: PostingMap, term: string, all: boolean): Postings | undefined {
  const held = terms.get(term)
  if (held || !all) return held
  const made: Postings = []
  terms.set(term, made)
  return made
}

/** The terms of a block of `placedBlocks`, each with the number of its postings. */
export function namesIn(bytes: Uint8Array): [term: string, count: number][] {
  const reader = new ByteReader(bytes)
  const names: [string, number][] = []
  while (!reader.done) {
    const term = reader.text(reader.number())
    names.push([term, reader.number()])
    const [size, placed] = [reader.number(), reader.number()]
    reader.position += size + placed
  }
  return names
}

/** Puts postings that were appended from several blocks in ascending order, and keeps those that `keep` has. */
export function sortPostings(postings: Postings, keep: ReadonlySet<number>): Postings {
  const order: number[] = []
  let sorted = true
  for (let i = 0; i < postings.length; i += postingWidth) {
    if (!keep.has(postings[i]!)) continue
    if (order.length > 0 && postings[order[order.length - 1]!]! > postings[i]!) sorted = false
    order.push(i)
  }
  if (sorted && order.length * postingWidth === postings.length) return postings
  if (!sorted) order.sort((a, b) => postings[a]! - postings[b]!)
  const out: Postings = []
  for (const i of order) for (let j = 0; j < postingWidth; j++) out.push(postings[i + j]!)
  return out
}
