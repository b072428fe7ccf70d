import type { HeadwaterError } from '../../core/errors'
import type { CollectionName, TenantId } from '../../core/ids'
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
  /** In the order in which they were refused. */
  readonly failed: readonly FailedDocument[]
  /** Of the whole batch; small however many there were. */
  readonly receipt: Receipt
}

const epochUnit = 2 ** 40

/** The epoch that a fence belongs to. */
export function epochOf(fence: number): number {
  return Math.floor(fence / epochUnit)
}
