/** What a splitter asks of an embedder; an `Embedder` is one. */
export interface TokenReader {
  readonly fingerprint: string
  /** Longest text that is read whole, in the model's own tokens; Infinity when there is no limit. */
  readonly maxTokens: number
  /** As `Embedder.countTokens`; without it sizes are estimated. */
  countTokens?: ((texts: readonly string[]) => Promise<readonly number[]>) | undefined
}
