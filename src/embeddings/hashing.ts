import { throwIfAborted } from '../core/abort'
import { checkOptions, type OptionKinds, oneOf, whole } from '../core/option-kinds'
import { stem, terms, words } from '../core/words/first-words'
import { readingOf, type Term } from '../core/words/reading'
import type { Embedder, EmbedOptions } from './embedder'
import { fingerprintOf } from './fingerprint'

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
const seeds = { term: 0x811c9dc5, trigram: 0x2f0b4f21, bigram: 0x9e3779b1 } as const

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
  }

  /** This embedder of the revision whose vectors have this fingerprint, if it is an earlier one. */
  earlier(fingerprint: string): HashingEmbedder | undefined {
    if (this.#revision === 1) return undefined
    const first = new HashingEmbedder({ dimensions: this.dimensions, revision: 1 })
    return first.fingerprint === fingerprint ? first : undefined
  }

  async embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]> {
    throwIfAborted(options?.signal)
    return texts.map((text) => this.#vector(text))
  }

  #vector(text: string): Float32Array {
    const { list, beside } = this.#revision === 1 ? firstTerms(text) : termsOf(text)
    this.#sum.fill(0)
    const counts = new Map<string, number>()
    const pairs = new Map<number, number>()
    let previous = 0
    for (const [i, term] of list.entries()) {
      counts.set(term, (counts.get(term) ?? 0) + 1)
      const hash = hashOf(term, 0, term.length, seeds.term)
      if (i > 0) {
        const pair = mix(Math.imul(previous, 31) ^ hash ^ seeds.bigram)
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
      }
      previous = hash
    }
    for (const term of beside) counts.set(term, (counts.get(term) ?? 0) + 1)
    for (const [term, count] of counts) this.#addTerm(term, 1 + Math.log(count))
    for (const [pair, count] of pairs) this.#add(pair, weights.bigram * (1 + Math.log(count)))
    return this.#unit()
  }

  #addTerm(term: string, weight: number): void {
    this.#add(hashOf(term, 0, term.length, seeds.term), weight)
    const length = term.length
    if (length < 4) return
    const padded = `^${term}$`
    const share = (weights.trigram * weight) / Math.sqrt(length)
    for (let i = 0; i < length; i++) this.#add(hashOf(padded, i, i + 3, seeds.trigram), share)
  }

  /** Two places halve the harm when one of them is shared with another feature. */
  #add(hash: number, weight: number): void {
    const sum = this.#sum
    const second = mix(hash ^ 0x5bd1e995)
    // The first place stands for no words at all: nothing is like that.
    const spared = this.#revision - 1
    const places = this.dimensions - spared
    sum[spared + ((hash >>> 1) % places)]! += hash & 1 ? weight : -weight
    sum[spared + ((second >>> 1) % places)]! += second & 1 ? weight : -weight
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
  const found = readingOf('english').terms(text)
  const of = (kind: Term['kind']): string[] => found.filter((one) => one.kind === kind).map(({ term }) => term)
  const [list, beside] = [of('word'), of('extra')]
  // 'To be or not to be' still deserves a direction of its own.
  return { list: list.length + beside.length > 0 ? list : of('stop'), beside }
}

function firstTerms(text: string): Terms {
  const list = terms(text)
  return { list: list.length > 0 ? list : words(text).map(({ term }) => stem(term)), beside: [] }
}

/** FNV-1a over UTF-16 units, then spread over all bits. */
function hashOf(text: string, from: number, to: number, seed: number): number {
  let hash = seed
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
