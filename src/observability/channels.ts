import { type Channel, channel } from 'node:diagnostics_channel'
import type { ErrorCode } from '../core/errors'

/** How something ended: null for well. */
export interface Ended {
  readonly durationMs: number
  readonly code: ErrorCode | null
}

/**
 * Every channel of `node:diagnostics_channel` and what it carries. Ids of tenants and documents may be in it; texts,
 * queries, metadata, vectors, cache values, statements and credentials never are. Durations in ms.
 */
export interface ChannelEvents {
  /** A call to a store, its retries included. */
  readonly 'headwater:call': Ended & { readonly store: string }
  /** A circuit breaker changed its state. */
  readonly 'headwater:breaker': { readonly store: string; readonly state: 'closed' | 'open' | 'half-open' }
  /**
   * A write transaction, or one that failed. Of `transaction()` there is one for each collection that it wrote to, told
   * after its commit. Of `using()` there is one for each write, told when its receipt was made: whether the caller then
   * commits is not known.
   */
  readonly 'headwater:write': Ended & {
    readonly tenant: string
    readonly collection: string
    readonly by: 'call' | 'transaction' | 'using'
    readonly written: number
    readonly unchanged: number
    /** Chunks written of which the embedder reads the beginning alone. */
    readonly truncated: number
  }
  /** A search. `degraded` names the legs that did not answer. */
  readonly 'headwater:search': Ended & {
    readonly tenant: string
    readonly collection: string
    readonly mode: 'hybrid' | 'text' | 'vector'
    readonly hits: number
    readonly degraded: readonly string[]
    readonly cached: boolean
  }
  /** A batch of jobs that the relay or a write applied; `code` says why its target could not be reached. */
  readonly 'headwater:batch': Ended & {
    readonly target: string
    readonly claimed: number
    readonly applied: number
    readonly failed: number
  }
  /** A job that was given up. */
  readonly 'headwater:parked': {
    readonly tenant: string
    readonly collection: string
    readonly document: string
    readonly target: string
    readonly reason: string
  }
  /** An attempt of an errand; `left` is one whose claim was lost, or whose handler did not heed its signal. */
  readonly 'headwater:errand': Ended & {
    readonly tenant: string
    readonly name: string
    readonly attempt: number
    readonly became: 'done' | 'failed' | 'parked' | 'released' | 'left'
  }
  /** What waits, of all tenants; told with the relay's heartbeat. */
  readonly 'headwater:backlog': {
    readonly waiting: number
    readonly claimed: number
    readonly parked: number
    /** Age of the oldest job that waits, ms; null without one. */
    readonly oldestAgeMs: number | null
  }
  /** How old the last complete backup is, and the last drill that passed, ms; told with the relay's heartbeat. */
  readonly 'headwater:backups': {
    /** Null without one. */
    readonly backupAgeMs: number | null
    readonly drillAgeMs: number | null
  }
  /** A rebuild moved on, switched or failed. */
  readonly 'headwater:rebuild': {
    readonly target: string
    readonly collection: string
    readonly phase: string
    readonly done: number
    readonly code: ErrorCode | null
  }
  /** A reconcile, or a stretch of a sweep, ended; the counts are what it found. */
  readonly 'headwater:reconcile': Ended & {
    readonly checked: number
    readonly missing: number
    readonly stale: number
    readonly orphaned: number
    readonly foreign: number
    /** Documents of the truth without their chunks; looked for by a whole reconcile alone. */
    readonly damaged: number
    readonly repaired: number
  }
}

export type ChannelName = keyof ChannelEvents

/** The names, for `subscribe` of `node:diagnostics_channel`. */
export const channelNames = Object.freeze([
  'headwater:call',
  'headwater:breaker',
  'headwater:write',
  'headwater:search',
  'headwater:batch',
  'headwater:parked',
  'headwater:errand',
  'headwater:backlog',
  'headwater:backups',
  'headwater:rebuild',
  'headwater:reconcile',
] as const satisfies readonly ChannelName[])

const channels = new Map<ChannelName, Channel>(channelNames.map((name) => [name, channel(name)]))

/** True while somebody listens: what costs something to find out is found out only then. */
export function isHeard(name: ChannelName): boolean {
  return channels.get(name)!.hasSubscribers
}

/** Tells those who listen; `event` is not called when nobody does. */
export function publish<N extends ChannelName>(name: N, event: () => ChannelEvents[N]): void {
  const found = channels.get(name)!
  if (found.hasSubscribers) found.publish(event())
}

/** Listens until the returned function is called. */
export function listen<N extends ChannelName>(name: N, hear: (event: ChannelEvents[N]) => void): () => void {
  const found = channels.get(name)!
  const listener = (event: unknown): void => hear(event as ChannelEvents[N])
  found.subscribe(listener)
  return () => void found.unsubscribe(listener)
}
