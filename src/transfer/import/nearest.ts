import { cosine } from './sample'
import type { SourceDistance } from './source'

export interface NearestRow {
  readonly id: string
  /** Higher is nearer. */
  readonly score: number
}

/** The rows nearest to a vector of all that are told, by the source's own distance: exactly, without any index. */
export class NearestRows {
  readonly #query: Float32Array
  readonly #score: (a: Float32Array, b: Float32Array) => number
  readonly #most: number
  #rows: NearestRow[] = []

  constructor(query: Float32Array, distance: SourceDistance, most: number) {
    this.#query = query
    this.#score = scores[distance]
    this.#most = most
  }

  get rows(): readonly NearestRow[] {
    return this.#rows
  }

  add(id: string, vector: Float32Array): void {
    if (vector.length !== this.#query.length) return
    const score = this.#score(this.#query, vector)
    if (this.#rows.length === this.#most && score <= this.#rows.at(-1)!.score) return
    const place = this.#rows.findIndex((row) => row.score < score)
    this.#rows.splice(place < 0 ? this.#rows.length : place, 0, { id, score })
    if (this.#rows.length > this.#most) this.#rows.pop()
  }
}

const scores: Readonly<Record<SourceDistance, (a: Float32Array, b: Float32Array) => number>> = {
  cosine,
  dot: (a, b) => a.reduce((sum, value, at) => sum + value * b[at]!, 0),
  euclid: (a, b) => -a.reduce((sum, value, at) => sum + (value - b[at]!) ** 2, 0),
  manhattan: (a, b) => -a.reduce((sum, value, at) => sum + Math.abs(value - b[at]!), 0),
}
