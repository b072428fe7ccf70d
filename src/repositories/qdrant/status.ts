import type { QdrantConnection } from '../../connections/qdrant/connection'
import type { CallOptions } from '../../core/abort'
import { sleep } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import { field } from './answers'

/** What a collection says of itself. */
export interface QdrantCollectionStats {
  readonly collection: string
  /** `green`: all is done. `yellow`: being optimised. `grey`: optimising waits for a change. `red`: an operation failed. */
  readonly status: string
  /** `ok`, or the error of the optimiser. */
  readonly optimizerStatus: string
  readonly points: number
  readonly indexedVectors: number
  readonly segments: number
  /** Updates that wait on the server. */
  readonly queued: number
  /** Kind of each payload index by its key. */
  readonly payloadIndexes: Readonly<Record<string, string>>
  /** The server's own words. */
  readonly config: unknown
}

const firstPauseMs = 50
const longestPauseMs = 1_000

export async function statsOf(
  connection: QdrantConnection,
  collection: string,
  call: CallOptions,
): Promise<QdrantCollectionStats> {
  const info = await connection.call({ operation: 'getCollection', collection }, call)
  const optimizer = field(info, 'optimizer_status')
  const schema = Object.entries(Object(field(info, 'payload_schema')) as Record<string, unknown>)
  return {
    collection,
    status: String(field(info, 'status')),
    optimizerStatus: typeof optimizer === 'string' ? optimizer : String(field(optimizer, 'error')),
    points: numberOf(field(info, 'points_count')),
    indexedVectors: numberOf(field(info, 'indexed_vectors_count')),
    segments: numberOf(field(info, 'segments_count')),
    queued: numberOf(field(field(info, 'update_queue'), 'length')),
    payloadIndexes: Object.fromEntries(schema.map(([key, index]) => [key, String(field(index, 'data_type'))])),
    config: field(info, 'config'),
  }
}

/** Waits until nothing is left to optimise; HW_TIMEOUT at the deadline, HW_DATABASE when the optimiser failed. */
export async function waitUntilIndexed(
  connection: QdrantConnection,
  collection: string,
  call: CallOptions,
): Promise<QdrantCollectionStats> {
  for (let pause = firstPauseMs, woken = false; ; pause = Math.min(pause * 2, longestPauseMs)) {
    const stats = await statsOf(connection, collection, call)
    if (stats.status === 'red' || stats.optimizerStatus !== 'ok') {
      throw new HeadwaterError(
        'HW_DATABASE',
        `qdrant: the collection ${JSON.stringify(collection)} is ${stats.status}: ${stats.optimizerStatus}`,
        { details: { store: 'qdrant', status: stats.status } },
      )
    }
    if (stats.status === 'green' && stats.queued === 0) return stats
    if (stats.status === 'grey' && !woken) {
      // After a restart optimising waits for any change; an empty one will do.
      woken = true
      await connection.call({ operation: 'updateCollection', collection, body: { optimizers_config: {} } }, call)
    }
    await sleep(connection.clock, pause, call.signal)
  }
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
