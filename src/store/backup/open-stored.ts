import type { JsonObject } from '../../core/json'
import { openStore } from '../open-store'
import type { Store } from '../store'
import type { StoreOptions } from '../store-options'
import { type MadeGeneration, storedCollections } from './stored-spaces'

export type StoredStore = Store<Record<string, JsonObject>>

/** Opens a store without its models: collections are those of the generations, and nothing is embedded or cut. */
export function openStored(
  given: StoreOptions<object>,
  generations: readonly MadeGeneration[],
  relay: 'background' | 'external',
): Promise<StoredStore> {
  const { embedder: _e, embedders: _es, fallback: _f, splitter: _s, splitters: _ss, entities: _x, ...where } = given
  return openStore({
    ...where,
    embedder: { hashing: {} },
    collections: storedCollections(generations, given.collections),
    relay,
    migrate: 'auto',
  })
}
