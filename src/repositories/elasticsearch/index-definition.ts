import type { TextIndex } from '../texts'
import { type AnalysisChoice, type AnalysisMode, type AnalysisPlan, analysisPlan, type Synonyms } from './analysis'

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
  readonly analysis: AnalysisMode
}

export function makeOf(index: TextIndex, analysis: AnalysisMode): IndexMake {
  return { headwater: 1, generation: index.name, language: index.language, analysis }
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
  const plan = analysisPlan(index.language, mode, settings.synonyms)
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
      },
      ...(plan.settings && { analysis: plan.settings }),
    },
    mappings: {
      dynamic: 'strict',
      _meta: makeOf(index, mode),
      _routing: { required: true },
      _source: { excludes: ['filter', 'stems'] },
      properties: {
        ...textFields(plan, mode),
        // _id cannot be sorted by.
        id: keyword,
        tenant: keyword,
        document: keyword,
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

function textFields({ analyzer, searchAnalyzer }: AnalysisPlan, mode: AnalysisMode): Record<string, unknown> {
  const text = { type: 'text', analyzer, ...(searchAnalyzer && { search_analyzer: searchAnalyzer }) }
  return { title: text, text, ...(mode === 'library' && { stems: { type: 'text', analyzer: 'whitespace' } }) }
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
