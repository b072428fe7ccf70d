import { systemClock } from '../core/clock'
import { limitDefaults } from '../core/limits'
import { systemRandom } from '../core/random'
import { loadStemmers } from '../core/words/languages'
import { Troubles } from '../observability/troubles'
import type { BlobRepository } from '../repositories/blobs'
import type { TextRepository } from '../repositories/texts'
import type { Truth } from '../repositories/truth'
import type { VectorRepository } from '../repositories/vectors'
import type { WriterPorts } from '../writer/ports'
import { ensureGenerations } from '../writer/rebuild/generations'
import { checkDatabase } from '../writer/reconcile/epoch'
import { TruncatedChunks } from '../writer/truncated'
import { checkStoreOptions, resolveCollections, type StoreOptions } from './store-options'

/** What a writer works on: ports that come with the package, or your own. */
export interface WrittenPorts {
  readonly truth: Truth
  readonly vectors: VectorRepository
  readonly texts: TextRepository
  readonly blobs?: BlobRepository | undefined
}

/** Those options of `openStore` that mean something to a writer alone. */
export type WriterPortsOptions<C extends object = object> = Pick<
  StoreOptions<C>,
  | 'collections'
  | 'embedders'
  | 'embedder'
  | 'fallback'
  | 'splitter'
  | 'splitters'
  | 'relay'
  | 'writer'
  | 'limits'
  | 'logger'
  | 'onError'
  | 'clock'
  | 'random'
>

/**
 * Everything that `createWriter` needs: plans of the collections with our splitter, clock and random where none is given,
 * and a live index of each target, made where there is none. `documents` is always among the collections. A model that
 * has files is given open (`await OnnxEmbedder.open()`). HW_INVALID_OPTIONS, HW_FINGERPRINT_MISMATCH,
 * HW_TOPOLOGY_MISMATCH, and what the ports meet.
 */
export async function writerPorts<C extends object = object>(
  { truth, vectors, texts, blobs }: WrittenPorts,
  given: WriterPortsOptions<C> = {},
): Promise<WriterPorts> {
  const repositories = { vectors, texts, ...(blobs && { blobs }) }
  const options = checkStoreOptions({ ...given, repositories } as StoreOptions<object>)
  const { plans, embedders, splitters } = resolveCollections(options)
  await loadStemmers()
  const ports: WriterPorts = {
    truth,
    vectors,
    texts,
    blobs,
    collections: plans,
    embedders,
    splitters,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    truncated: new TruncatedChunks(),
    troubles: new Troubles(options),
    options: { ...options.writer, relay: options.relay ?? 'background' },
    limits: { ...limitDefaults, ...options.limits },
  }
  await checkDatabase(ports)
  await ensureGenerations(ports)
  return ports
}
