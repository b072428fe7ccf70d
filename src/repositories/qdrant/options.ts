import { HeadwaterError } from '../../core/errors'
import { type KnownOptions, refuseUnknown } from '../../core/known-options'
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
  /** Declarations whose fields get a payload index. */
  readonly metadata?: readonly MetadataDeclaration[] | undefined
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
  batch: Object.freeze({ points: 100, bytes: 16 * 2 ** 20 }),
  exact: false,
  searchTimeoutMs: 30_000,
  indexingTimeoutMs: 300_000,
  snapshotTimeoutMs: 600_000,
}) satisfies QdrantVectorOptions

const known = {
  ...qdrantVectorDefaults,
  metadata: true,
  hnswEf: true,
} satisfies KnownOptions<QdrantVectorOptions>

type Complete<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> }

export interface ResolvedQdrantVectorOptions {
  readonly distance: QdrantDistance
  readonly layout: QdrantLayout
  readonly hnsw: Complete<NonNullable<QdrantVectorOptions['hnsw']>>
  readonly optimizers: Complete<NonNullable<QdrantVectorOptions['optimizers']>>
  readonly quantization: Complete<QdrantQuantization> | undefined
  readonly onDiskPayload: boolean
  readonly onDiskVectors: boolean
  readonly metadata: readonly MetadataDeclaration[]
  readonly batch: { readonly points: number; readonly bytes: number }
  readonly hnswEf: number | undefined
  readonly exact: boolean
  readonly searchTimeoutMs: number
  readonly indexingTimeoutMs: number
  readonly snapshotTimeoutMs: number
}

export function resolveQdrantVectorOptions(options: QdrantVectorOptions): ResolvedQdrantVectorOptions {
  refuseUnknown(options, known, 'qdrant.vectors')
  const given = qdrantVectorDefaults
  const { quantization = false } = options
  for (const group of ['hnsw', 'optimizers', 'batch'] as const) {
    refuseUnknown(options[group], given[group], `qdrant.vectors.${group}`)
  }
  if (typeof quantization !== 'boolean') refuseUnknown(quantization, given.quantization, 'qdrant.vectors.quantization')
  const resolved: ResolvedQdrantVectorOptions = {
    distance: options.distance ?? 'cosine',
    layout: options.layout ?? 'shared',
    hnsw: completed(given.hnsw, options.hnsw),
    optimizers: completed(given.optimizers, options.optimizers),
    quantization:
      quantization === false ? undefined : completed(given.quantization, quantization === true ? {} : quantization),
    onDiskPayload: options.onDiskPayload ?? given.onDiskPayload,
    onDiskVectors: options.onDiskVectors ?? given.onDiskVectors,
    metadata: [...(options.metadata ?? [])],
    batch: completed(given.batch, options.batch),
    hnswEf: options.hnswEf,
    exact: options.exact ?? given.exact,
    searchTimeoutMs: options.searchTimeoutMs ?? given.searchTimeoutMs,
    indexingTimeoutMs: options.indexingTimeoutMs ?? given.indexingTimeoutMs,
    snapshotTimeoutMs: options.snapshotTimeoutMs ?? given.snapshotTimeoutMs,
  }
  check(resolved)
  return Object.freeze(resolved)
}

function completed<T extends object>(defaults: T, given: { readonly [K in keyof T]?: unknown } | undefined): T {
  const values = Object.entries(given ?? {}).filter(([, value]) => value !== undefined)
  return Object.freeze({ ...defaults, ...Object.fromEntries(values) })
}

function check(options: ResolvedQdrantVectorOptions): void {
  oneOf('distance', options.distance, ['cosine', 'dot', 'euclid'])
  oneOf('layout', options.layout, ['shared', 'per-tenant'])
  for (const group of ['hnsw', 'optimizers'] as const) {
    for (const [key, value] of Object.entries(options[group])) {
      if (typeof value === 'number') whole(`${group}.${key}`, value, 0)
    }
  }
  whole('batch.points', options.batch.points, 1)
  whole('batch.bytes', options.batch.bytes, 1, 32 * 2 ** 20)
  for (const key of ['searchTimeoutMs', 'indexingTimeoutMs', 'snapshotTimeoutMs'] as const) whole(key, options[key], 1)
  if (options.hnswEf !== undefined) whole('hnswEf', options.hnswEf, 1)
  if (!options.quantization) return
  const { quantile, oversampling } = options.quantization
  if (!(quantile >= 0.5 && quantile <= 1)) throw invalid('quantization.quantile', `must be 0.5 to 1, got ${quantile}`)
  if (!(oversampling >= 1)) throw invalid('quantization.oversampling', `must be 1 or more, got ${oversampling}`)
}

function oneOf(key: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw invalid(key, `must be one of ${allowed.join(', ')}, got ${JSON.stringify(value)}`)
}

function whole(key: string, value: number, least: number, most = 2 ** 31 - 1): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw invalid(key, `must be a whole number from ${least} to ${most}, got ${value}`)
}

function invalid(key: string, message: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `qdrant.vectors.${key} ${message}`, { path: `qdrant.vectors.${key}` })
}
