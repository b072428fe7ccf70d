export interface Stemming {
  readonly stem?: ((word: string) => string) | undefined
  /** Words that say nothing of what a text is about, lower case. */
  readonly stopWords: readonly string[]
}
