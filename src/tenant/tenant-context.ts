import type { CallerTransaction } from '../connections/postgres/caller'
import type { CallOptions } from '../core/abort'
import type { Clock } from '../core/clock'
import { HeadwaterError } from '../core/errors'
import type { TenantId } from '../core/ids'
import type { BlobRepository } from '../repositories/blobs'
import type { CacheRepository } from '../repositories/cache'
import type { DocumentEntries } from '../repositories/document-entries'
import type { EpochWatch } from '../repositories/epoch-watch'
import type { Truth, TruthSession } from '../repositories/truth'
import type { Searcher } from '../search/search'
import type { Receipt } from '../writer/write/receipt'
import type { CoordinatedWriter } from '../writer/writer'

/** The repositories over a caller's transaction, for one handle. HW_INVALID_ARGUMENT for what can be none. */
export type Adopt = (
  transaction: CallerTransaction,
  tenant: TenantId,
) => {
  readonly session: TruthSession
  /** Rejects with HW_INVALID_ARGUMENT unless the transaction is open, and still the same. */
  assertOpen(): Promise<void>
}

/** What the handles of a tenant work with. */
export interface TenantContext {
  readonly truth: Truth
  readonly writer: CoordinatedWriter
  readonly searcher: Searcher
  readonly cache: CacheRepository
  readonly epoch: EpochWatch
  /** Cached values that were made of documents. */
  readonly entries: DocumentEntries | undefined
  /** Undefined where no place for blobs is configured. */
  readonly blobs: BlobRepository | undefined
  readonly clock: Clock
  /** The repositories over a transaction of the caller's; undefined where the truth is no Postgres. */
  readonly adopt: Adopt | undefined
  /** Runs a call of the store: refused when it is closed or when it comes from inside a transaction. */
  enter<T>(work: () => Promise<T>): Promise<T>
}

export interface ReadOptions extends CallOptions {
  /** Waits until what this receipt stands for can be read. */
  after?: Receipt | undefined
}

/** Reads come from the primary, where a committed write is seen at once: only a caller's own commit is waited for. */
export async function readAfter(
  context: TenantContext,
  tenant: TenantId,
  after: Receipt | undefined,
  call: CallOptions,
): Promise<void> {
  if (!after) return
  if (after.tenant !== tenant) {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', 'after: the receipt is of another tenant', { path: 'after' })
  }
  if (after.commit !== undefined) await context.writer.waitFor(tenant, after, call)
}
