import {
  anything,
  checkOptions,
  completed,
  flag,
  flagOr,
  group,
  list,
  method,
  number,
  type OptionKinds,
  oneOf,
  whole,
} from '../../core/option-kinds'
import type { MetadataDeclaration } from '../../filter/declaration'

export type QdrantDistance = 'cosine' | 'dot' | 'euclid'
/** `shared`: one collection, the tenant in the payload. `per-tenant`: a collection for each tenant. */
export type QdrantLayout = 'shared' | 'per-tenant'

/** Scalar int8 quantization: a quarter of the memory, a little recall. */
export interface QdrantQuantization {
  /** Share of values that the eight bits span, 0.5 to 1. */
  readonly quantile?: number | undefined
  /** Quantized vectors stay in memory even where the vectors are on disk. */
  readonly alwaysRam?: boolean | undefined
  /** Whether a search compares its candidates again by their full vectors. */
  readonly rescore?: boolean | undefined
  /** Candidates per result wanted, 1 or more. */
  readonly oversampling?: number | undefined
}

/** How collections are made and searched; what is not given is as in docs/qdrant.md. Times in ms. */
export interface QdrantVectorOptions {
  readonly distance?: QdrantDistance | undefined
  readonly layout?: QdrantLayout | undefined
  readonly hnsw?:
    | {
        readonly m?: number | undefined
        readonly efConstruct?: number | undefined
        /** Kilobytes of vectors below which a segment is searched without its graph. */
        readonly fullScanThreshold?: number | undefined
        /** 0 leaves it to the server. */
        readonly maxIndexingThreads?: number | undefined
        readonly onDisk?: boolean | undefined
      }
    | undefined
  readonly optimizers?:
    | {
        /** Kilobytes of vectors above which a segment gets its graph. */
        readonly indexingThreshold?: number | undefined
        readonly memmapThreshold?: number | undefined
        readonly defaultSegmentNumber?: number | undefined
        readonly maxSegmentSize?: number | undefined
      }
    | undefined
  readonly quantization?: QdrantQuantization | boolean | undefined
  readonly onDiskPayload?: boolean | undefined
  /** True keeps the vectors themselves on disk. */
  readonly onDiskVectors?: boolean | undefined
  /** Declarations whose numbers and times get a payload index in every collection. */
  readonly metadata?: readonly MetadataDeclaration[] | undefined
  /** The declaration of what one index holds, by `collection` of the index: its fields get one there alone. */
  readonly metadataOf?: ((collection: string) => MetadataDeclaration | undefined) | undefined
  /** Bounds of one request. */
  readonly batch?: { readonly points?: number | undefined; readonly bytes?: number | undefined } | undefined
  /** Size of the candidate list while searching the graph; the server's own by default. */
  readonly hnswEf?: number | undefined
  /** True compares with every point: slow and exact. */
  readonly exact?: boolean | undefined
  readonly searchTimeoutMs?: number | undefined
  readonly indexingTimeoutMs?: number | undefined
  readonly snapshotTimeoutMs?: number | undefined
}

export const qdrantVectorDefaults = Object.freeze({
  distance: 'cosine',
  layout: 'shared',
  hnsw: Object.freeze({
    m: 16,
    efConstruct: 100,
    fullScanThreshold: 10_000,
    maxIndexingThreads: 0,
    onDisk: false,
  }),
  optimizers: Object.freeze({
    indexingThreshold: 20_000,
    memmapThreshold: 50_000,
    defaultSegmentNumber: 2,
    maxSegmentSize: 200_000,
  }),
  quantization: Object.freeze({ quantile: 0.99, alwaysRam: true, rescore: true, oversampling: 2 }),
  onDiskPayload: true,
  onDiskVectors: false,
  batch: Object.freeze({ points: 250, bytes: 16 * 2 ** 20 }),
  exact: false,
  searchTimeoutMs: 30_000,
  indexingTimeoutMs: 300_000,
  snapshotTimeoutMs: 600_000,
}) satisfies QdrantVectorOptions

type Group<K extends keyof QdrantVectorOptions> = Exclude<QdrantVectorOptions[K], undefined | boolean>

const kinds = {
  distance: oneOf('cosine', 'dot', 'euclid'),
  layout: oneOf('shared', 'per-tenant'),
  hnsw: group({
    m: whole(0),
    efConstruct: whole(0),
    fullScanThreshold: whole(0),
    maxIndexingThreads: whole(0),
    onDisk: flag,
  } satisfies OptionKinds<Group<'hnsw'>>),
  optimizers: group({
    indexingThreshold: whole(0),
    memmapThreshold: whole(0),
    defaultSegmentNumber: whole(0),
    maxSegmentSize: whole(0),
  } satisfies OptionKinds<Group<'optimizers'>>),
  quantization: flagOr(
    group({
      quantile: number(0.5, 1),
      alwaysRam: flag,
      rescore: flag,
      oversampling: number(1, 1_000),
    } satisfies OptionKinds<QdrantQuantization>),
  ),
  onDiskPayload: flag,
  onDiskVectors: flag,
  metadata: list(anything, 10_000),
  metadataOf: method,
  batch: group({ points: whole(1), bytes: whole(1, 32 * 2 ** 20) } satisfies OptionKinds<Group<'batch'>>),
  hnswEf: whole(1),
  exact: flag,
  searchTimeoutMs: whole(1),
  indexingTimeoutMs: whole(1),
  snapshotTimeoutMs: whole(1),
} satisfies OptionKinds<QdrantVectorOptions>

export type CompleteQdrantOptions<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> }

export interface ResolvedQdrantVectorOptions {
  readonly distance: QdrantDistance
  readonly layout: QdrantLayout
  readonly hnsw: CompleteQdrantOptions<NonNullable<QdrantVectorOptions['hnsw']>>
  readonly optimizers: CompleteQdrantOptions<NonNullable<QdrantVectorOptions['optimizers']>>
  readonly quantization: CompleteQdrantOptions<QdrantQuantization> | undefined
  readonly onDiskPayload: boolean
  readonly onDiskVectors: boolean
  readonly metadata: readonly MetadataDeclaration[]
  readonly metadataOf: ((collection: string) => MetadataDeclaration | undefined) | undefined
  readonly batch: { readonly points: number; readonly bytes: number }
  readonly hnswEf: number | undefined
  readonly exact: boolean
  readonly searchTimeoutMs: number
  readonly indexingTimeoutMs: number
  readonly snapshotTimeoutMs: number
}

export function resolveQdrantVectorOptions(given: QdrantVectorOptions): ResolvedQdrantVectorOptions {
  const options = checkOptions(given, kinds, 'qdrant.vectors')
  const { quantization = false } = options
  const defaults = qdrantVectorDefaults
  const quantized = quantization === true ? {} : quantization
  return Object.freeze({
    ...completed(defaults, options),
    hnsw: completed(defaults.hnsw, options.hnsw ?? {}),
    optimizers: completed(defaults.optimizers, options.optimizers ?? {}),
    quantization: quantized === false ? undefined : completed(defaults.quantization, quantized),
    batch: completed(defaults.batch, options.batch ?? {}),
    metadata: options.metadata ?? [],
    metadataOf: options.metadataOf,
    hnswEf: options.hnswEf,
  })
}
