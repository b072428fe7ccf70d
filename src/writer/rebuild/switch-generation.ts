import { throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import type { WriterPorts } from '../ports'
import { findDrift } from '../reconcile/drift'
import { beginCheck, readIndexState } from '../reconcile/index-state'
import { removalOf } from '../reconcile/repair'
import { followAlias } from './generations'
import { copyByHalves, readCopy } from './index-copy'
import type { Pace } from './pace'
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
 * Proves a generation equal to the truth, or that jobs bring the rest, mends what is not, and switches to it. Returns how
 * many entries were mended. HW_REBUILD_FAILED if it never comes to that, or if somebody else has given it up.
 */
export async function proveAndSwitch(
  ports: WriterPorts,
  generation: Generation,
  options: SwitchOptions,
): Promise<number> {
  let mended = 0
  for (let round = 1; round <= verifyRounds; round++) {
    throwIfAborted(options.signal)
    const check = await beginCheck(ports, generation)
    const found = await verify(ports, generation, options)
    mended += found
    // A job that failed on it since the check asks for another one, and so does somebody else's check.
    if (found > 0 || !(await switchRow(ports, generation, check, options))) continue
    options.onStep('switch', 0)
    if (options.to === 'live') await followAlias(ports, generation).catch(() => undefined)
    await dropRetired(ports).catch(() => undefined)
    return mended
  }
  throw new HeadwaterError('HW_REBUILD_FAILED', `${generation.name} was not equal after ${verifyRounds} checks`, {
    details: { generation: generation.name },
  })
}

/** Mends what differs without a job; returns how much that was. */
async function verify(ports: WriterPorts, generation: Generation, options: SwitchOptions): Promise<number> {
  const { pace, signal } = options
  const call = { signal }
  if (generation.target === 'vector') await ports.vectors.refresh(vectorIndexOf(generation), call)
  else await ports.texts.refresh(textIndexOf(generation), call)
  let mended = 0
  let compared = 0
  for await (const { checked, drift } of findDrift(ports, generation, { deep: false, signal })) {
    compared += checked
    options.onStep('verify', compared)
    await pace.after(checked)
    if (drift.length === 0) continue
    mended += drift.length
    const removals = drift.flatMap(removalOf)
    if (generation.target === 'vector') await ports.vectors.remove(vectorIndexOf(generation), removals, call)
    else await ports.texts.remove(textIndexOf(generation), removals, call)
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

/** One transaction under the target's lock. False when a job may have failed on the generation since the check. */
function switchRow(
  ports: WriterPorts,
  { id, name, ...generation }: Generation,
  check: string | null,
  options: SwitchOptions,
): Promise<boolean> {
  const { target, collection, fingerprint } = generation
  return ports.truth.transaction({ worker: true }, async (session) => {
    const { generations, registry } = session
    await generations.lock(target, collection)
    const all = await generations.list({ target, collection })
    const now = all.find((one) => one.id === id)
    // Somebody else who built or chose the same one was first.
    if (now?.state === options.to) return true
    if (now?.state !== options.from) throw givenUp(name)
    if (now.error !== null || (await readIndexState(registry, id)).check !== check) return false
    const older = all.filter((one) => one.state !== 'live' && one.id !== id)
    if (options.to === 'standby') {
      await generations.update(id, { state: 'standby' })
      const replaced = older.filter((one) => one.state === 'standby' && one.fingerprint === fingerprint)
      await retire(session, replaced)
      return true
    }
    await generations.switch(id)
    // The one that was live stays for a rollback, and the fallback's for its sake; others have had their time.
    const isKept = (one: Generation): boolean => one.fingerprint !== null && one.fingerprint === options.fallback
    await retire(
      session,
      older.filter((one) => !isKept(one)),
    )
    return true
  })
}

export function givenUp(name: string, cause?: unknown): HeadwaterError {
  const message = `${name} was given up meanwhile: another rebuild of the target was first, or Postgres was restored`
  return new HeadwaterError('HW_REBUILD_FAILED', message, { cause, details: { generation: name } })
}
