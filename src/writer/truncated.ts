/** Chunks of each collection that this process wrote and whose ends no embedder reads. */
export class TruncatedChunks {
  readonly #counts = new Map<string, number>()

  add(collection: string, count: number): void {
    if (count > 0) this.#counts.set(collection, this.of(collection) + count)
  }

  of(collection: string): number {
    return this.#counts.get(collection) ?? 0
  }
}
