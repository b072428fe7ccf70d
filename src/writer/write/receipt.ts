import { checkText } from '../../core/checked-text'
import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import { type CollectionName, isName, type TenantId } from '../../core/ids'
import { reading } from '../../core/known-options'
import type { Target } from '../../repositories/generations'

/** Per target: already in the projection when the write returned, or waiting as a job. */
export type Delivery = 'applied' | 'queued'

/**
 * What a write returns: small, JSON-safe, fit to cross processes. `waitFor(receipt)` and `{ after: receipt }` take it.
 */
export interface Receipt {
  readonly tenant: TenantId
  /** Absent for a transaction over several collections. */
  readonly collection?: CollectionName | undefined
  /** Epoch of the truth at the write. */
  readonly epoch: number
  /** Write-ahead log position after COMMIT, for reads on replicas; null where there are none. */
  readonly lsn: string | null
  /** Highest fence of the write; 0 when there was nothing to write and nothing stored. */
  readonly fence: number
  /** The documents, when they are few; without it the receipt waits for every earlier job of the tenant. */
  readonly ids?: readonly string[] | undefined
  /** Key of a write inside the caller's own transaction: the receipt counts once that has committed. */
  readonly commit?: string | undefined
  readonly targets: Readonly<Record<Target, Delivery>>
  /**
   * Chunks of what was written that are longer than the embedder reads, so that only words find their ends; absent
   * where there are none.
   */
  readonly truncated?: number | undefined
}

/** Receipt of a write to one document. */
export interface DocumentReceipt extends Receipt {
  readonly id: string
  /** 1, 2, 3...: counts the document's committed changes, a deletion too. 0 when it never existed. */
  readonly version: number
  /** True when the document was already so (or already gone) and nothing was written. */
  readonly unchanged: boolean
}

/** A document of a batch that was refused, and why. */
export interface FailedDocument {
  readonly id: string
  readonly error: HeadwaterError
}

/** Result of a write to many documents. */
export interface BatchResult {
  /** Documents that changed, or were deleted. */
  readonly written: number
  /** Documents that were so already. */
  readonly unchanged: number
  /** Documents that were refused, in that order: the first 100 of them (`limits.failures`). */
  readonly failed: readonly FailedDocument[]
  /** How many were refused. */
  readonly failedCount: number
  /** Of the whole batch; small however many there were. */
  readonly receipt: Receipt
}

const epochUnit = 2 ** 40
const mostIds = 1_000

/**
 * The receipt as it is at this moment, what it waits for alone: from another process, it may be anything. Throws
 * HW_INVALID_ARGUMENT, also for one of another tenant.
 */
export function checkReceipt(given: unknown, tenant: TenantId, path = 'receipt'): Receipt {
  return reading(path, 'HW_INVALID_ARGUMENT', () => {
    if (typeof given !== 'object' || given === null) throw invalid(path, 'pass what a write returned')
    const { collection, epoch, fence, ids, commit, tenant: of } = given as Partial<Receipt>
    if (typeof of !== 'string' || !isCount(epoch) || !isCount(fence)) throw invalid(path, 'pass what a write returned')
    if (of !== tenant) throw invalid(path === 'receipt' ? 'receipt.tenant' : path, 'the receipt is of another tenant')
    if (collection !== undefined && !isName(collection)) {
      throw invalid(`${path}.collection`, `${describeValue(collection)} is no collection`)
    }
    return {
      tenant,
      ...(collection !== undefined && { collection }),
      epoch,
      lsn: null,
      fence,
      ...(ids !== undefined && { ids: idsOf(ids, `${path}.ids`) }),
      ...(commit !== undefined && { commit: checkText(commit, `${path}.commit`, 256, 'HW_INVALID_ARGUMENT') }),
      targets: { vector: 'queued', text: 'queued' },
    }
  })
}

function idsOf(given: unknown, path: string): string[] {
  const length = Array.isArray(given) ? given.length : Number.NaN
  if (!(length <= mostIds)) throw invalid(path, `must be a list of at most ${mostIds} ids, got ${describeValue(given)}`)
  return Array.from({ length }, (_, at) => {
    return checkText((given as unknown[])[at], `${path}[${at}]`, 512, 'HW_INVALID_ARGUMENT')
  })
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}

/** The epoch that a fence belongs to. */
export function epochOf(fence: number): number {
  return Math.floor(fence / epochUnit)
}
