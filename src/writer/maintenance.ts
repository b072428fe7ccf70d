import type { WriterOptions, WriterPorts } from './ports'
import { purgeUnusedChunkings } from './rebuild/unused-chunkings'

const perStatement = 1_000

/**
 * Forgets tombstones, idempotency keys and unused embeddings whose time is up, and chunks that no generation uses. Returns
 * how many rows went.
 */
export async function purgeExpired(ports: WriterPorts, options: WriterOptions): Promise<number> {
  const { documents, commits, embeddings, registry } = ports.truth.session({ worker: true })
  // The truth's clock, which made the times: a worker whose own is fast must not forget a key that is still needed.
  const now = await registry.now()
  let purged = await purgeUnusedChunkings(ports)
  for (const [repository, keptMs] of [
    [documents, options.tombstoneMs],
    [commits, options.keyMs],
    [embeddings, options.tombstoneMs],
  ] as const) {
    let count: number
    do {
      count = await repository.purge({ before: now - keptMs, limit: perStatement })
      purged += count
    } while (count === perStatement)
  }
  return purged
}
