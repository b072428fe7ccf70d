import type { CallOptions } from './core/abort'
import type { TenantId } from './core/ids'
import type { Embedder } from './embeddings/embedder'
import type { BlobRepository } from './repositories/blobs'
import type { CacheRepository } from './repositories/cache'
import type { TruthSession } from './repositories/truth'
import type { WriterPorts } from './writer/ports'

/** What a store is put together from: `openStore` brings Postgres, `createTestStore` memory. */
export interface StoreParts {
  readonly ports: WriterPorts
  readonly named: ReadonlyMap<string, Embedder>
  readonly cache: CacheRepository
  readonly blobs: BlobRepository | undefined
  readonly adopt?: ((transaction: unknown, tenant: TenantId) => Promise<TruthSession>) | undefined
  /** What health asks beside the truth: each never rejects. */
  readonly checks: Readonly<Record<string, (call: CallOptions) => Promise<ConnectionHealth>>>
  /** Facts that health mentions, e.g. that row level security is off. */
  readonly notices: readonly string[]
  /** Closes the connections that are ours. */
  close(): Promise<void>
}

export interface ConnectionHealth {
  readonly status: 'up' | 'down'
  readonly latencyMs: number
  readonly [fact: string]: unknown
}
