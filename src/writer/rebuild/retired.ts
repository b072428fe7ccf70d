import type { CallOptions } from '../../core/abort'
import { type Generation, textIndexOf, vectorIndexOf } from '../../repositories/generations'
import { hasEngine, textsOf, vectorsOf } from '../../repositories/index-engines'
import type { RegistryRepository } from '../../repositories/registry'
import type { TruthSession } from '../../repositories/truth'
import type { WriterPorts } from '../ports'

/** Registry entry: ids of dropped generations whose index may still be there. */
const recordName = 'retired'

/**
 * Takes generations out of use for good, within the caller's transaction. Their indexes are dropped by `dropRetired`
 * after it: an engine that is away, or a process that dies in between, leaves nothing behind.
 */
export async function retire(
  { generations, registry }: Pick<TruthSession, 'generations' | 'registry'>,
  retiring: readonly Generation[],
): Promise<void> {
  if (retiring.length === 0) return
  for (const { id } of retiring) await generations.update(id, { state: 'dropped' })
  await change(registry, (ids) => [...ids, ...retiring.map(({ id }) => id)])
}

/** Drops the indexes of generations that are out of use. The first failure is thrown when all were tried. */
export async function dropRetired(ports: WriterPorts, call: CallOptions = {}): Promise<void> {
  const { generations, registry } = ports.truth.session({ worker: true })
  const ids = idsOf(await registry.read(recordName))
  if (ids.length === 0) return
  let failure: unknown
  const dropped: number[] = []
  for (const generation of await generations.list({ states: ['dropped'] })) {
    // What is in an engine that this process has not is left to one that has it.
    if (!ids.includes(generation.id) || !hasEngine(ports, generation)) continue
    try {
      await dropPhysical(ports, generation, call)
      dropped.push(generation.id)
    } catch (error) {
      failure ??= error
    }
  }
  if (dropped.length > 0) await change(registry, (now) => now.filter((id) => !dropped.includes(id)))
  if (failure !== undefined) throw failure
}

export async function dropPhysical(ports: WriterPorts, generation: Generation, call?: CallOptions): Promise<void> {
  if (generation.target === 'vector') await vectorsOf(ports, generation).drop(vectorIndexOf(generation), call)
  else await textsOf(ports, generation).drop(textIndexOf(generation), call)
}

async function change(
  registry: RegistryRepository,
  next: (ids: readonly number[]) => readonly number[],
): Promise<void> {
  for (;;) {
    const recorded = await registry.read(recordName)
    if (await registry.replace(recordName, recorded, [...next(idsOf(recorded))])) return
  }
}

function idsOf(recorded: unknown): readonly number[] {
  return Array.isArray(recorded) ? (recorded as number[]) : []
}
