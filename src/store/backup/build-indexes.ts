import type { CallOptions } from '../../core/abort'
import type { Target } from '../../repositories/generations'
import type { BackupGeneration, BackupManifest } from '../../transfer/backup/manifest'
import { topologyOf } from '../engines'
import type { StoreOptions } from '../store-options'
import { openStored, type StoredStore } from './open-stored'

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

/** What became of the indexes. */
export interface BuiltIndexes {
  /** Those that were built, and compared with Postgres. */
  readonly indexes: readonly RestoredIndex[]
  /** Indexes that are left to workers, and why. */
  readonly waiting: readonly { readonly target: Target; readonly collection: string; readonly reason: string }[]
}

interface BuildOptions extends Pick<CallOptions, 'signal'> {
  readonly onProgress?: ((progress: { phase: 'indexes'; done: number; total: number }) => void) | undefined
}

/** Of a dry run. */
export const noIndexes: BuiltIndexes = { indexes: [], waiting: [] }

/** Which engine holds an index here: the one of before where this store has it. */
export function engineAt(store: StoreOptions<object>): (generation: BackupGeneration) => string {
  const engines = topologyOf(store)
  return ({ target, engine }) => {
    const here = engines[target]
    return engine !== null && here.includes(engine) ? engine : here[0]!
  }
}

/** As `engineAt`, where there was no choice before: the one that new indexes are made in. */
export function firstEngineAt(store: StoreOptions<object>): (generation: BackupGeneration) => string {
  const engines = topologyOf(store)
  return ({ target }) => engines[target][0]!
}

/** Builds each live index from stored vectors and compares it with Postgres. No embedder is called. */
export async function buildIndexes(
  given: StoreOptions<object>,
  saved: Pick<BackupManifest, 'generations' | 'vectors'>,
  rebuild: boolean,
  { signal, onProgress }: BuildOptions,
): Promise<BuiltIndexes> {
  const { generations, vectors } = saved
  const live = generations.filter(({ state }) => state === 'live')
  if (live.length === 0) return noIndexes
  const store = await openStored(given, live, 'external')
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
  store: StoredStore,
  target: Target,
  collection: string,
  { signal, onProgress }: BuildOptions,
): Promise<RestoredIndex> {
  const { copied } = await store.rebuild({
    ...{ target, collection, signal },
    onProgress: ({ done, total }) => onProgress?.({ phase: 'indexes', done, total }),
  })
  await store.dropStandby({ target, collection, signal })
  const { checked, missing, stale, orphaned, foreign } = await store.reconcile({ target, collection, signal })
  return { target, collection, copied, compared: checked, equal: missing + stale + orphaned + foreign === 0 }
}
