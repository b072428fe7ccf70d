import type { CallOptions } from '../core/abort'
import type { HeadwaterError } from '../core/errors'
import type { Embedder } from '../embeddings/embedder'
import type { VectorLru } from '../embeddings/lru'
import type { EntityDefinitions } from '../entities/entity-map'
import type { BlobRepository } from '../repositories/blobs'
import type { CacheRepository } from '../repositories/cache'
import type { EpochWatch } from '../repositories/epoch-watch'
import type { BreakerState } from '../resilience/breaker'
import type { SearchPorts } from '../search/search'
import type { SearchCache } from '../search/search-cache'
import type { SplitterOptions } from '../splitter/select'
import type { Splitter } from '../splitter/splitter'
import type { Adopt } from '../tenant/tenant-context'
import type { BackupSource } from '../transfer/backup/backup-source'
import type { WriterPorts } from '../writer/ports'
import type { RateLimiter } from './rate-limiter'

/** What a store is put together from: `openStore` brings Postgres, `createTestStore` memory. */
export interface StoreParts {
  readonly ports: WriterPorts
  readonly named: ReadonlyMap<string, Embedder>
  readonly splitters: Readonly<Record<string, SplitterOptions | Splitter>>
  readonly cache: CacheRepository
  readonly searches: SearchCache | undefined
  /** Vectors of queries, in this process. */
  readonly queries: VectorLru
  readonly sharedQueries?: SearchPorts['sharedQueries']
  readonly rerank?: SearchPorts['rerank']
  readonly hedge?: SearchPorts['hedge']
  readonly epoch: EpochWatch
  readonly blobs: BlobRepository | undefined
  readonly entities: EntityDefinitions
  readonly limiter: RateLimiter
  /** Whether something is declared with `audit`. */
  readonly audited: boolean
  readonly adopt?: Adopt | undefined
  /** What is backed up; undefined in memory. */
  readonly backup?: BackupSource | undefined
  /** What health asks beside the truth: each never rejects. */
  readonly checks: Readonly<Record<string, (call: CallOptions) => Promise<ConnectionHealth>>>
  /** Calls that health makes as users' calls are made, by connection, beyond the searches and reads of every store. */
  readonly probes?: Readonly<Record<string, (call: CallOptions) => Promise<unknown>>> | undefined
  /** Facts that health mentions, e.g. that row level security is off. */
  readonly notices: readonly string[]
  /** Closes the connections that are ours. */
  close(): Promise<void>
}

export interface ConnectionHealth {
  /** 'degraded': it answers, and says that it is not whole. */
  readonly status: 'up' | 'degraded' | 'down'
  readonly latencyMs: number
  /** Where it is, without user and password. */
  readonly target?: string | undefined
  /** Undefined where the server does not tell it. */
  readonly serverVersion?: string | undefined
  readonly breaker?: BreakerState | undefined
  /** Why it is down. */
  readonly error?: HeadwaterError | undefined
  readonly [fact: string]: unknown
}
