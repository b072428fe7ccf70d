import { emptyPostings, mostCounted, type PostingMap, type Postings, packCounts } from './postings'

/** What is known of a term: its postings, and its occurrences in the entry at hand. */
interface DraftTerm {
  readonly term: string
  postings: Postings | undefined
  /** The last entry that holds it. */
  entry: number
  title: number
  heading: number
  text: number
  /** The first and the last of its places, as indexes of `#places`. */
  first: number
  last: number
}

/** A new segment, entry by entry, term by term. What an entry needs is used again for the next. */
export class SegmentDraft {
  readonly postings: PostingMap = emptyPostings()
  entries = 0
  /** Words of all entries. */
  length = 0
  /** Entries of earlier segments that it replaces. */
  dead = 0
  readonly #terms = new Map<string, DraftTerm>()
  #entry = 0
  /** Terms of the entry at hand. */
  readonly #held: DraftTerm[] = []
  /** Its places in the order of the text, and the index of the same term's next one. */
  readonly #places: number[] = []
  readonly #next: number[] = []

  /** A term of the entry at hand; places ascend. `field`: 0 title, 1 heading, 2 text. */
  add(term: string, field: number, place: number): void {
    let held = this.#terms.get(term)
    if (!held) {
      held = { term, postings: undefined, entry: -1, title: 0, heading: 0, text: 0, first: 0, last: 0 }
      this.#terms.set(term, held)
    }
    const at = this.#places.length
    if (held.entry !== this.#entry) {
      held.entry = this.#entry
      held.title = held.heading = held.text = 0
      held.first = at
      this.#held.push(held)
    } else {
      const count = field === 0 ? held.title : field === 1 ? held.heading : held.text
      if (count >= mostCounted[field]!) return
      this.#next[held.last] = at
    }
    held.last = at
    this.#places.push(place)
    this.#next.push(-1)
    if (field === 0) held.title++
    else if (field === 1) held.heading++
    else held.text++
  }

  /** Ends the entry, whose number is higher than those before; of so many words. */
  close(number: number, length: number): void {
    if (this.#held.length === 0) return
    this.entries++
    this.length += length
    const { terms, pool } = this.postings
    for (const held of this.#held) {
      const at = pool.length
      let last = 0
      for (let i = held.first; i >= 0; i = this.#next[i]!) {
        pool.number(this.#places[i]! - last)
        last = this.#places[i]!
      }
      const packed = packCounts(held.title, held.heading, held.text)
      if (held.postings) held.postings.push(number, packed, length, at, pool.length - at)
      else {
        // Exactly as long as this: most terms have no other.
        held.postings = [number, packed, length, at, pool.length - at]
        terms.set(held.term, held.postings)
      }
    }
    this.#entry++
    this.#held.length = 0
    this.#places.length = 0
    this.#next.length = 0
  }
}
