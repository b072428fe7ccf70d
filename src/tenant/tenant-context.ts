import type { CallerTransaction } from '../connections/postgres/caller'
import { type CallOptions, callKinds } from '../core/abort'
import type { Clock } from '../core/clock'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import type { TenantId } from '../core/ids'
import { reading } from '../core/known-options'
import type { Limits } from '../core/limits'
import { anything, type OptionKinds } from '../core/option-kinds'
import type { Random } from '../core/random'
import type { EntityDefinitions } from '../entities/entity-map'
import type { BlobRepository } from '../repositories/blobs'
import type { CacheRepository } from '../repositories/cache'
import type { DocumentEntries } from '../repositories/document-entries'
import type { EpochWatch } from '../repositories/epoch-watch'
import type { RateLimit, Take, Taken } from '../repositories/rate-limits'
import { actingTruth, type Truth, type TruthSession } from '../repositories/truth'
import type { FairGate } from '../resilience/fair-gate'
import type { Searcher } from '../search/search'
import { checkReceipt, type Receipt } from '../writer/write/receipt'
import type { CoordinatedWriter } from '../writer/writer'

/** The repositories over a caller's transaction, for one handle. HW_INVALID_ARGUMENT for what can be none. */
export type Adopt = (
  transaction: CallerTransaction,
  tenant: TenantId,
  actor?: string,
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
  /** Lets searches in, of all tenants of the store. */
  readonly gate: FairGate
  readonly cache: CacheRepository
  readonly epoch: EpochWatch
  /** Cached values that were made of documents. */
  readonly entries: DocumentEntries | undefined
  /** Undefined where no place for blobs is configured. */
  readonly blobs: BlobRepository | undefined
  readonly entities: EntityDefinitions
  readonly limiter: Limiter
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  /** Aborts when the store has closed. */
  readonly stop?: AbortSignal | undefined
  /** The repositories over a transaction of the caller's; undefined where the truth is no Postgres. */
  readonly adopt: Adopt | undefined
  /** Runs a call of the store: refused when it is closed or when it comes from inside a transaction. */
  enter<T>(work: () => Promise<T>): Promise<T>
}

/** Counts what callers take, wherever that is counted just now. */
export interface Limiter {
  readonly limit: RateLimit
  take(take: Take, call: CallOptions): Promise<Taken & { readonly by: CountedBy }>
}

/** Who counted; `nobody` where nothing could, and takes are refused then. */
export type CountedBy = 'redis' | 'postgres' | 'process' | 'nobody'

/** The same, whose changes are told to be an actor's. */
export function acting(context: TenantContext, actor: string): TenantContext {
  return { ...context, truth: actingTruth(context.truth, actor), writer: context.writer.as(actor) }
}

export interface ReadOptions extends CallOptions {
  /** Waits until what this receipt stands for can be read. */
  after?: Receipt | undefined
}

/** `after` is checked where the tenant is known. */
export const readKinds = { ...callKinds, after: anything } satisfies OptionKinds<ReadOptions>

/** Reads come from the primary, where a committed write is seen at once: only a caller's own commit is waited for. */
export async function readAfter(
  context: TenantContext,
  tenant: TenantId,
  after: Receipt | undefined,
  call: CallOptions,
): Promise<Receipt | undefined> {
  if (after === undefined) return undefined
  const receipt = checkReceipt(after, tenant, 'after')
  if (receipt.commit !== undefined) await context.writer.waitFor(tenant, receipt, call)
  return receipt
}

/** A list of ids, keys or tags, copied: each is checked by `check`, and they are no more than a call may name. */
export function checkList<T>(
  given: unknown,
  path: string,
  { keys }: Limits,
  check: (value: unknown, path: string) => T,
): T[] {
  return reading(path, 'HW_INVALID_ARGUMENT', () => {
    if (!Array.isArray(given)) {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: must be a list, got ${describeValue(given)}`, { path })
    }
    const { length } = given
    if (!(length <= keys)) {
      throw new HeadwaterError('HW_LIMIT_EXCEEDED', `${path}: at most ${keys} (limits.keys), got ${length}`, { path })
    }
    return Array.from({ length }, (_, at) => check(given[at], `${path}[${at}]`))
  })
}
