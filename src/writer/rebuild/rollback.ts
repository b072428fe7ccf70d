import type { CallOptions } from '../../core/abort'
import { withinDeadline } from '../../core/deadline'
import { HeadwaterError } from '../../core/errors'
import type { CollectionName } from '../../core/ids'
import type { Generation, Target } from '../../repositories/generations'
import { hasEngine, lacks } from '../../repositories/index-engines'
import type { WriterPorts } from '../ports'
import { knownSplitter, unknownSplitter } from '../write/known-splitter'
import { Pace } from './pace'
import { retained } from './retention'
import { proveAndSwitch } from './switch-generation'

export interface RollbackResult {
  /** Name of the generation that is live again; of the vectors' where both went back and no target was named. */
  readonly generation: string
  readonly fingerprint: string | null
  /** Name of the other target's, where both went back: to chunks that another splitter has cut. */
  readonly beside?: string | undefined
  /** Entries that were found different and mended before the switch. */
  readonly mended: number
}

/**
 * Makes the generation live again that was live before; those of both targets at once where they are cut otherwise than
 * what is live. They have taken every job since; they are compared with the truth all the same, because what failed on
 * them kept nobody waiting. What was live becomes standby, so a rollback of a rollback is one too.
 */
export function rollback(
  ports: WriterPorts,
  target: Target | undefined,
  collection: CollectionName,
  options: CallOptions,
): Promise<RollbackResult & { readonly made: readonly Generation[] }> {
  return withinDeadline(ports.clock, options, undefined, async ({ signal }) => {
    const made = await keptFor(ports, target, collection)
    const [first, beside] = made as [Generation, Generation | undefined]
    const fingerprint = made.find((one) => one.fingerprint !== null)?.fingerprint ?? null
    if (fingerprint !== null && !ports.embedders.has(fingerprint)) {
      throw new HeadwaterError(
        'HW_FINGERPRINT_MISMATCH',
        `embedders: ${first.name} is of the space ${fingerprint}, for which none is configured`,
        { path: 'embedders', details: { recorded: fingerprint } },
      )
    }
    if (beside && !knownSplitter(ports, collection, first.chunking)) throw unknownSplitter(collection, first.chunking)
    for (const one of made) if (!hasEngine(ports, one)) throw lacks(one, ports)
    const mended = await proveAndSwitch(ports, made, {
      from: 'standby',
      to: 'live',
      fallback: ports.collections.get(collection)?.fallback?.fingerprint,
      pace: new Pace(ports, undefined, signal),
      signal,
      onStep: () => undefined,
    })
    return {
      generation: first.name,
      fingerprint: first.fingerprint,
      ...(beside && { beside: beside.name }),
      mended,
      made,
    }
  })
}

/** What is kept of the target; of both, where it is cut otherwise than what is live. */
async function keptFor(
  ports: WriterPorts,
  target: Target | undefined,
  collection: CollectionName,
): Promise<readonly Generation[]> {
  const { generations } = ports.truth.session({ worker: true })
  const all = await generations.list({ collection, states: ['live', 'standby'] })
  const live = all.find(({ state }) => state === 'live')
  const kept = retained(ports, all, target ?? 'vector')[0]
  const isOther = kept !== undefined && kept.chunking !== live?.chunking
  if (!target && !isOther) {
    throw new HeadwaterError(
      'HW_INVALID_OPTIONS',
      'target: must be vector or text: nothing of another splitter is kept',
      {
        path: 'target',
      },
    )
  }
  if (kept && !isOther) return [kept]
  const other = target === 'text' ? 'vector' : 'text'
  const beside = kept && retained(ports, all, other).find(({ chunking }) => chunking === kept.chunking)
  if (kept && beside) return [kept, beside]
  throw new HeadwaterError('HW_NOT_FOUND', `No ${target} generation of ${collection} is kept for a rollback`, {
    details: { target, collection },
  })
}
