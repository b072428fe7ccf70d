import type { TenantId } from '../core/ids'
import type { Json } from '../core/json'

/**
 * One row per write transaction, under the caller's idempotency key or one of our own. It is what an unknown COMMIT is
 * resolved by, and what makes a key apply once.
 */
export interface CommitRepository {
  /**
   * First statement of a write. Null: the key is now ours (waits for a transaction that holds it). Otherwise what an
   * earlier request under this key left.
   */
  begin(
    tenant: TenantId,
    key: string,
    requestHash: string,
  ): Promise<{ readonly requestHash: string; readonly receipt: Json } | null>
  /** Last statement of a write under a caller's key: what a repetition will be answered. */
  finish(tenant: TenantId, key: string, receipt: Json): Promise<void>
  /**
   * After a lost COMMIT: takes the key itself. True means that the write never committed and now never will;
   * false that it did.
   */
  refute(tenant: TenantId, key: string): Promise<boolean>
  /** What a committed write left under this key; null where there is none, or it was refuted. */
  find(tenant: TenantId, key: string): Promise<{ readonly receipt: Json } | null>
  /** Forgets keys made before `before` (epoch ms). Worker's view. */
  purge(options: { before: number; limit: number }): Promise<number>
}
