import { throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import { textsOf, vectorsOf } from '../../repositories/index-engines'
import type { WriterPorts } from '../ports'
import { findDrift } from '../reconcile/drift'
import { beginCheck, type Check, readIndexState } from '../reconcile/index-state'
import { removalOf } from '../reconcile/repair'
import { cutUncut } from './cut-uncut'
import { followAlias, lockTargets, refreshIndex } from './generations'
import { copyByHalves, readCopy } from './index-copy'
import type { Pace } from './pace'
import { unpaired } from './retention'
import { dropRetired, retire } from './retired'

export interface SwitchOptions {
  /** What the generation must still be. */
  readonly from: 'building' | 'standby'
  /** 'standby' leaves the live one live. */
  readonly to: 'live' | 'standby'
  /** Space of the collection's fallback, whose standby generation stays. */
  readonly fallback: string | undefined
  readonly pace: Pace
  readonly signal: AbortSignal
  /** Told of the chunks that one check has compared so far, and of the switch. */
  onStep(phase: 'verify' | 'switch', compared: number): void
}

const verifyRounds = 10

/**
 * Proves generations equal to the truth, or that jobs bring the rest, mends what is not, and switches to them in one step:
 * one of a target, or those of both, which are cut alike. Returns how many entries were mended. HW_REBUILD_FAILED if it
 * never comes to that, or if somebody else has given them up.
 */
export async function proveAndSwitch(
  ports: WriterPorts,
  proved: readonly Generation[],
  options: SwitchOptions,
): Promise<number> {
  let mended = 0
  for (let round = 1; round <= verifyRounds; round++) {
    throwIfAborted(options.signal)
    const checks = new Map<number, Check>()
    for (const one of proved) checks.set(one.id, await beginCheck(ports, one))
    await cutRest(ports, proved, options)
    const found = await verifyAll(ports, proved, options)
    mended += found
    // A job that failed on one since the check asks for another one, and so does somebody else's check.
    if (found > 0 || !(await switchRows(ports, proved, checks, options))) continue
    options.onStep('switch', 0)
    if (options.to === 'live') {
      for (const one of proved) await followAlias(ports, one).catch(() => undefined)
    }
    await dropRetired(ports).catch(() => undefined)
    return mended
  }
  throw await neverEqual(ports, proved)
}

async function neverEqual(ports: WriterPorts, proved: readonly Generation[]): Promise<HeadwaterError> {
  const names = proved.map(({ name }) => name).join(' and ')
  const ids = new Set(proved.map(({ id }) => id))
  const now = await ports.truth.session({ worker: true }).generations.list({ collection: proved[0]!.collection })
  const error = now.find((one) => ids.has(one.id) && one.error !== null)?.error
  return new HeadwaterError(
    'HW_REBUILD_FAILED',
    `${names}: not equal after ${verifyRounds} checks${error ? `, the last job failed: ${error}` : ''}`,
    { details: { generation: proved[0]!.name } },
  )
}

/** Documents that were written by who could not cut them have no chunks yet; only where what is live is cut otherwise. */
async function cutRest(ports: WriterPorts, proved: readonly Generation[], options: SwitchOptions): Promise<void> {
  const [{ collection, chunking }] = proved as [Generation]
  const live = await ports.truth.session({ worker: true }).generations.list({ collection, states: ['live'] })
  if (live.every((one) => one.chunking === chunking)) return
  const { pace, signal } = options
  await cutUncut(ports, { collection, chunking }, { pace, signal, onCut: () => undefined })
}

async function verifyAll(ports: WriterPorts, proved: readonly Generation[], options: SwitchOptions): Promise<number> {
  let mended = 0
  let before = 0
  for (const one of proved) {
    let compared = 0
    const onStep: SwitchOptions['onStep'] = (phase, count) => {
      compared = count
      options.onStep(phase, before + count)
    }
    mended += await verify(ports, one, { ...options, onStep })
    before += compared
  }
  return mended
}

/** Mends what differs without a job; returns how much that was. */
async function verify(ports: WriterPorts, generation: Generation, options: SwitchOptions): Promise<number> {
  const { pace, signal } = options
  const call = { signal }
  await refreshIndex(ports, generation, call)
  let mended = 0
  let compared = 0
  for await (const { checked, drift } of findDrift(ports, generation, { deep: false, signal })) {
    compared += checked
    options.onStep('verify', compared)
    await pace.after(checked)
    if (drift.length === 0) continue
    mended += drift.length
    const removals = drift.flatMap(removalOf)
    if (generation.target === 'vector')
      await vectorsOf(ports, generation).remove(vectorIndexOf(generation), removals, call)
    else await textsOf(ports, generation).remove(textIndexOf(generation), removals, call)
    const entries = drift.flatMap(({ entry }) => entry ?? [])
    await pace.through(async () => {
      try {
        await (await readCopy(ports, generation, entries, call))()
      } catch (error) {
        await copyByHalves(ports, generation, entries, call, error)
      }
    })
  }
  return mended
}

/** One transaction under the locks of the targets. False when a job may have failed on a generation since its check. */
function switchRows(
  ports: WriterPorts,
  proved: readonly Generation[],
  checks: ReadonlyMap<number, Check>,
  { from, to, fallback }: SwitchOptions,
): Promise<boolean> {
  const [{ collection, chunking, fingerprint }] = proved as [Generation]
  return ports.truth.transaction({ worker: true }, async (session) => {
    const { generations, registry } = session
    await lockTargets(session, collection)
    const all = await generations.list({ collection })
    // A Postgres that was set back gives ids again; names have the epoch in them.
    const now = proved.map(({ name }) => all.find((one) => one.name === name))
    // Somebody else who built or chose the same was first.
    if (now.every((one) => one?.state === to)) return true
    for (const [at, one] of now.entries()) {
      if (one?.state !== from) throw givenUp(proved[at]!.name)
      const { check, error } = checks.get(one.id)!
      if (one.error !== error || (await readIndexState(registry, one.id)).check !== check) return false
    }
    for (const { id } of proved) await generations.update(id, { error: null })
    const isProved = (one: Generation): boolean => proved.some(({ id }) => id === one.id)
    const ofTargets = all.filter((one) => proved.some(({ target }) => target === one.target) && !isProved(one))
    if (to === 'standby') {
      const replaced = ofTargets.filter((one) => one.state === 'standby' && one.fingerprint === fingerprint)
      for (const { id } of proved) await generations.update(id, { state: 'standby' })
      await retire(session, replaced)
      return true
    }
    const beside = all.find((one) => one.state === 'live' && !proved.some(({ target }) => target === one.target))
    if (beside && beside.chunking !== chunking) throw givenUp(proved[0]!.name)
    for (const { id } of proved) await generations.switch(id)
    // What was live stays for a rollback, and the fallback's for its sake; others have had their time.
    const before = ofTargets.find(({ state }) => state === 'live')?.chunking
    const isKept = (one: Generation): boolean =>
      one.state === 'live' || (one.fingerprint !== null && one.fingerprint === fallback && cutAs(one, before, chunking))
    const retiring = ofTargets.filter((one) => !isKept(one))
    const rest = all.filter((one) => !retiring.includes(one))
    await retire(session, [...retiring, ...unpaired(rest, chunking, fallback)])
    return true
  })
}

function cutAs({ chunking }: Generation, ...chunkings: readonly (string | undefined)[]): boolean {
  return chunkings.includes(chunking)
}

export function givenUp(name: string, cause?: unknown): HeadwaterError {
  const message = `${name} was given up meanwhile: another rebuild of the target was first, or Postgres was restored`
  return new HeadwaterError('HW_REBUILD_FAILED', message, { cause, details: { generation: name } })
}
