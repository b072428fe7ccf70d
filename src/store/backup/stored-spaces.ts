import { HeadwaterError } from '../../core/errors'
import type { Embedder } from '../../embeddings/embedder'
import type { Splitter } from '../../splitter/splitter'
import type { BackupGeneration } from '../../transfer/backup/manifest'
import type { CollectionOptions, StoreOptions } from '../store-options'

/** What is known of an index of the store or of the backup. */
export type MadeGeneration = Pick<
  BackupGeneration,
  'target' | 'collection' | 'state' | 'chunking' | 'fingerprint' | 'dimensions' | 'language' | 'format'
>

/**
 * Collections as they were made, each with an embedder and a splitter by name alone: what is stored
 * is enough to build its indexes, and nothing is embedded or cut. Declarations of metadata are the caller's.
 */
export function storedCollections(
  generations: readonly MadeGeneration[],
  given: StoreOptions<object>['collections'],
): Record<string, CollectionOptions> {
  const found: Record<string, CollectionOptions> = {}
  const live = generations.filter(({ state }) => state === 'live')
  for (const { collection } of live) {
    const vector = live.find((one) => one.collection === collection && one.target === 'vector')
    const text = live.find((one) => one.collection === collection && one.target === 'text')
    const own: CollectionOptions | undefined = Reflect.get(given ?? {}, collection)
    found[collection] = {
      metadata: own?.metadata,
      splitter: storedSplitter((vector ?? text)!.chunking),
      embedder: storedEmbedder(vector?.fingerprint ?? 'none', vector?.dimensions ?? 1),
      ...(text && { language: text.language ?? undefined, folding: text.format.folding }),
    }
  }
  return found
}

function storedEmbedder(fingerprint: string, dimensions: number): Embedder {
  return {
    fingerprint,
    dimensions,
    maxTokens: Number.POSITIVE_INFINITY,
    // As one that is away: jobs that need it wait for a process that has it.
    embed: async () => {
      throw new HeadwaterError('HW_UNAVAILABLE', `A restore embeds nothing; a worker with ${fingerprint} does`)
    },
  }
}

function storedSplitter(id: string): Splitter {
  return {
    id,
    split: () => {
      throw new HeadwaterError('HW_UNAVAILABLE', `A restore cuts nothing; a worker with the splitter ${id} does`)
    },
  }
}
