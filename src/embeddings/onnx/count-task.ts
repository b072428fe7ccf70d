import type { TextTokenizer } from './text-tokenizer'

/** Characters counted in one step, which takes a few ms. */
const charactersAStep = 30_000

/** The tokens of one call's texts, counted in steps between which another call may go first or this one be cancelled. */
export class CountTask {
  readonly id: number
  /** Whoever cuts a document waits for it, and a step is short beside one of the model's. */
  readonly urgent = true
  readonly #texts: readonly string[]
  readonly #counts: number[] = []

  constructor(id: number, texts: readonly string[]) {
    this.id = id
    this.#texts = texts
  }

  /** Counts some texts; all counts once they are there. */
  step(tokenizer: TextTokenizer): number[] | undefined {
    for (let held = 0; held < charactersAStep && this.#counts.length < this.#texts.length; ) {
      const text = this.#texts[this.#counts.length]!
      this.#counts.push(tokenizer.count(text))
      held += text.length
    }
    return this.#counts.length === this.#texts.length ? this.#counts : undefined
  }
}
