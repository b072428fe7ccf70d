import type { CallOptions } from '../core/abort'
import type { TenantId } from '../core/ids'
import type { Json } from '../core/json'

/** Something that is to be done elsewhere once a transaction has committed; `tenant` is `*` for the installation's own. */
export interface NewErrand {
  /** Uuid of the caller's making. */
  readonly id: string
  readonly tenant: TenantId
  readonly name: string
  readonly payload: Json
}

/** Who holds an errand: nobody else ends it. */
export interface ErrandClaim {
  readonly id: string
  readonly token: string
}

export interface ErrandClaimOptions {
  readonly names: readonly string[]
  /** Of each name. */
  readonly limit: number
  readonly token: string
  readonly leaseMs: number
}

export interface ClaimedErrand extends NewErrand, ErrandClaim {
  /** 1, 2, 3...: this one included. */
  readonly attempt: number
  /** Why the last attempt failed, or null. */
  readonly reason: string | null
  /** Epoch ms. */
  readonly createdAt: number
}

/** What became of an attempt. */
export type ErrandOutcome =
  | { readonly done: true }
  /** Due again after `delayMs`, or parked for good. */
  | { readonly reason: string; readonly delayMs: number; readonly parks: boolean }
  /** Given back at once, as if it had not been tried. */
  | { readonly released: true }

/** An errand as it was parked. */
export interface ParkedErrand extends NewErrand {
  readonly attempts: number
  readonly reason: string | null
  /** Epoch ms. */
  readonly createdAt: number
}

/** Errands of one name by what they are waiting for. */
export interface ErrandBacklog {
  readonly name: string
  /** Due, or backing off; held by nobody. */
  readonly waiting: number
  /** Held by a worker. */
  readonly claimed: number
  /** Given up until a redrive. */
  readonly parked: number
  /** Age of the oldest that is not parked, ms; null when there is none. */
  readonly oldestMs: number | null
}

/** Which errands. */
export interface ErrandFilter {
  readonly tenant?: TenantId | undefined
  readonly name?: string | undefined
}

/**
 * Errands: a row each, never joined with another, that is claimed in place for as long as its lease lasts. Due times, leases
 * and ages are by the truth's own clock. All but `add` is asked in the worker's view.
 */
export interface ErrandRepository {
  /** There if the transaction commits. */
  add(errand: NewErrand): Promise<void>
  /** Takes up to `limit` of each name that are due and not held, the longest due first, and counts an attempt of each. */
  claim(options: ErrandClaimOptions, call?: CallOptions): Promise<ClaimedErrand[]>
  /** Extends leases; returns those that are still held so. What was claimed in an earlier epoch is not. */
  renew(claims: readonly ErrandClaim[], leaseMs: number): Promise<ErrandClaim[]>
  /**
   * Ends a claim: the errand goes, or waits again. False, and nothing happens, where it is another's by now, or the claim is
   * of an earlier epoch.
   */
  settle(claim: ErrandClaim, outcome: ErrandOutcome): Promise<boolean>
  /** By name. */
  backlog(call?: CallOptions): Promise<ErrandBacklog[]>
  /** The oldest first. */
  parked(options: ErrandFilter & { readonly limit: number }): Promise<ParkedErrand[]>
  /** Makes parked ones due, with their attempts forgotten; returns how many. */
  redrive(options: ErrandFilter): Promise<number>
  /** Ends every lease, for a truth that no other process can have open. Returns how many there were. */
  freeClaims(): Promise<number>
}
