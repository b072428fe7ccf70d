import { isBegun } from '../../core/words/occurrences'
import type { Clause } from '../../core/words/reading'
import { type EntrySink, fieldNames } from '../text-words'
import type { FieldWeights } from '../typed-query'

const k1 = 1.2
const b = 0.75

/** Where a term stands in an entry: places ascending, field by field, and how many of them each field has. */
interface Places {
  readonly positions: number[]
  readonly counts: number[]
}

/** The inverted index of one tenant's texts, with the statistics that BM25 needs kept as they change. */
export class Postings {
  /** Term to the entries that hold it. */
  readonly #terms = new Map<string, Map<string, Places>>()
  readonly #entries = new Map<string, { readonly terms: readonly string[]; readonly length: number }>()
  #total = 0

  /** `read` tells the terms of the entry. */
  add(id: string, read: (found: EntrySink) => void): void {
    this.remove(id)
    const own = new Map<string, Places>()
    let length = 0
    read((field, term, position, kind) => {
      let places = own.get(term)
      if (!places) {
        places = { positions: [], counts: fieldNames.map(() => 0) }
        own.set(term, places)
      }
      places.positions.push(position)
      places.counts[field]!++
      if (kind === 'word') length++
    })
    for (const [term, places] of own) {
      const holders = this.#terms.get(term)
      if (holders) holders.set(id, places)
      else this.#terms.set(term, new Map([[id, places]]))
    }
    this.#entries.set(id, { terms: [...own.keys()], length })
    this.#total += length
  }

  remove(id: string): void {
    const entry = this.#entries.get(id)
    if (!entry) return
    this.#entries.delete(id)
    this.#total -= entry.length
    for (const term of entry.terms) {
      const holders = this.#terms.get(term)
      holders?.delete(id)
      if (holders?.size === 0) this.#terms.delete(term)
    }
  }

  /** BM25 of every entry that matches at least one of the clauses. */
  scores(clauses: readonly Clause[], fields: FieldWeights = {}): Map<string, number> {
    const scores = new Map<string, number>()
    const average = Math.max(1, this.#total) / Math.max(1, this.#entries.size)
    const weights = fieldNames.map((name) => fields[name] ?? 1)
    for (const clause of clauses) {
      const holders = this.#holders(clause, weights)
      const idf = Math.log(1 + (this.#entries.size - holders.size + 0.5) / (holders.size + 0.5))
      for (const [id, count] of holders) {
        const norm = k1 * (1 - b + (b * this.#entries.get(id)!.length) / average)
        scores.set(id, (scores.get(id) ?? 0) + (idf * count * (k1 + 1)) / (count + norm))
      }
    }
    return scores
  }

  /** The entries that match a clause, with how often, weighted; those whose fields count nothing are left out. */
  #holders({ slots, prefix }: Clause, weights: readonly number[]): Map<string, number> {
    const [first, ...others] = slots
    const holders = new Map<string, number>()
    if (!first) return holders
    const begun = prefix === undefined ? [] : [...this.#terms.keys()].filter((term) => isBegun(term, prefix))
    for (const term of new Set([...first.any, ...begun])) {
      for (const [id, { positions, counts }] of this.#terms.get(term) ?? []) {
        let at = 0
        let weighted = 0
        for (const [field, count] of counts.entries()) {
          for (const end = at + count; at < end; at++) {
            const start = positions[at]! - first.offset
            const whole = others.every(({ any, offset }) =>
              any.some((other) => holds(this.#terms.get(other)?.get(id)?.positions, start + offset)),
            )
            if (whole) weighted += weights[field]!
          }
        }
        if (weighted > 0) holders.set(id, (holders.get(id) ?? 0) + weighted)
      }
    }
    return holders
  }
}

function holds(positions: readonly number[] = [], wanted: number): boolean {
  let [low, high] = [0, positions.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    if (positions[middle] === wanted) return true
    if (positions[middle]! < wanted) low = middle + 1
    else high = middle - 1
  }
  return false
}
