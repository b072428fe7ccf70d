import type { Store } from '../../../index'

/** The library's own comparison of everything with everything, and what it mended. */
export async function reconcileOnce(store: Store): Promise<object> {
  const { checked, missing, stale, orphaned, foreign, repaired } = await store.reconcile({ deep: true, repair: true })
  await store.relay.drain({ timeoutMs: 30_000 })
  return { checked, missing, stale, orphaned, foreign, repaired }
}
