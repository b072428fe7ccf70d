import { inputOf } from '../entry-stamp'
import type { IndexRemoval } from '../index-entry'
import type { VectorPoint } from '../vectors'
import type { QdrantCondition, QdrantFilter } from './conditions'
import { keys } from './payload'

type Fenced = Pick<VectorPoint, 'id' | 'fence'> & { readonly payload: { readonly tenant: string } }

/**
 * The `update_filter` of an upsert. It holds for the whole request, so points of several fences are told apart by their
 * ids within it: each is compared with its own fence. A point of another tenant, or without a fence, is left alone.
 */
export function upsertFence(points: readonly Fenced[]): QdrantFilter {
  const groups = new Map<string, Fenced[]>()
  for (const point of points) {
    const key = `${point.fence} ${point.payload.tenant}`
    const group = groups.get(key)
    if (group) group.push(point)
    else groups.set(key, [point])
  }
  const guards = [...groups.values()].map((group): QdrantFilter => {
    const { fence, payload } = group[0]!
    const guard = [ofTenant(payload.tenant), { key: keys.fence, range: { lte: fence } }]
    return { must: groups.size === 1 ? guard : [hasId(group), ...guard] }
  })
  return guards.length === 1 ? guards[0]! : { should: guards }
}

/** The point itself, while it is older than what is written and its vector is of the same input. */
export function payloadFence({ id, fence, stamp, payload }: Fenced & Pick<VectorPoint, 'stamp'>): QdrantFilter {
  const sameInput = { key: keys.input, match: { value: inputOf(stamp) } }
  return { must: [{ has_id: [id] }, ofTenant(payload.tenant), { key: keys.fence, range: { lt: fence } }, sameInput] }
}

/** What removals allow to be deleted; undefined when they allow nothing. */
export function removalFilter(removals: readonly IndexRemoval[]): QdrantFilter | undefined {
  const groups = new Map<string, { readonly guard: readonly QdrantCondition[]; readonly ids: string[] }>()
  for (const { id, tenant, fence, when } of removals) {
    const fenceGuard = removalFence(fence, when)
    if (!fenceGuard) continue
    const key = `${when} ${fence} ${tenant}`
    const group = groups.get(key)
    if (group) group.ids.push(id)
    else groups.set(key, { guard: [ofTenant(tenant), fenceGuard], ids: [id] })
  }
  if (groups.size === 0) return undefined
  return { should: [...groups.values()].map(({ guard, ids }) => ({ must: [{ has_id: ids }, ...guard] })) }
}

function removalFence(fence: number | null, when: IndexRemoval['when']): QdrantCondition | undefined {
  // No number at all: whatever else stands there, no range holds for it.
  if (fence === null) {
    return when === 'exactly'
      ? { must_not: [{ key: keys.fence, range: { gte: -Number.MAX_VALUE, lte: Number.MAX_VALUE } }] }
      : undefined
  }
  return { key: keys.fence, range: when === 'exactly' ? { gte: fence, lte: fence } : { lte: fence } }
}

/** A scan says '' of a point that has no tenant. */
function ofTenant(tenant: string): QdrantCondition {
  return tenant === '' ? { is_empty: { key: keys.tenant } } : { key: keys.tenant, match: { value: tenant } }
}

function hasId(points: readonly Fenced[]): QdrantCondition {
  return { has_id: points.map(({ id }) => id) }
}
