import type { CallOptions } from '../../core/abort'
import type { CollectionName } from '../../core/ids'
import type { Generation, Target } from '../../repositories/generations'
import type { WriterPorts } from '../ports'
import { lockTargets } from './generations'
import { dropRetired, retire } from './retired'

/**
 * Drops generations that were live before, `retentionMs` after another took their place, and the indexes that earlier
 * drops have left. Those of a fallback's space stay.
 */
export async function dropExpired(ports: WriterPorts, retentionMs: number, call: CallOptions): Promise<void> {
  const { generations, registry } = ports.truth.session({ worker: true })
  const now = await registry.now()
  const live = await generations.list({ states: ['live'] })
  for (const { target, collection, switchedAt } of live) {
    // What stands by for a fallback is known from the plan alone.
    if (!ports.collections.has(collection) || switchedAt === null || now - switchedAt < retentionMs) continue
    await dropStandby(ports, target, collection, call, switchedAt)
  }
  await dropRetired(ports, call)
}

/**
 * Drops what is kept of a target for a rollback, and of the other one what can go back with it alone; with `switchedAt` only while the live generation is the one that was
 * switched to then. Returns the names.
 */
export async function dropStandby(
  ports: WriterPorts,
  target: Target,
  collection: CollectionName,
  call: CallOptions,
  switchedAt?: number,
): Promise<string[]> {
  const { generations } = ports.truth.session({ worker: true })
  // Without the lock where there is nothing to do, as nearly always.
  const some = await generations.list({ collection, states: ['live', 'standby'] })
  if (!retained(ports, some, target).length) return []
  const names = await ports.truth.transaction({ worker: true }, async (session) => {
    await lockTargets(session, collection)
    const all = await session.generations.list({ collection })
    const live = all.find((one) => one.target === target && one.state === 'live')
    if (!live || (switchedAt !== undefined && live.switchedAt !== switchedAt)) return []
    const dropping = retained(ports, all, target)
    const rest = all.filter((one) => !dropping.includes(one))
    dropping.push(...unpaired(rest, live.chunking, fallbackOf(ports, collection)))
    await retire(session, dropping)
    return dropping.map(({ name }) => name)
  })
  if (names.length > 0) await dropRetired(ports, call)
  return names
}

/**
 * Standby generations of a target that were live once, the latest first, of all that a collection has; those of the
 * fallback's space stand by for another reason, as long as they are cut as what is live.
 */
export function retained(
  ports: Pick<WriterPorts, 'collections'>,
  generations: readonly Generation[],
  target: Target,
): Generation[] {
  const isFallback = (one: Generation): boolean =>
    one.fingerprint !== null &&
    one.fingerprint === fallbackOf(ports, one.collection) &&
    generations.some(({ state, chunking }) => state === 'live' && chunking === one.chunking)
  return generations
    .filter((one) => one.target === target && one.state === 'standby' && one.switchedAt !== null && !isFallback(one))
    .sort((a, b) => b.switchedAt! - a.switchedAt!)
}

/**
 * Of these, those that are cut otherwise than what is live and have lost their counterpart of the other target: they can
 * be switched to no more.
 */
export function unpaired(
  generations: readonly Generation[],
  chunking: string,
  fallback: string | undefined,
): Generation[] {
  const has = (target: Target, of: string): boolean =>
    generations.some((one) => {
      return one.target === target && one.chunking === of && (fallback === undefined || one.fingerprint !== fallback)
    })
  return generations.filter((one) => {
    return one.chunking !== chunking && !(has('vector', one.chunking) && has('text', one.chunking))
  })
}

function fallbackOf({ collections }: Pick<WriterPorts, 'collections'>, collection: CollectionName): string | undefined {
  return collections.get(collection)?.fallback?.fingerprint
}
