import { HeadwaterError } from '../../core/errors'
import { terms, words } from '../../core/words/first-words'
import type { TextIndex, TextQuery } from '../texts'
import type { AnalysisMode } from './analysis'
import { compileFilter, type Query } from './filter-query'

/** How the words of a query are taken. There is no query syntax in any of them. */
export type TextMatch = 'words' | 'phrase' | 'prefix' | 'fuzzy'

export interface ElasticsearchTextQuery extends Omit<TextQuery, 'match'> {
  /**
   * `words` (default): at least one of them; `phrase`: all, next to each other; `prefix`: the last one may be unfinished;
   * `fuzzy`: up to two letters wrong in a word, depending on its length.
   */
  readonly match?: TextMatch | undefined
  /** Words that may stand between those of a phrase. 0 by default. */
  readonly slop?: number | undefined
}

/** More words than this say nothing more, and a server takes only so many clauses. */
const mostWords = 256

/** The query, or undefined when it has no words and therefore finds nothing. */
export function searchQuery(index: TextIndex, query: ElasticsearchTextQuery, mode: AnalysisMode): Query | undefined {
  const text = textQuery(index, query, mode)
  return text && { bool: { must: [text], filter: tenantFilter(query) } }
}

/** The tenant and the filter; every query has both. */
export function tenantFilter({ tenant, filter }: Pick<TextQuery, 'tenant' | 'filter'>): Query[] {
  return [{ term: { tenant } }, ...(filter ? [compileFilter(filter)] : [])]
}

/** The words over title and text as they are written, for highlights. */
export function textQuery(
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
    default:
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `match: ${JSON.stringify(match)} is no way to match`, {
        path: 'match',
      })
  }
}
