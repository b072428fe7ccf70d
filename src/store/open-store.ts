import type { Settings } from '../config/settings'
import type { JsonObject } from '../core/json'
import type { EntityDeclarations, NoEntities } from '../entities/entity-map'
import type { Truth } from '../repositories/truth'
import type { Store } from './store'
import { checkStoreOptions, type StoreOptions } from './store-options'
import { storeOptionsFrom } from './store-settings'

/**
 * Opens a store, from options or from what `settingsFromEnv` gave: connects, migrates as asked, checks the recorded
 * topology, and starts the relay. Embedded in `./.headwater` without options. Close it with `close()`.
 *
 * HW_INVALID_OPTIONS, HW_UNAVAILABLE, HW_UNAUTHORIZED, HW_DRIVER_MISSING, HW_EXTENSION_MISSING, HW_EMBEDDED_LOCKED,
 * HW_STORAGE, HW_SERVER_UNSUPPORTED, HW_MIGRATION_NEEDED, HW_MIGRATION_AHEAD, HW_MIGRATION_FAILED, HW_RLS_REQUIRED;
 * HW_FINGERPRINT_MISMATCH and HW_TOPOLOGY_MISMATCH when the database was filled with another embedder, splitter or
 * language. Only Postgres must answer: what is meant for another store waits until that one does.
 */
export function openStore(settings: Settings): Promise<Store>
export function openStore<C extends object = { documents: JsonObject }, X extends EntityDeclarations = NoEntities>(
  options?: StoreOptions<C, X>,
): Promise<Store<C, X>>
export async function openStore<C extends object, X extends EntityDeclarations>(
  given: StoreOptions<C, X> | Settings = {},
): Promise<Store<C, X>> {
  return openChecked(isSettings(given) ? storeOptionsFrom<C, X>(given) : given)
}

/** As `openStore`, with a check of what the database holds before anything is made for the collections. */
export async function openChecked<C extends object, X extends EntityDeclarations = NoEntities>(
  given: StoreOptions<C, X>,
  check?: (truth: Truth) => Promise<void>,
): Promise<Store<C, X>> {
  const options = checkStoreOptions(given)
  const [{ openParts }, { Store }] = await Promise.all([import('./open-parts'), import('./store')])
  return Store.start<C, X>(await openParts(options as StoreOptions<object, EntityDeclarations>, check))
}

function isSettings(given: object): given is Settings {
  return typeof given === 'object' && given !== null && Object.hasOwn(given, 'profile')
}
