import type { DatabaseIdentity } from '../../repositories/registry'
import type { WriterPorts } from '../ports'
import { dropRetired, retire } from '../rebuild/retired'
import { dueSweep } from './index-state'

/**
 * Begins a new life of the truth, above `above`: fences of the old one are overtaken, what was claimed in it completes
 * nothing, its receipts are refused, and every index is to be swept. Generations that were being built are given up.
 * Returns the epoch that now is.
 */
export async function bumpEpoch(ports: WriterPorts, above = 0): Promise<number> {
  const epoch = await ports.truth.transaction({ worker: true }, async (session) => {
    const { generations, registry } = session
    const from = await registry.epoch()
    const to = Math.max(from, above) + 1
    // Somebody has noticed at the same time: once is enough.
    if (!(await registry.replace('epoch', from, to))) return registry.epoch()
    await registry.write('database', { ...(await registry.database()) })
    const all = await generations.list()
    await retire(
      session,
      all.filter(({ state }) => state === 'building'),
    )
    for (const { id, state } of all) if (state !== 'building') await dueSweep(ports, registry, id, 'restored')
    return to
  })
  await dropRetired(ports).catch(() => undefined)
  return epoch
}

/** Bumps the epoch when the database is not the one that is on record: restored from a dump, copied or promoted. */
export async function checkDatabase(ports: WriterPorts): Promise<void> {
  const { registry } = ports.truth.session({ worker: true })
  const current = await registry.database()
  const recorded = (await registry.record('database', { ...current })) as unknown as DatabaseIdentity
  if (differs(recorded, current)) await bumpEpoch(ports)
  // The login may ask for more than at the time of the record.
  else if (recorded.system === null && current.system !== null) await registry.write('database', { ...current })
}

function differs(recorded: DatabaseIdentity, current: DatabaseIdentity): boolean {
  const changed = <T>(was: T | null, now: T | null): boolean => was !== null && now !== null && was !== now
  return (
    changed(recorded.system, current.system) ||
    changed(recorded.timeline, current.timeline) ||
    recorded.tables !== current.tables
  )
}
