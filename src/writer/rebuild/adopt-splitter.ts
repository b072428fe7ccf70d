import type { CollectionPlan, WriterPorts } from '../ports'
import { knownSplitter } from '../write/known-splitter'

/**
 * The plan of a collection as it is cut: one that exists keeps the splitter that cut it until a rebuild changes it,
 * whatever this version's default is by now. Another splitter of the user's own is left as it is, for `checkLive` to
 * refuse. What content hashes are made with is recorded once.
 */
export async function adoptSplitter(ports: WriterPorts, plan: CollectionPlan): Promise<CollectionPlan> {
  const { generations, registry } = ports.truth.session({ worker: true })
  const live = await generations.list({ collection: plan.name, states: ['live'] })
  const cut = live[0]?.chunking ?? plan.splitter.id
  const cutFirst = String(await registry.record(`cut-first:${plan.name}`, cut))
  const splitter = mayAdopt(plan, cut) ? knownSplitter(ports, plan.name, cut) : undefined
  return { ...plan, cutFirst, splitter: splitter ?? plan.splitter }
}

/**
 * True where this process goes on with what a collection is cut by: our default of another revision, or, where no sizes
 * are asked for, of any. Sizes that were asked for and are not those of the same revision are a contradiction.
 */
export function mayAdopt({ splitter, splitterFrom = 'own' }: CollectionPlan, chunking: string): boolean {
  if (chunking === splitter.id) return true
  const [recorded, asked] = [ours(chunking), ours(splitter.id)]
  if (splitterFrom === 'own' || !recorded || !asked) return false
  return splitterFrom === 'default' || recorded.revision !== asked.revision || recorded.sizes === asked.sizes
}

function ours(id: string): { readonly revision: string; readonly sizes: string } | undefined {
  const [, revision, sizes] = /^md-v(\d+)-(\d+-\d+)(?:-|$)/.exec(id) ?? []
  return revision === undefined || sizes === undefined || id.endsWith('-tokens') ? undefined : { revision, sizes }
}
