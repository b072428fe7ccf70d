import { type Batch, batchesByLength } from './batches'
import type { ModelSession } from './model-session'
import type { TextTokenizer } from './text-tokenizer'

export interface LoadedModel {
  readonly tokenizer: TextTokenizer
  readonly session: ModelSession
  readonly batchTokens: number
}

/** Texts tokenized in one step, which takes a few ms. */
const textsAStep = 64

/** One call's work, cut into steps between which another call may go first or this one be cancelled. */
export class EmbedTask {
  readonly id: number
  readonly urgent: boolean
  readonly #texts: readonly string[]
  readonly #ids: number[][] = []
  readonly #vectors: Float32Array[]
  #batches: Batch[] | undefined

  constructor(id: number, texts: readonly string[], urgent: boolean) {
    this.id = id
    this.urgent = urgent
    this.#texts = texts
    this.#vectors = new Array<Float32Array>(texts.length)
  }

  /** Tokenizes some texts, or sends one batch through the model; the vectors once all are there. */
  async step({ tokenizer, session, batchTokens }: LoadedModel): Promise<Float32Array[] | undefined> {
    const tokenized = this.#ids.length
    if (tokenized < this.#texts.length) {
      for (const text of this.#texts.slice(tokenized, tokenized + textsAStep)) this.#ids.push(tokenizer.encode(text))
      return undefined
    }
    this.#batches ??= batchesByLength(
      this.#ids.map((ids) => ids.length),
      batchTokens,
    )
    const batch = this.#batches.shift()
    if (batch) {
      const rows = batch.map((at) => this.#ids[at]!)
      for (const [i, vector] of (await session.embed(rows, tokenizer.padId)).entries()) {
        this.#vectors[batch[i]!] = vector
      }
    }
    return this.#batches.length === 0 ? this.#vectors : undefined
  }
}
