import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { ImportPlan } from './plan'
import type { ImportSource } from './source'

/** How many rows each part of the source has, where it says so. HW_NOT_FOUND where the plan names one that is not there. */
export async function partsOf(
  source: ImportSource,
  plan: ImportPlan,
  { signal }: CallOptions,
): Promise<ReadonlyMap<string, number | null>> {
  const found = new Map((await source.parts({ signal })).map(({ name, rows }) => [name, rows]))
  const missing = plan.parts.findIndex(({ part }) => !found.has(part))
  if (missing < 0) return found
  const names = [...found.keys()].join(', ') || 'none'
  const problem = `the source has no part ${JSON.stringify(plan.parts[missing]!.part)}; it has ${names}`
  throw new HeadwaterError('HW_NOT_FOUND', problem, { path: `parts[${missing}].part` })
}
