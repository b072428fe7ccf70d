/** How texts are to be embedded. */
export interface EmbedOptions {
  /** What the texts are: some models put another prefix before a query than before a passage. */
  kind: 'query' | 'passage'
  signal?: AbortSignal | undefined
}

/** Turns texts into vectors of one space. Implement it to bring a model of your own. */
export interface Embedder {
  /**
   * Identity of the vector space (`fingerprintOf`): vectors of different fingerprints never meet. It must change
   * with anything that changes the vectors.
   */
  readonly fingerprint: string
  /** Length of every vector. */
  readonly dimensions: number
  /** Longest text that is read whole, in the model's own tokens; Infinity when there is no limit. */
  readonly maxTokens: number
  /** One vector a text, in their order, each of `dimensions` finite numbers. */
  embed(texts: readonly string[], options: EmbedOptions): Promise<Float32Array[]>
}
