import type { Scope } from '../../core/ids'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import { textsOf, vectorsOf } from '../../repositories/index-engines'
import type { IndexRemoval } from '../../repositories/index-entry'
import type { WriterPorts } from '../ports'
import { allTargets } from '../rebuild/generations'
import type { Drift } from './drift-entry'

/**
 * Mends what has drifted: documents get a new fence and a whole job, entries that no chunk stands behind are deleted
 * while they are still what was seen, at most `mostDeletes` of them.
 */
export async function repairDrift(
  ports: WriterPorts,
  generation: Generation,
  drift: readonly Drift[],
  mostDeletes: number,
): Promise<{ repaired: number; deleted: number; spared: number }> {
  const removals: IndexRemoval[] = []
  for (const one of drift) removals.push(...removalOf(one))
  const allowed = removals.slice(0, Math.max(0, mostDeletes))
  const spared = removals.length - allowed.length
  if (generation.target === 'vector') await vectorsOf(ports, generation).remove(vectorIndexOf(generation), allowed)
  else await textsOf(ports, generation).remove(textIndexOf(generation), allowed)
  let repaired = drift.filter(({ kind }) => kind === 'orphaned').length - spared

  const scopes = new Map<string, { scope: Scope; documents: Set<string> }>()
  for (const { entry } of drift) {
    if (!entry) continue
    const scope = { tenant: entry.tenant, collection: generation.collection }
    const group = scopes.get(entry.tenant) ?? { scope, documents: new Set() }
    scopes.set(entry.tenant, group)
    group.documents.add(entry.document)
  }
  for (const { scope, documents } of scopes.values()) {
    repaired += await restamp(ports, scope, [...documents])
  }
  return { repaired, deleted: allowed.length, spared }
}

/** Deletes what was seen where a write could not take its place: nothing is to stand there, or its fence is too large. */
export function removalOf({ kind, entry, seen }: Drift): IndexRemoval[] {
  if (!seen) return []
  const blocked = seen.fence === null || (entry !== null && seen.fence > entry.fence)
  if (kind !== 'orphaned' && kind !== 'foreign' && !blocked) return []
  return [{ id: seen.id, tenant: seen.tenant, fence: seen.fence, when: 'exactly' }]
}

/**
 * Gives live documents a new fence and enqueues whole jobs for both targets: the fence of the other moves as well, and
 * if the truth was restored, a new payload over its old vector would look right. Returns how many there were.
 */
async function restamp(ports: WriterPorts, scope: Scope, ids: readonly string[]): Promise<number> {
  return ports.truth.transaction({ worker: true }, async (session) => {
    const heads = (await session.documents.lock(scope, ids, { create: false })).filter((head) => !head.deleted)
    if (heads.length === 0) return 0
    const fences = await session.documents.fences(heads.length)
    await session.documents.restamp(
      scope,
      heads.map(({ id }, at) => ({ id, fence: fences[at]! })),
    )
    await session.jobs.enqueue(
      heads.flatMap(({ id }, at) =>
        allTargets.map((target) => ({ ...scope, target, document: id, fence: fences[at]!, since: 0 })),
      ),
      { mends: true },
    )
    return heads.length
  })
}
