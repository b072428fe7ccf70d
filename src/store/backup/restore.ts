import type { JsonObject } from '../../core/json'
import { checkOptions } from '../../core/option-kinds'
import type { Target } from '../../repositories/generations'
import type { BackupManifest } from '../../transfer/backup/manifest'
import { openPlace } from '../../transfer/backup/place'
import { type RestoredRows, restoreRows } from '../../transfer/backup/restore'
import { topologyOf } from '../engines'
import { openStore } from '../open-store'
import type { Store } from '../store'
import type { StoreOptions } from '../store-options'
import { type RestoreBackupOptions, restoreKinds } from './options'
import { sourceOf } from './source'
import { storedCollections } from './stored-spaces'

/** An index that was built from what was restored. */
export interface RestoredIndex {
  readonly target: Target
  readonly collection: string
  /** Entries that were copied from Postgres. */
  readonly copied: number
  /** Entries that were then compared with Postgres, and whether all of them are as there. */
  readonly compared: number
  readonly equal: boolean
}

/** What a restore came to. */
export interface RestoreReport extends Omit<RestoredRows, 'manifest'> {
  /** Those that were built, and compared with Postgres. */
  readonly indexes: readonly RestoredIndex[]
  /** Indexes that are left to workers, and why. */
  readonly waiting: readonly { readonly target: Target; readonly collection: string; readonly reason: string }[]
  readonly ms: { readonly rows: number; readonly indexes: number }
}

/**
 * Restores a backup where these options say: rows and blobs first, beside what is there, then in one step instead of it,
 * then every index, built from stored vectors. Meanwhile documents are read, and searches answered by Postgres. No
 * embedder is called. HW_RESTORE_REFUSED while something would be lost that nobody gave up, HW_BACKUP_DAMAGED,
 * HW_BACKUP_AHEAD, HW_NOT_FOUND, HW_BACKUP_BUSY, HW_STORAGE, HW_UNAUTHORIZED for a login that may not make tables.
 */
export async function restoreBackup(store: StoreOptions<object>, given: RestoreBackupOptions): Promise<RestoreReport> {
  const { from, rebuild = true, ...settings } = checkOptions(given, restoreKinds, '')
  const files = openPlace(from!, 'from')
  const source = sourceOf(store)
  const { clock } = source
  const startedAt = clock.monotonic()
  let restored: RestoredRows
  try {
    const engines = topologyOf(store)
    restored = await restoreRows(source, files, settings, ({ target, engine }) => {
      const here = engines[target]
      return engine !== null && here.includes(engine) ? engine : here[0]!
    })
  } finally {
    await source.close()
    await files.close()
  }
  const { manifest, ...report } = restored
  const rowsMs = Math.round(clock.monotonic() - startedAt)
  const built = settings.dryRun ? nothing : await buildIndexes(store, manifest, rebuild, settings)
  const ms = { rows: rowsMs, indexes: Math.round(clock.monotonic() - startedAt) - rowsMs }
  return { ...report, ...built, ms }
}

const nothing: Pick<RestoreReport, 'indexes' | 'waiting'> = { indexes: [], waiting: [] }

async function buildIndexes(
  given: StoreOptions<object>,
  manifest: BackupManifest,
  rebuild: boolean,
  { signal, onProgress }: Omit<RestoreBackupOptions, 'from'>,
): Promise<Pick<RestoreReport, 'indexes' | 'waiting'>> {
  const { generations, vectors } = manifest
  const live = generations.filter(({ state }) => state === 'live')
  if (live.length === 0) return nothing
  const { embedder: _e, embedders: _es, fallback: _f, splitter: _s, splitters: _ss, entities: _x, ...where } = given
  const store: Store<Record<string, JsonObject>> = await openStore({
    ...where,
    embedder: { hashing: {} },
    collections: storedCollections(manifest, given.collections),
    relay: 'external',
    migrate: 'auto',
  })
  try {
    const indexes: RestoredIndex[] = []
    const waiting: { target: Target; collection: string; reason: string }[] = []
    // Words answer alone as long as vectors are not there.
    for (const { target, collection } of live.toSorted((a, b) => (a.target < b.target ? -1 : 1))) {
      if (!rebuild) waiting.push({ target, collection, reason: 'it was asked for' })
      else if (target === 'vector' && vectors.waiting + vectors.lacking > 0) {
        waiting.push({
          target,
          collection,
          reason: 'some chunks have no vector yet, which a worker with the embedder makes',
        })
      } else indexes.push(await build(store, target, collection, { signal, onProgress }))
    }
    return { indexes, waiting }
  } finally {
    await store.close()
  }
}

async function build(
  store: Store<Record<string, JsonObject>>,
  target: Target,
  collection: string,
  { signal, onProgress }: Pick<RestoreBackupOptions, 'signal' | 'onProgress'>,
): Promise<RestoredIndex> {
  const { copied } = await store.rebuild({
    ...{ target, collection, signal },
    onProgress: ({ done, total }) => onProgress?.({ phase: 'indexes', done, total }),
  })
  await store.dropStandby({ target, collection, signal })
  const { checked, missing, stale, orphaned, foreign } = await store.reconcile({ target, collection, signal })
  return { target, collection, copied, compared: checked, equal: missing + stale + orphaned + foreign === 0 }
}
