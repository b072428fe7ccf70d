import { HeadwaterError } from '../../core/errors'
import { type KnownOptions, refuseUnknown } from '../../core/known-options'
import type { AnalysisChoice, Synonyms } from './analysis'
import type { BulkLimits } from './bulk'
import type { IndexSettings } from './index-definition'

export interface ElasticsearchTextOptions {
  /** Start of every index name: lower case letters, digits, `-` and `_`. `headwater` by default. */
  readonly prefix?: string | undefined
  /** BM25: how soon more of a word counts no more (1.2), and how much long texts lose (0.75). Of new indexes. */
  readonly k1?: number | undefined
  readonly b?: number | undefined
  /** Primary shards of new indexes; a tenant's entries are in one of them. 1 by default. */
  readonly shards?: number | undefined
  /** Copies of each shard; by default one where there is a second node. */
  readonly replicas?: number | undefined
  /** Who finds the words: `server`, `standard` or `library`; `auto` (default) is `server`, and `library` for English where the server lacks its analyzer. */
  readonly analysis?: AnalysisChoice | undefined
  /** Synonyms of queries; not with analysis `library`. */
  readonly synonyms?: Synonyms | undefined
  /** Entries (500) and bytes (16 MiB) of one bulk request at most. */
  readonly batchSize?: number | undefined
  readonly batchBytes?: number | undefined
}

export interface ResolvedTextOptions {
  readonly prefix: string
  readonly index: IndexSettings
  readonly limits: BulkLimits
}

const known = {
  prefix: true,
  k1: true,
  b: true,
  shards: true,
  replicas: true,
  analysis: true,
  synonyms: true,
  batchSize: true,
  batchBytes: true,
} satisfies KnownOptions<ElasticsearchTextOptions>

export function resolveTextOptions(options: ElasticsearchTextOptions): ResolvedTextOptions {
  refuseUnknown(options, known, 'elasticsearch.texts')
  const { prefix = 'headwater', analysis = 'auto', synonyms, replicas } = options
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(prefix)) {
    throw invalid('prefix', `must be 1 to 64 of a-z, 0-9, _ and -, got ${JSON.stringify(prefix)}`)
  }
  if (!['auto', 'server', 'standard', 'library'].includes(analysis)) {
    throw invalid('analysis', `must be auto, server, standard or library, got ${JSON.stringify(analysis)}`)
  }
  if (synonyms && analysis === 'library') throw invalid('synonyms', "need analysis 'server' or 'standard'")
  const whole = (
    key: 'shards' | 'replicas' | 'batchSize' | 'batchBytes',
    value: number,
    least: number,
    most: number,
  ) => {
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw invalid(key, `must be a whole number from ${least} to ${most}, got ${value}`)
  }
  const number = (key: 'k1' | 'b', value: number, most: number) => {
    if (value >= 0 && value <= most) return value
    throw invalid(key, `must be a number from 0 to ${most}, got ${value}`)
  }
  return Object.freeze({
    prefix,
    index: Object.freeze({
      k1: number('k1', options.k1 ?? 1.2, 100),
      b: number('b', options.b ?? 0.75, 1),
      shards: whole('shards', options.shards ?? 1, 1, 1024),
      replicas: replicas === undefined ? undefined : whole('replicas', replicas, 0, 100),
      analysis,
      synonyms,
    }),
    limits: Object.freeze({
      batchSize: whole('batchSize', options.batchSize ?? 500, 1, 10_000),
      batchBytes: whole('batchBytes', options.batchBytes ?? 16 * 2 ** 20, 1, 90 * 2 ** 20),
    }),
  })
}

function invalid(key: string, message: string): HeadwaterError {
  // The prefix is of the connection's options, all else of `texts`.
  const path = key === 'prefix' ? 'elasticsearch.prefix' : `elasticsearch.texts.${key}`
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path} ${message}`, { path })
}
