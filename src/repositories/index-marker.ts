import type { CallOptions } from '../core/abort'

/**
 * What a physical index says of itself: whose it is, and of which life of the truth. Every marking has a fence of its
 * own, which the truth records first: an index whose marker is gone, or is not the recorded one, was wiped, made anew
 * or restored, and one that is ahead of the record tells that the truth was.
 */
export interface IndexMarker {
  /** The installation of the truth; '' where it has none. */
  readonly installation: string
  /** Id of the generation. */
  readonly generation: number
  readonly epoch: number
  readonly fence: number
  /** System identifier and timeline of the Postgres that marked it; null where it may not be asked. */
  readonly system: string | null
  readonly timeline: number | null
}

/** The name under which readers other than this library find the live index. */
export interface IndexAlias<I> {
  /** True when the alias leads to this index and no other. */
  leadsTo(alias: string, index: I, call?: CallOptions): Promise<boolean>
  /** Lets the alias lead to this index alone, in one step, and makes sure that it does. */
  set(alias: string, index: I, call?: CallOptions): Promise<void>
}

/** A marker as an engine gave it back, or null where it is none. */
export function markerOf(value: unknown): IndexMarker | null {
  if (typeof value !== 'object' || value === null) return null
  const { installation, generation, epoch, fence, system, timeline } = value as Record<string, unknown>
  if (typeof installation !== 'string' || typeof generation !== 'number') return null
  if (typeof epoch !== 'number' || typeof fence !== 'number') return null
  return {
    installation,
    generation,
    epoch,
    fence,
    system: typeof system === 'string' ? system : null,
    timeline: typeof timeline === 'number' ? timeline : null,
  }
}
