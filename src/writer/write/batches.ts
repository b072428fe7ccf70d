/** Groups of a stream, each bounded by count and by bytes; an item larger than the bound stands alone. */
export async function* inBatches<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limits: { readonly count: number; readonly bytes: number },
  sizeOf: (item: T) => number,
): AsyncGenerator<T[]> {
  let batch: T[] = []
  let bytes = 0
  for await (const item of items) {
    const size = sizeOf(item)
    if (batch.length > 0 && (batch.length >= limits.count || bytes + size > limits.bytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(item)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
