import { QdrantClient } from '@qdrant/js-client-rest'
import { afterAll, beforeAll } from 'vitest'
import { QdrantConnection } from '../../../src/connections/qdrant/connection'
import type { QdrantOptions } from '../../../src/connections/qdrant/options'
import type { QdrantVectorOptions } from '../../../src/repositories/qdrant/options'
import { QdrantVectorRepository } from '../../../src/repositories/qdrant/vectors'
import type { VectorIndex } from '../../../src/repositories/vectors'
import { startQdrantDouble } from '../../support/qdrant-double'

type Double = Awaited<ReturnType<typeof startQdrantDouble>>

/** A real server where QDRANT_URL names one, else the double. */
export const realUrl = process.env['QDRANT_URL']

export interface QdrantBackend {
  readonly url: string
  readonly connection: QdrantConnection
  /** Undefined on a real server. */
  readonly faults: Double['faults'] | undefined
  connect(options?: QdrantOptions): QdrantConnection
  vectors(options?: QdrantVectorOptions): QdrantVectorRepository
}

/** Call it in a describe: one server and one connection for all its tests. `by` is how the connection reaches it. */
export function useQdrant(by: 'url' | 'client' = 'url'): () => QdrantBackend {
  let double: Double | undefined
  let backend: QdrantBackend | undefined
  const open: QdrantConnection[] = []
  beforeAll(async () => {
    if (realUrl === undefined) double = await startQdrantDouble()
    const url = realUrl ?? double!.url
    const connect = (options: QdrantOptions = {}): QdrantConnection => {
      const where = 'client' in options || options.url !== undefined ? {} : { url }
      const connection = new QdrantConnection({ ...where, ...options })
      open.push(connection)
      return connection
    }
    const connection = connect(
      by === 'client' ? { client: new QdrantClient({ url, checkCompatibility: false }) } : { url },
    )
    backend = {
      url,
      connection,
      faults: double?.faults,
      connect,
      vectors: (options) => new QdrantVectorRepository(connection, options),
    }
  })
  afterAll(async () => {
    await Promise.all(open.map((connection) => connection.close()))
    await double?.close()
  })
  return () => backend!
}

let names = 0

/** An index that no other test uses. */
export function freshIndex(dimensions: number, changes: Partial<VectorIndex> = {}): VectorIndex {
  return { name: `test_${process.pid}_${++names}`, fingerprint: 'fingerprint-1', dimensions, ...changes }
}
