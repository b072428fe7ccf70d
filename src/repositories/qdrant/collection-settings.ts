import type { MetadataKind } from '../../filter/declaration'
import type { LeafType } from '../../filter/parsed'
import type { VectorIndex } from '../vectors'
import { vectorName } from './names'
import type { ResolvedQdrantVectorOptions } from './options'
import { keys, payloadFormat } from './payload'
import { payloadKey } from './payload-key'

const distances = { cosine: 'Cosine', dot: 'Dot', euclid: 'Euclid' } as const

/** The body that makes a collection. Its one vector is named by the fingerprint: another space is then an error. */
export function collectionBody(index: VectorIndex, options: ResolvedQdrantVectorOptions): object {
  const { hnsw, optimizers, quantization } = options
  return {
    vectors: {
      [vectorName(index)]: {
        size: index.dimensions,
        distance: distances[options.distance],
        on_disk: options.onDiskVectors,
      },
    },
    hnsw_config: {
      m: hnsw.m,
      ef_construct: hnsw.efConstruct,
      full_scan_threshold: hnsw.fullScanThreshold,
      max_indexing_threads: hnsw.maxIndexingThreads,
      on_disk: hnsw.onDisk,
    },
    optimizers_config: {
      indexing_threshold: optimizers.indexingThreshold,
      memmap_threshold: optimizers.memmapThreshold,
      default_segment_number: optimizers.defaultSegmentNumber,
      max_segment_size: optimizers.maxSegmentSize,
    },
    ...(quantization && {
      quantization_config: {
        scalar: { type: 'int8', quantile: quantization.quantile, always_ram: quantization.alwaysRam },
      },
    }),
    on_disk_payload: options.onDiskPayload,
  }
}

/**
 * Payload indexes by key: those that a search or a fence can use, since each costs time at every write. Numbers are
 * indexed as floats: bounds of an integer index lose their fractions.
 */
export function payloadIndexes(index: VectorIndex, options: ResolvedQdrantVectorOptions): Map<string, object | string> {
  const byKeys = payloadFormat(index) < 2
  const indexes = new Map<string, object | string>([
    [keys.tenant, { type: 'keyword', is_tenant: options.layout === 'shared' }],
    [keys.createdAt, 'datetime'],
    [keys.fence, 'integer'],
    ...(byKeys ? keysOfFirstFormat : ([[keys.tokens, 'keyword']] as const)),
  ])
  for (const { fields } of declarationsOf(index, options)) {
    for (const path of Object.keys(fields)) {
      const { type, schema } = leafIndex(fields[path]!)
      // What has no order is asked by its terms.
      if (byKeys || type === 'n' || type === 'd') indexes.set(payloadKey(type, path), schema)
    }
  }
  return indexes
}

const keysOfFirstFormat = [
  [keys.document, 'keyword'],
  [keys.source, 'keyword'],
  [keys.updatedAt, 'datetime'],
  [keys.version, 'float'],
] as const

function declarationsOf(index: VectorIndex, { metadata, metadataOf }: ResolvedQdrantVectorOptions) {
  const own = index.collection === undefined ? undefined : metadataOf?.(index.collection)
  return own ? [...metadata, own] : metadata
}

function leafIndex(kind: MetadataKind): { readonly type: LeafType; readonly schema: string } {
  switch (kind.replace('[]', '')) {
    case 'integer':
    case 'float':
      return { type: 'n', schema: 'float' }
    case 'boolean':
      return { type: 'b', schema: 'bool' }
    case 'datetime':
      return { type: 'd', schema: 'float' }
    default:
      return { type: 's', schema: 'keyword' }
  }
}

/** What a search asks for beside its vector and filter. */
export function searchParameters(options: ResolvedQdrantVectorOptions): object {
  const { quantization, hnswEf, exact } = options
  return {
    exact,
    ...(hnswEf !== undefined && { hnsw_ef: hnswEf }),
    ...(quantization && {
      quantization: { rescore: quantization.rescore, oversampling: quantization.oversampling },
    }),
  }
}
