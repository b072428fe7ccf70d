import type { Clock } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import { collectionName } from '../../core/ids'
import type { JsonObject } from '../../core/json'
import type { Truth } from '../../repositories/truth'
import type { CollectionHandle } from '../../tenant/collection-handle'
import type { CollectionPlan } from '../../writer/ports'
import type { PlannedPart } from './plan'

/** The store that documents come into. */
export interface ImportTarget {
  readonly truth: Truth
  readonly clock: Clock
  readonly collections: ReadonlyMap<string, CollectionPlan>
  handle(tenant: string, collection: string): CollectionHandle<JsonObject>
}

/** Refuses a plan whose vectors are of another space than the collection's, before anything is written. */
export function assertSpace({ collections }: Pick<ImportTarget, 'collections'>, part: PlannedPart): void {
  const plan = collections.get(collectionName(part.collection))
  if (!plan) {
    const problem = `${part.collection} is not declared: open the store with it in collections`
    throw new HeadwaterError('HW_COLLECTION_UNKNOWN', problem, { path: 'collection' })
  }
  const { space } = part
  const { fingerprint, dimensions } = plan.embedder
  if (!space || (space.name === fingerprint && space.dimensions === dimensions)) return
  const found = `vectors of ${part.collection} are of ${fingerprint} (${dimensions}), the plan's of ${space.name} (${space.dimensions})`
  throw new HeadwaterError(
    'HW_FINGERPRINT_MISMATCH',
    `${found}: open the collection with { own: { name, dimensions } } of the plan, or with the embedder of that fingerprint`,
    { path: 'space.name' },
  )
}
