import { terms, words } from '../../core/words/first-words'
import type { TextEntry, TextIndex } from '../texts'
import type { AnalysisMode, AnalysisPlan, Synonyms } from './analysis'
import { synonymFilter } from './analysis'
import type { Query } from './filter-query'
import { languageOf } from './server-languages'
import type { ElasticsearchTextQuery } from './text-query'

/**
 * How words were read by 0.1.0 (words 1): a query cut by the library, an index by the server's built-in analyzers, or
 * stems of this package in a field of their own. Indexes of that format are fed and asked so until they are rebuilt.
 */
export function firstPlan(language: string, mode: AnalysisMode, synonyms: Synonyms | undefined): AnalysisPlan {
  if (mode === 'library') {
    const text = { type: 'text', analyzer: 'standard' }
    return { analysis: undefined, fields: { title: text, text, stems: { type: 'text', analyzer: 'whitespace' } } }
  }
  const { before, stem } = firstStemmer(language)
  if (!synonyms) {
    const known = stem !== undefined || ['cjk', 'persian', 'thai'].includes(language)
    const text = { type: 'text', analyzer: mode === 'server' && known ? language : 'standard' }
    return { analysis: undefined, fields: { title: text, text } }
  }
  const filter: Record<string, unknown> = { hw_synonyms: synonymFilter(synonyms) }
  const tail: string[] = []
  if (stem !== undefined) {
    filter['hw_stop'] = { type: 'stop', stopwords: `_${language}_` }
    filter['hw_stem'] = { type: 'stemmer', language: stem }
    tail.push('hw_stop', ...before, 'hw_stem')
  }
  const analyzer = (filters: string[]) => ({ type: 'custom', tokenizer: 'standard', filter: filters })
  const text = { type: 'text', analyzer: 'hw_index', search_analyzer: 'hw_search' }
  return {
    analysis: {
      filter,
      analyzer: {
        hw_index: analyzer(['lowercase', ...tail]),
        hw_search: analyzer(['lowercase', 'hw_synonyms', ...tail]),
      },
    },
    fields: { title: text, text },
  }
}

function firstStemmer(language: string): { before: readonly string[]; stem: string | undefined } {
  const { before = [], stem } = languageOf(language)
  const light = ['french', 'german', 'italian', 'portuguese', 'spanish'].includes(language)
  return {
    before: language === 'german' ? ['german_normalization'] : before,
    stem: light ? `light_${language}` : stem,
  }
}

/** What is stored beside title and text where this package found the words. */
export function firstStems({ title, text }: TextEntry, language: string): Record<string, unknown> {
  return { stems: [title, text].map((part) => terms(part, language).join(' ')) }
}

/** More words than this say nothing more, and a server takes only so many clauses. */
const mostWords = 256

export function firstQuery(
  { language }: TextIndex,
  { query: typed, match = 'words', slop = 0 }: ElasticsearchTextQuery,
  mode: AnalysisMode,
): Query | undefined {
  const ordered = words(typed).map(({ term }) => term)
  if (ordered.length === 0) return undefined
  const fields = ['title', 'text']
  const query = [...new Set(ordered)].slice(0, mostWords).join(' ')
  switch (match) {
    case 'words': {
      if (mode !== 'library') return { combined_fields: { query, fields } }
      const stems = [...new Set(terms(typed, language))].slice(0, mostWords).join(' ')
      return stems === '' ? undefined : { match: { stems } }
    }
    case 'phrase': {
      if (mode !== 'library') {
        return { multi_match: { query: ordered.slice(0, mostWords).join(' '), fields, type: 'phrase', slop } }
      }
      const stems = terms(typed, language).slice(0, mostWords).join(' ')
      return stems === '' ? undefined : { match_phrase: { stems: { query: stems, slop } } }
    }
    case 'prefix':
      return { multi_match: { query: ordered.slice(-mostWords).join(' '), fields, type: 'bool_prefix' } }
    case 'fuzzy':
      return { multi_match: { query, fields, fuzziness: 'AUTO', prefix_length: 1, max_expansions: 50 } }
  }
}
