/** How texts are to be embedded. */
export interface EmbedOptions {
  /** What the texts are: some models put another prefix before a query than before a passage. */
  kind: 'query' | 'passage'
  signal?: AbortSignal | undefined
}

/** How texts are divided among calls of an embedder. */
export interface BatchOptions {
  /** Most texts in one call of the embedder. Larger is faster until the model's memory is full. Default 64. */
  batchSize?: number | undefined
  /** Most characters in one call (a longer text goes alone). Default 200,000. */
  batchCharacters?: number | undefined
  /** Calls under way at once. Default 4. */
  concurrency?: number | undefined
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
  /** How it wants to be called, where the defaults are not right for it. */
  readonly batch?: BatchOptions | undefined
  /** One vector a text, in their order, each of `dimensions` finite numbers. */
  embed(texts: readonly string[], options: EmbedOptions): Promise<Float32Array[]>
  /**
   * Tokens that each text takes as a passage, with all that is put around it: exact up to `maxTokens`, any larger number
   * above. With it the splitter cuts by this model's own tokens; without it by an estimate. It must not ask a server.
   */
  readonly countTokens?:
    | ((texts: readonly string[], options?: { signal?: AbortSignal | undefined }) => Promise<number[]>)
    | undefined
  /** Lets go of what it holds: sockets, memory, threads. The store closes those that it made from options alone. */
  close?(): Promise<void>
}
