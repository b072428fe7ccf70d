import type { CallOptions } from '../../core/abort'
import type { CollectionName } from '../../core/ids'
import type { Generation, Target } from '../../repositories/generations'
import type { WriterPorts } from '../ports'
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
 * Drops what is kept of a target for a rollback; with `switchedAt` only while the live generation is the one that was
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
  const some = await generations.list({ target, collection, states: ['standby'] })
  if (!retained(ports, some).length) return []
  const names = await ports.truth.transaction({ worker: true }, async (session) => {
    await session.generations.lock(target, collection)
    const all = await session.generations.list({ target, collection, states: ['live', 'standby'] })
    const live = all.find(({ state }) => state === 'live')
    if (!live || (switchedAt !== undefined && live.switchedAt !== switchedAt)) return []
    const dropping = retained(ports, all)
    await retire(session, dropping)
    return dropping.map(({ name }) => name)
  })
  if (names.length > 0) await dropRetired(ports, call)
  return names
}

/** Standby generations that were live once, the latest first; those of the fallback's space stand by for another reason. */
export function retained(ports: WriterPorts, generations: readonly Generation[]): Generation[] {
  const isFallback = ({ collection, fingerprint }: Generation): boolean =>
    fingerprint !== null && fingerprint === ports.collections.get(collection)?.fallback?.fingerprint
  return generations
    .filter((one) => one.state === 'standby' && one.switchedAt !== null && !isFallback(one))
    .sort((a, b) => b.switchedAt! - a.switchedAt!)
}
