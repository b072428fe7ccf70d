import type { CallOptions } from '../../core/abort'
import { withinDeadline } from '../../core/deadline'
import { HeadwaterError } from '../../core/errors'
import type { CollectionName } from '../../core/ids'
import type { Generation, Target } from '../../repositories/generations'
import type { WriterPorts } from '../ports'
import { Pace } from './pace'
import { retained } from './retention'
import { proveAndSwitch } from './switch-generation'

export interface RollbackResult {
  /** Name of the generation that is live again. */
  readonly generation: string
  readonly fingerprint: string | null
  /** Entries that were found different and mended before the switch. */
  readonly mended: number
}

/**
 * Makes the generation live again that was live before. It has taken every job since; it is compared with the truth all
 * the same, because what failed on it kept nobody waiting. What was live becomes standby, so a rollback of a rollback is
 * one too.
 */
export function rollback(
  ports: WriterPorts,
  target: Target,
  collection: CollectionName,
  options: CallOptions,
): Promise<RollbackResult & { readonly made: Generation }> {
  return withinDeadline(ports.clock, options, undefined, async ({ signal }) => {
    const { generations } = ports.truth.session({ worker: true })
    const made = retained(ports, await generations.list({ target, collection, states: ['standby'] }))[0]
    if (!made) {
      throw new HeadwaterError('HW_NOT_FOUND', `No ${target} generation of ${collection} is kept for a rollback`, {
        details: { target, collection },
      })
    }
    const { name, fingerprint } = made
    if (fingerprint !== null && !ports.embedders.has(fingerprint)) {
      throw new HeadwaterError(
        'HW_FINGERPRINT_MISMATCH',
        `embedders: ${name} is of the space ${fingerprint}, for which none is configured`,
        { path: 'embedders', details: { recorded: fingerprint } },
      )
    }
    const mended = await proveAndSwitch(ports, made, {
      from: 'standby',
      to: 'live',
      fallback: ports.collections.get(collection)?.fallback?.fingerprint,
      pace: new Pace(ports, undefined, signal),
      signal,
      onStep: () => undefined,
    })
    return { generation: name, fingerprint, mended, made }
  })
}
