import type { Store } from '../../../index'
import { isHeadwaterError } from '../../../src/core/errors'
import { enter } from '../aim'
import type { Order } from '../order'

/** Rebuilds a target beside the live one, perhaps in another engine; what a fault ends is left for the next to resume. */
export async function rebuildOnce(store: Store, { target, engine }: Order, signal: AbortSignal): Promise<object> {
  enter('copy')
  try {
    return await store.rebuild({
      target: target!,
      engine,
      signal,
      timeoutMs: 20_000,
      onProgress: ({ phase }) => {
        if (phase === 'verify') enter('verified')
      },
    })
  } catch (error) {
    if (!isHeadwaterError(error)) throw error
    return { failed: error.code, message: error.message }
  } finally {
    enter('none')
  }
}
