import type { CallOptions } from '../../core/abort'
import type { Clock } from '../../core/clock'
import { uuidV7 } from '../../core/ids'
import type { Random } from '../../core/random'
import type { QdrantCaller } from './caller'

const pattern = /^headwater_canary_([0-9a-f]{12})7[0-9a-f]{19}$/
/** Clocks of two machines differ by less. */
const leftOverMs = 600_000

/** The collection of one start check; its name begins with the time, in ms and hex. */
export function canaryName(clock: Clock, random: Random): string {
  return `headwater_canary_${uuidV7(clock, random).replaceAll('-', '')}`
}

/**
 * Drops canaries of processes that were killed in their check: those that are older than any check that still runs,
 * which takes `longestMs` at most. What cannot be dropped now is for the next check.
 */
export async function dropLeftCanaries(
  caller: QdrantCaller,
  now: number,
  longestMs: number,
  call: CallOptions,
): Promise<void> {
  try {
    const answer = await caller.call({ operation: 'getCollections' }, call)
    const listed: unknown = Reflect.get(Object(answer), 'collections')
    for (const one of Array.isArray(listed) ? listed : []) {
      const collection = String(Reflect.get(Object(one), 'name'))
      const madeAt = Number.parseInt(pattern.exec(collection)?.[1] ?? '', 16)
      // NaN, for a name that is none of ours, is not less than anything.
      if (madeAt < now - leftOverMs - longestMs) await caller.call({ operation: 'deleteCollection', collection }, call)
    }
  } catch {
    // The check itself has passed.
  }
}
