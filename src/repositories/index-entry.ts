import type { TenantId } from '../core/ids'
import type { Leaves } from '../filter/parsed'

/** What every point or index document carries beside its vector or text. Times are epoch ms. */
export interface IndexPayload {
  readonly tenant: TenantId
  readonly document: string
  readonly source: string | null
  readonly createdAt: number
  /** As of the last projection of this entry; may lag (hydration re-checks). */
  readonly updatedAt: number
  readonly version: number
  readonly leaves: Leaves
}

/** What a comparison reads of an index entry. `fence` is null where the engine holds none or no number. */
export interface IndexEntry {
  readonly id: string
  readonly tenant: string
  readonly document: string
  readonly fence: number | null
  readonly stamp: string
}

/** A conditional delete: only while the stored fence is at most, or exactly, what was seen. */
export interface IndexRemoval {
  readonly id: string
  readonly tenant: string
  readonly fence: number | null
  readonly when: 'atMost' | 'exactly'
}

export interface IndexHit {
  readonly id: string
  readonly document: string
  /** Higher is better. */
  readonly score: number
  readonly fence: number
}

export interface IndexScan {
  /** Only ids above this one. */
  readonly after?: string | undefined
  readonly upTo?: string | undefined
  readonly limit: number
}
