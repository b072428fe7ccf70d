/** Stored vectors of one space, by input hash. A tenant's embeddings in Postgres, an LRU in front, or both. */
export interface VectorCache {
  /** Those that are there; the rest is missing from the map. */
  getMany(hashes: readonly string[]): Promise<Map<string, Float32Array>>
  setMany(entries: readonly { readonly hash: string; readonly vector: Float32Array }[]): Promise<void>
}
