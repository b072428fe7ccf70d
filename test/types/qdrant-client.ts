import type { QdrantClient as RealClient } from '@qdrant/js-client-rest'
import type { QdrantApi, QdrantClient } from '../../src/connections/qdrant/client'
import type { QdrantOptions } from '../../src/connections/qdrant/options'

/** Compiled, never run: the real client is what the structural types ask for. */
export const clientFits = (client: RealClient): QdrantClient => client
export const apiFits = (client: RealClient): QdrantApi => client.api()
export const optionsTakeIt = (client: RealClient): QdrantOptions => ({ client })

// @ts-expect-error: what has no API is no client
export const nothingIsNoClient = (client: { search(): void }): QdrantClient => client
