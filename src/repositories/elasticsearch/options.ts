import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import { checkOptions, group, list, number, type OptionKinds, oneOf, text, whole } from '../../core/option-kinds'
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
  /** Who finds the words: `server` or `library`; `auto` (default) is `server`, and `library` where the server lacks the module analysis-common and the library knows the language. */
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

const kinds = {
  prefix: text(),
  k1: number(0, 100),
  b: number(0, 1),
  shards: whole(1, 1_024),
  replicas: whole(0, 100),
  analysis: oneOf('auto', 'server', 'library'),
  synonyms: group({ list: list(text(65_536), 100_000), path: text(), set: text() }),
  batchSize: whole(1, 10_000),
  batchBytes: whole(1, 90 * 2 ** 20),
} satisfies OptionKinds<ElasticsearchTextOptions>

export function resolveTextOptions(given: ElasticsearchTextOptions): ResolvedTextOptions {
  const options = checkOptions(given, kinds, 'elasticsearch.texts')
  const { prefix = 'headwater', analysis = 'auto', synonyms, replicas, k1 = 1.2, b = 0.75, shards = 1 } = options
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(prefix)) {
    throw invalid('prefix', `must be 1 to 64 of a-z, 0-9, _ and -, got ${describeValue(prefix)}`)
  }
  if (synonyms && analysis === 'library') throw invalid('synonyms', "need the server's analysis")
  return Object.freeze({
    prefix,
    index: Object.freeze({
      k1,
      b,
      shards,
      replicas,
      analysis,
      synonyms,
    }),
    limits: Object.freeze({
      batchSize: options.batchSize ?? 500,
      batchBytes: options.batchBytes ?? 16 * 2 ** 20,
    }),
  })
}

function invalid(key: string, message: string): HeadwaterError {
  // The prefix is of the connection's options, all else of `texts`.
  const path = key === 'prefix' ? 'elasticsearch.prefix' : `elasticsearch.texts.${key}`
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path} ${message}`, { path })
}
