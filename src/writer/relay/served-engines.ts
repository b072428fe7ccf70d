import type { HeadwaterError } from '../../core/errors'
import type { CollectionName } from '../../core/ids'
import type { Generation, Target } from '../../repositories/generations'
import { engineNames, hasEngine, type IndexPorts, lacks } from '../../repositories/index-engines'
import type { WriterPorts } from '../ports'
import { allTargets } from '../rebuild/generations'

/** A worker that was not seen for so long serves nothing, ms. */
const seenMs = 60_000

/** An engine as workers say that they have it. */
export function servedName({ target, engine }: Pick<Generation, 'target' | 'engine'>): string {
  return `${target}:${engine}`
}

/** What this process can say that it serves. */
export function ownEngines(ports: IndexPorts): string[] {
  return allTargets.flatMap((target) => engineNames(ports, target).map((engine) => servedName({ target, engine })))
}

/** What the workers that were seen lately serve. */
export async function servedEngines({ truth }: Pick<WriterPorts, 'truth'>): Promise<ReadonlySet<string>> {
  const workers = await truth.session({ worker: true }).registry.workers(seenMs)
  return new Set(workers.flatMap(({ engines }) => engines))
}

/** The collections whose jobs of a target are left to others, and why: those of `JobRunner`, before they are claimed. */
export async function leftToOthers(
  ports: WriterPorts,
  target: Target,
): Promise<ReadonlyMap<CollectionName, HeadwaterError>> {
  const all = await ports.truth.session({ worker: true }).generations.list({ target })
  const lacking = all.filter((one) => !hasEngine(ports, one))
  if (lacking.length === 0) return new Map()
  const served = await servedEngines(ports)
  const left = lacking.filter((one) => one.state === 'live' || served.has(servedName(one)))
  return new Map(left.map((one) => [one.collection, lacks(one, ports)]))
}
