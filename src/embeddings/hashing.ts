import { throwIfAborted } from '../core/abort'
import { checkOptions, type OptionKinds, oneOf, whole } from '../core/option-kinds'
import { ReadingTurns } from '../core/turns'
import { stem, terms, words } from '../core/words/first-words'
import { readingOf } from '../core/words/reading'
import type { Embedder, EmbedOptions } from './embedder'
import { fingerprintOf } from './fingerprint'
import { HashingFeatures, mix, type TermFeatures } from './hashing-features'
import { PairCounts } from './pair-counts'

/** Options of the hashing embedder. */
export interface HashingOptions {
  /** Length of the vectors, 16 to 16,000. More dimensions, fewer words that share one. Default 384. */
  dimensions?: number | undefined
  /**
   * How words are read: 2 (default) as indexes do; 1 as 0.1.0 did. Each is a space of its own: what was filled with 1 stays
   * with it until its vectors are rebuilt.
   */
  revision?: 1 | 2 | undefined
}

const kinds = { dimensions: whole(16, 16_000), revision: oneOf(1, 2) } satisfies OptionKinds<HashingOptions>

/** What pairs and triples say beside words (1); found by trial on headings that look for their own sections. */
const weights = { bigram: 0.2, trigram: 0.9 } as const
const pairSeed = 0x9e3779b1

/**
 * Vectors without a model: each stemmed word, pair of neighbours and letter triple is hashed to two signed places,
 * weighted by 1 + log of its count, and the sum is scaled to length 1. Equal on every machine. It finds texts that
 * share words with the query, not texts that mean the same.
 */
export class HashingEmbedder implements Embedder {
  readonly fingerprint: string
  readonly dimensions: number
  readonly maxTokens = Number.POSITIVE_INFINITY
  readonly #revision: 1 | 2
  readonly #sum: Float64Array
  readonly #features: HashingFeatures
  readonly #pairs = new PairCounts()

  constructor(options: HashingOptions = {}, path = 'hashing') {
    const { dimensions = 384, revision = 2 } = checkOptions(options, kinds, path)
    this.dimensions = dimensions
    this.#revision = revision
    this.fingerprint = fingerprintOf({
      provider: 'hashing',
      model: 'v1',
      revision: String(revision),
      dimensions,
      normalized: true,
    })
    this.#sum = new Float64Array(dimensions)
    // The first place stands for no words at all: nothing is like that.
    this.#features = new HashingFeatures(dimensions, revision - 1)
  }

  /** This embedder of the revision whose vectors have this fingerprint, if it is an earlier one. */
  earlier(fingerprint: string): HashingEmbedder | undefined {
    if (this.#revision === 1) return undefined
    const first = new HashingEmbedder({ dimensions: this.dimensions, revision: 1 })
    return first.fingerprint === fingerprint ? first : undefined
  }

  async embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]> {
    throwIfAborted(options?.signal)
    const turns = new ReadingTurns(options?.signal)
    const vectors: Float32Array[] = []
    for (const text of texts) {
      vectors.push(this.#vector(text))
      const turn = turns.after(text.length)
      if (turn) await turn
    }
    return vectors
  }

  #vector(text: string): Float32Array {
    const { list, beside } = this.#revision === 1 ? firstTerms(text) : termsOf(text)
    this.#sum.fill(0)
    this.#features.tidy()
    this.#pairs.clear(list.length)
    const distinct: TermFeatures[] = []
    const count = (term: string): TermFeatures => {
      const features = this.#features.of(term)
      if (features.count++ === 0) distinct.push(features)
      return features
    }
    let previous: TermFeatures | undefined
    for (const term of list) {
      const features = count(term)
      if (previous) this.#pairs.add(mix(Math.imul(previous.hash, 31) ^ features.hash ^ pairSeed))
      previous = features
    }
    for (const term of beside) count(term)
    for (const features of distinct) {
      this.#addTerm(features, 1 + Math.log(features.count))
      features.count = 0
    }
    this.#pairs.each((pair, count) => this.#add(pair, weights.bigram * (1 + Math.log(count))))
    return this.#unit()
  }

  #addTerm({ hash, triples, length }: TermFeatures, weight: number): void {
    this.#add(hash, weight)
    const share = (weights.trigram * weight) / Math.sqrt(length)
    for (let i = 0; i < triples.length; i++) this.#addAt(triples[i]!, share)
  }

  #add(hash: number, weight: number): void {
    this.#addAt(this.#features.place(hash), weight)
    this.#addAt(this.#features.secondPlace(hash), weight)
  }

  #addAt(place: number, weight: number): void {
    this.#sum[place >> 1]! += place & 1 ? weight : -weight
  }

  #unit(): Float32Array {
    const sum = this.#sum
    let square = 0
    for (let i = 0; i < sum.length; i++) square += sum[i]! * sum[i]!
    const vector = new Float32Array(sum.length)
    // No words, or all of them cancelled out: cosine with a zero vector would be NaN.
    if (square === 0) vector[0] = 1
    else {
      const scale = 1 / Math.sqrt(square)
      for (let i = 0; i < sum.length; i++) vector[i] = sum[i]! * scale
    }
    return vector
  }
}

/** Words in order, and what stands beside them: whole identifiers, signs. */
interface Terms {
  readonly list: readonly string[]
  readonly beside: readonly string[]
}

function termsOf(text: string): Terms {
  const [list, beside, stops]: [string[], string[], string[]] = [[], [], []]
  const lists = { word: list, extra: beside, stop: stops }
  readingOf('english').read(text, 0, (term, _position, _start, _end, kind) => lists[kind].push(term))
  // 'To be or not to be' still deserves a direction of its own.
  return { list: list.length + beside.length > 0 ? list : stops, beside }
}

function firstTerms(text: string): Terms {
  const list = terms(text)
  return { list: list.length > 0 ? list : words(text).map(({ term }) => stem(term)), beside: [] }
}
