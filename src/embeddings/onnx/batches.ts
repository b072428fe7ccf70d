/** Places of texts that go through the model together. */
export type Batch = readonly number[]

/**
 * Shortest first, so that neighbours are of about one length and little of a batch is padding; a batch holds at most
 * `batchTokens` with its padding, and a longer text goes alone.
 */
export function batchesByLength(lengths: readonly number[], batchTokens: number): Batch[] {
  const order = lengths.map((_, at) => at).sort((a, b) => lengths[a]! - lengths[b]! || a - b)
  const batches: Batch[] = []
  let batch: number[] = []
  for (const at of order) {
    if (batch.length > 0 && (batch.length + 1) * lengths[at]! > batchTokens) {
      batches.push(batch)
      batch = []
    }
    batch.push(at)
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}
