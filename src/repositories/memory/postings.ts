const k1 = 1.2
const b = 0.75

/** The inverted index of one tenant's texts, with the statistics that BM25 needs kept as they change. */
export class Postings {
  /** Term to the entries that hold it, with how often. */
  readonly #terms = new Map<string, Map<string, number>>()
  readonly #entries = new Map<string, { readonly terms: readonly string[]; readonly length: number }>()
  #total = 0

  add(id: string, terms: readonly string[]): void {
    this.remove(id)
    const counts = new Map<string, number>()
    for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1)
    for (const [term, count] of counts) {
      const holders = this.#terms.get(term)
      if (holders) holders.set(id, count)
      else this.#terms.set(term, new Map([[id, count]]))
    }
    this.#entries.set(id, { terms: [...counts.keys()], length: terms.length })
    this.#total += terms.length
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

  /** BM25 of every entry that holds at least one of the terms. */
  scores(terms: ReadonlySet<string>): Map<string, number> {
    const scores = new Map<string, number>()
    const average = this.#total / this.#entries.size
    for (const term of terms) {
      const holders = this.#terms.get(term)
      if (!holders) continue
      const idf = Math.log(1 + (this.#entries.size - holders.size + 0.5) / (holders.size + 0.5))
      for (const [id, count] of holders) {
        const norm = k1 * (1 - b + (b * this.#entries.get(id)!.length) / average)
        scores.set(id, (scores.get(id) ?? 0) + (idf * count * (k1 + 1)) / (count + norm))
      }
    }
    return scores
  }
}
