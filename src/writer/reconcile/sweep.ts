import type { CallOptions } from '../../core/abort'
import { isHeadwaterError } from '../../core/errors'
import { uuidV7 } from '../../core/ids'
import { told } from '../../observability/told'
import type { Generation } from '../../repositories/generations'
import type { WriterOptions, WriterPorts } from '../ports'
import { createIndex } from '../rebuild/generations'
import { Pace } from '../rebuild/pace'
import { dropPhysical } from '../rebuild/retired'
import { findDrift } from './drift'
import type { Drift } from './drift-entry'
import { fillEmpty } from './fill-empty'
import { changeIndexState, type DueSweep, forgetFailures, markIndex, readIndexState } from './index-state'
import { repairDrift } from './repair'

/**
 * Compares one index with the truth from where the last attempt stopped and repairs what differs, range by range, if a
 * sweep of it is due. An index that is gone is made anew first. `goesOn` is asked after each range. A sweep that nothing
 * but its turn asks for goes by slices, one a call, so that it never keeps the next look at the other indexes waiting.
 */
export async function sweepIndex(
  ports: WriterPorts,
  generation: Generation,
  { sweepMs, sweepSlice }: Pick<WriterOptions, 'sweepMs' | 'sweepSlice'>,
  call: CallOptions & { readonly signal: AbortSignal },
  goesOn: () => Promise<boolean>,
): Promise<void> {
  const sweep = await begin(ports, generation, sweepMs)
  if (!sweep) return
  const found = { checked: 0, missing: 0, stale: 0, orphaned: 0, foreign: 0, damaged: 0, repaired: 0 }
  await told(
    'headwater:reconcile',
    ports.clock,
    () => stretch(ports, generation, sweep, sweepSlice, call, goesOn, found),
    (ended) => ({ ...ended, ...found }),
  )
}

/** As far as it comes now; `found` counts. */
async function stretch(
  ports: WriterPorts,
  generation: Generation,
  sweep: DueSweep,
  sweepSlice: number,
  call: CallOptions & { readonly signal: AbortSignal },
  goesOn: () => Promise<boolean>,
  found: Record<Drift['kind'] | 'checked' | 'repaired', number>,
): Promise<void> {
  await openSweep(ports, generation, sweep, call)
  const copied = await fillEmpty(ports, generation, sweep, {
    pace: new Pace(ports, undefined, call.signal),
    signal: call.signal,
    store: async (filled) => (await keepFilled(ports, generation, sweep, filled)) && (await goesOn()),
  })
  if (copied === null) return
  found.missing += copied
  found.repaired += copied
  const ranges = findDrift(ports, generation, {
    deep: false,
    // A job may leave out what the index once had, and can overwrite nothing that is ahead of the truth.
    distrust: true,
    after: sweep.after ?? undefined,
    signal: call.signal,
  })
  for await (const { checked, drift, upTo } of ranges) {
    found.checked += checked
    for (const { kind } of drift) found[kind]++
    if (drift.length > 0) {
      found.repaired += (await repairDrift(ports, generation, drift, Number.POSITIVE_INFINITY)).repaired
    }
    if (upTo === undefined) continue
    if (!(await advance(ports, generation, sweep, (now) => ({ ...now, after: upTo }))) || !(await goesOn())) return
    if (sweep.reason === 'turn' && found.checked >= sweepSlice) return
  }
  await endSweep(ports, generation, sweep)
}

/** Before the first range: the index is there and marked, and what fails on it from now on asks for another sweep. */
export async function openSweep(
  ports: WriterPorts,
  generation: Generation,
  { after }: DueSweep,
  call: CallOptions,
): Promise<void> {
  const { registry } = ports.truth.session({ worker: true })
  if (after === null && generation.error !== null) await forgetFailures(ports, generation.id)
  if ((await readIndexState(registry, generation.id)).mark !== null) return
  await makeAnew(ports, generation, call)
  await markIndex(ports, generation, call)
}

/** How far an index that was empty is filled. False when it is not this sweep's business any more. */
export function keepFilled(
  ports: WriterPorts,
  generation: Generation,
  sweep: DueSweep,
  filled: string | undefined,
): Promise<boolean> {
  return advance(ports, generation, sweep, ({ filled: _, ...now }) => ({ ...now, ...(filled && { filled }) }))
}

/** Everything was compared and mended; a sweep that became due meanwhile stays. */
export async function endSweep(ports: WriterPorts, generation: Generation, sweep: DueSweep): Promise<void> {
  await advance(ports, generation, sweep, () => null)
}

/** The sweep that is due, or one whose turn has come. */
async function begin(ports: WriterPorts, generation: Generation, sweepMs: number): Promise<DueSweep | null> {
  const { registry } = ports.truth.session({ worker: true })
  const now = await registry.now()
  const state = await readIndexState(registry, generation.id)
  if (state.sweep || now - state.sweptAt < sweepMs) return state.sweep
  const turn: DueSweep = { id: uuidV7(ports.clock, ports.random), reason: 'turn', after: null, since: now }
  const begun = await changeIndexState(registry, generation.id, (current) =>
    current.sweep ? undefined : { ...current, sweep: turn },
  )
  return begun ? turn : null
}

/** Stores how far it has come, or with null that it is over. False when it is not this sweep's business any more. */
async function advance(
  ports: WriterPorts,
  generation: Generation,
  { id, since }: DueSweep,
  change: (sweep: DueSweep) => DueSweep | null,
): Promise<boolean> {
  const { registry } = ports.truth.session({ worker: true })
  const stored = await changeIndexState(registry, generation.id, (state) => {
    if (state.sweep?.id !== id || state.mark === null) return undefined
    const sweep = change(state.sweep)
    return { ...state, sweep, sweptAt: sweep ? state.sweptAt : since }
  })
  return stored !== undefined
}

/** Under a name of ours stands what is ours: an index of another make, put there by somebody else, gives way. */
async function makeAnew(ports: WriterPorts, generation: Generation, call: CallOptions): Promise<void> {
  try {
    await createIndex(ports, generation, call)
  } catch (error) {
    const isOther =
      isHeadwaterError(error, 'HW_FINGERPRINT_MISMATCH') || isHeadwaterError(error, 'HW_TOPOLOGY_MISMATCH')
    if (!isOther) throw error
    await dropPhysical(ports, generation)
    await createIndex(ports, generation, call)
  }
}
