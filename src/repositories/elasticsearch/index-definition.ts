import type { TextIndex } from '../texts'
import type { AnalysisChoice, AnalysisMode, AnalysisPlan, Synonyms } from './analysis'
import { firstPlan } from './first-words'
import { hasFirstWords, isFolding } from './formats'
import { libraryPlan } from './library-words'
import { mostTokens, serverPlan } from './server-analysis'

export interface IndexSettings {
  readonly k1: number
  readonly b: number
  readonly shards: number
  /** Copies of each shard; undefined for one where there is a second node to hold it. */
  readonly replicas: number | undefined
  readonly analysis: AnalysisChoice
  readonly synonyms: Synonyms | undefined
}

/** What the index says of how it was made; compared when it is opened again. */
export interface IndexMake {
  readonly headwater: number
  readonly generation: string
  readonly language: string
  /** `standard`: of 0.1.0, as `server` but for the stems. */
  readonly analysis: AnalysisMode | 'standard'
  readonly folding?: boolean
}

export function makeOf(index: TextIndex, analysis: AnalysisMode): IndexMake {
  const { name: generation, language } = index
  if (hasFirstWords(index)) return { headwater: 1, generation, language, analysis }
  return { headwater: 2, generation, language, analysis, folding: isFolding(index) }
}

const keyword = { type: 'keyword' }
/** Kept in the source alone. */
const kept = { index: false, doc_values: false }

/** How the private alias leads to its index. */
export const ownAlias = { is_write_index: true, is_hidden: true }

/** Body of the request that creates the index with its alias. */
export function indexDefinition(
  index: TextIndex,
  alias: string,
  settings: IndexSettings,
  mode: AnalysisMode,
): Record<string, unknown> {
  const { analysis, fields } = planOf(index, settings, mode)
  return {
    aliases: { [alias]: ownAlias },
    settings: {
      index: {
        number_of_shards: settings.shards,
        ...(settings.replicas === undefined
          ? { auto_expand_replicas: '0-1' }
          : { number_of_replicas: settings.replicas }),
        // Deletes are remembered this long, so that a late write of an older state stays out.
        gc_deletes: '1h',
        similarity: { default: { type: 'BM25', k1: settings.k1, b: settings.b } },
        analyze: { max_token_count: mostTokens },
      },
      ...(analysis && { analysis }),
    },
    mappings: {
      dynamic: 'strict',
      _meta: makeOf(index, mode),
      _routing: { required: true },
      properties: {
        ...fields,
        // _id cannot be sorted by.
        id: keyword,
        // Asked for as a term alone, given back as a column alone.
        tenant: { ...keyword, doc_values: false },
        document: { ...keyword, index: false },
        filter: keyword,
        stamp: { ...keyword, ...kept },
        source: { ...keyword, ...kept },
        createdAt: { type: 'long', ...kept },
        updatedAt: { type: 'long', ...kept },
        version: { type: 'long', ...kept },
        leaves: { type: 'object', enabled: false },
      },
    },
  }
}

function planOf(index: TextIndex, { synonyms }: IndexSettings, mode: AnalysisMode): AnalysisPlan {
  if (hasFirstWords(index)) return firstPlan(index.language, mode, synonyms)
  return mode === 'server' ? serverPlan(index.language, isFolding(index), synonyms) : libraryPlan()
}

/** Nothing under the prefix comes into being by a write, least of all by one that comes late, and none is dynamic. */
export function indexTemplate(prefix: string): Record<string, unknown> {
  return {
    index_patterns: [`${prefix}-*`],
    priority: 500,
    allow_auto_create: false,
    template: { mappings: { dynamic: 'strict' } },
    _meta: { headwater: 1 },
  }
}
