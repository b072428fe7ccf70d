import { HeadwaterError } from '../../core/errors'
import type { Generation } from '../../repositories/generations'
import type { WriterPorts } from '../ports'
import { GenerationCopy } from '../rebuild/generation-copy'
import { refreshIndex } from '../rebuild/generations'
import type { Pace } from '../rebuild/pace'
import { scanIndex } from './drift'
import type { DueSweep } from './index-state'

export interface FillOptions {
  readonly pace: Pace
  readonly signal: AbortSignal
  /** Keeps how far it has come; undefined when it is over. False when it is not to go on. */
  store(filled: string | undefined): Promise<boolean>
}

/**
 * Copies everything to an index that holds nothing, as a rebuild does, where a job for each document would take several
 * times as long. What it leaves, and what moved meanwhile, is for the comparison that must follow: an entry that was
 * deleted while it was on its way is an orphan then. Returns how many chunks it copied, or null where it was stopped.
 */
export async function fillEmpty(
  ports: WriterPorts,
  generation: Generation,
  { after, filled }: Pick<DueSweep, 'after' | 'filled'>,
  { pace, signal, store }: FillOptions,
): Promise<number | null> {
  if (after !== null) return 0
  if (filled === undefined) {
    const held = await scanIndex(ports, generation, { after: undefined, limit: 1 })
    if (held.length > 0) return 0
  }
  let copied = 0
  let stopped = false
  const goOn = async (upTo: string | undefined): Promise<void> => {
    stopped = !(await store(upTo))
    if (stopped) throw new HeadwaterError('HW_ABORTED', `Somebody else goes on with ${generation.name}`)
  }
  try {
    await new GenerationCopy(ports, generation, pace, signal, {
      after: filled ?? null,
      store: goOn,
      lenient: true,
    }).run((count) => {
      copied += count
    })
    if (copied > 0 || filled !== undefined) await goOn(undefined)
  } catch (error) {
    if (stopped) return null
    throw error
  }
  await refreshIndex(ports, generation, { signal })
  return copied
}
