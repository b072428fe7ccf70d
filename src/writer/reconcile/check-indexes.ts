import type { CallOptions } from '../../core/abort'
import { isHeadwaterError } from '../../core/errors'
import type { Generation } from '../../repositories/generations'
import { hasEngine } from '../../repositories/index-engines'
import type { WriterPorts } from '../ports'
import { followAlias } from '../rebuild/generations'
import { bumpEpoch, checkDatabase } from './epoch'
import { dueSweep, markerIn, markIndex, readIndexState } from './index-state'

/**
 * Looks whether database and indexes are what they were when they were last seen, and records what is to be done about
 * it: a new epoch, or a sweep of one index. Marks anew what was marked longer than `markMs` ago, so that an older state
 * that comes back later is known by its marker. An engine that is away is passed over; the first such failure is
 * thrown at the end. An index in an engine that this process has not is
 * passed over in silence, and `skipped` gets it. `gone` gets the live generations whose alias has no index to lead to before a sweep makes it anew.
 */
export async function checkIndexes(
  ports: WriterPorts,
  markMs: number,
  call: CallOptions,
  { gone, skipped }: { readonly gone: Set<number>; readonly skipped: Set<number> },
): Promise<void> {
  await checkDatabase(ports)
  const { generations } = ports.truth.session({ worker: true })
  let failure: unknown
  for (const generation of await generations.list({ states: ['live', 'standby'] })) {
    if (!hasEngine(ports, generation)) {
      skipped.add(generation.id)
      continue
    }
    try {
      await checkIndex(ports, generation, markMs, call)
      if (generation.state !== 'live') continue
      await followAlias(ports, generation, call).catch((error: unknown) => {
        if (!isHeadwaterError(error, 'HW_GENERATION_MISSING')) throw error
        gone.add(generation.id)
      })
    } catch (error) {
      failure ??= error
    }
  }
  if (failure !== undefined) throw failure
}

async function checkIndex(
  ports: WriterPorts,
  generation: Generation,
  markMs: number,
  call: CallOptions,
): Promise<void> {
  const { registry } = ports.truth.session({ worker: true })
  // Its jobs are done without it: nobody else brings what failed. Not all the time, where it goes on failing.
  if (generation.state === 'standby' && generation.error !== null) {
    const { sweptAt } = await readIndexState(registry, generation.id)
    if ((await registry.now()) - sweptAt >= markMs) await dueSweep(ports, registry, generation.id, 'failed')
  }
  // The index first: what it says must by then be on record.
  const seen = await markerIn(ports, generation, call)
  const { mark, sweep } = await readIndexState(registry, generation.id)
  const installation = (await registry.read('installation')) ?? ''
  if (!seen || seen.installation !== installation || seen.generation !== generation.id) {
    return dueSweep(ports, registry, generation.id, 'gone')
  }
  const isAhead = seen.epoch > (await registry.epoch()) || (mark !== null && seen.fence > mark.fence)
  if (isAhead) await bumpEpoch(ports, seen.epoch)
  else if (mark === null ? sweep === null : seen.fence < mark.fence) {
    await dueSweep(ports, registry, generation.id, 'changed')
  } else if (mark !== null && sweep === null && (await registry.now()) - mark.at >= markMs) {
    await markIndex(ports, generation, call, mark.fence)
  }
}
