import type { CallOptions } from '../../core/abort'
import type { CollectionName } from '../../core/ids'
import type { WriterPorts } from '../ports'

const perTransaction = 1_000

/**
 * Removes the chunks of a chunking that no generation uses: they follow no write any more. Under the lock that making a
 * generation takes, so that none of it is ever taken for new. Returns how many went.
 */
export async function purgeChunking(
  ports: Pick<WriterPorts, 'truth'>,
  collection: CollectionName,
  chunking: string,
  call: CallOptions = {},
): Promise<number> {
  let purged = 0
  for (;;) {
    const count = await ports.truth.transaction(
      { worker: true },
      async ({ chunks, generations }) => {
        await generations.lock('vector', collection)
        return chunks.purge({ collection, chunking, limit: perTransaction })
      },
      call,
    )
    purged += count
    if (count < perTransaction) return purged
  }
}

/** Those of dropped generations that no other uses. */
export async function purgeUnusedChunkings(ports: Pick<WriterPorts, 'truth'>): Promise<number> {
  const { chunks, generations } = ports.truth.session({ worker: true })
  const placeOf = ({ collection, chunking }: { collection: CollectionName; chunking: string }): string =>
    `${collection}/${chunking}`
  const used = new Set((await generations.list()).map(placeOf))
  const dropped = new Map((await generations.list({ states: ['dropped'] })).map((one) => [placeOf(one), one]))
  let purged = 0
  for (const [place, { collection, chunking }] of dropped) {
    if (used.has(place)) continue
    const [some] = await chunks.scan({ collection, chunking, limit: 1 })
    if (some) purged += await purgeChunking(ports, collection, chunking)
  }
  return purged
}
