import { HeadwaterError } from '../core/errors'
import type { Json } from '../core/json'
import type { RegistryRepository } from '../repositories/registry'
import type { StoreOptions } from './store-options'

const name = 'cache'

/** What is wrong with a process without Redis on a database whose cache is there; undefined when nothing is. */
export function cacheMismatch(recorded: Json | null, { redis }: StoreOptions<object>): HeadwaterError | undefined {
  if (recorded !== 'redis' || redis !== undefined) return undefined
  return new HeadwaterError(
    'HW_TOPOLOGY_MISMATCH',
    'redis: the cache of this database is in Redis, and what a process without it writes would stay there as it was: ' +
      'give it the same Redis (REDIS_URL). Where no process uses Redis any more, open once with redis: false',
    { path: 'redis', details: { recorded: { cache: 'redis' }, configured: { cache: null } } },
  )
}

/**
 * Writes down that values are kept in Redis as soon as a process has it, so that one without is refused from then on:
 * HW_TOPOLOGY_MISMATCH. `redis: false` takes that back.
 */
export async function recordCache(registry: RegistryRepository, options: StoreOptions<object>): Promise<void> {
  const recorded = await registry.read(name)
  const mismatch = cacheMismatch(recorded, options)
  if (mismatch) throw mismatch
  const kept = options.redis ? 'redis' : null
  if (options.redis !== undefined && recorded !== kept) await registry.write(name, kept)
}

/** For doctor. */
export function readCacheRecord(registry: RegistryRepository): Promise<Json | null> {
  return registry.read(name)
}
