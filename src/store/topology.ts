import { lacks } from '../repositories/index-engines'
import type { Truth } from '../repositories/truth'
import type { CollectionPlan } from '../writer/ports'
import type { Topology } from './engines'

/**
 * Refuses a process that has not the engine of an index which is live for one of its collections. What was made before
 * engines were recorded is where its target's other indexes are, or, where there are none, where this process makes new
 * ones; that is recorded now. HW_TOPOLOGY_MISMATCH.
 */
export async function checkTopology(
  truth: Truth,
  configured: Topology,
  plans: ReadonlyMap<string, CollectionPlan>,
): Promise<void> {
  const { generations } = truth.session({ worker: true })
  const all = await generations.list()
  for (const one of all) {
    const { id, target, state, collection } = one
    const beside = all.find((other) => other.target === target && other.engine !== null)
    const engine = one.engine ?? beside?.engine ?? configured[target][0]!
    if (one.engine === null) await generations.update(id, { engine })
    if (state !== 'live' || !plans.has(collection) || configured[target].includes(engine)) continue
    throw lacks({ ...one, engine }, configured[target])
  }
}
