import type { TextIndex, TextQuery } from '../texts'
import { mostTyped } from '../typed-query'
import type { AnalysisMode } from './analysis'
import { compileFilter, type Query } from './filter-query'
import { firstQuery } from './first-words'
import { hasFirstWords } from './formats'
import { libraryQuery } from './library-words'
import { serverQuery } from './server-query'
import type { ElasticsearchTextQuery } from './text-query'

/** The query, or undefined when it has no words and therefore finds nothing. */
export function searchQuery(index: TextIndex, query: ElasticsearchTextQuery, mode: AnalysisMode): Query | undefined {
  const text = textQuery(index, query, mode)
  return text && { bool: { must: [text], filter: tenantFilter(query) } }
}

/** The tenant and the filter; every query has both. */
export function tenantFilter({ tenant, filter }: Pick<TextQuery, 'tenant' | 'filter'>): Query[] {
  return [{ term: { tenant } }, ...(filter ? [compileFilter(filter)] : [])]
}

/** The words alone, as the party that reads the index reads them. */
export function textQuery(index: TextIndex, query: ElasticsearchTextQuery, mode: AnalysisMode): Query | undefined {
  // A server takes only so many clauses.
  const cut = { ...query, query: query.query.slice(0, mostTyped).toWellFormed() }
  if (hasFirstWords(index)) return firstQuery(index, cut, mode)
  return mode === 'server' ? serverQuery(cut) : libraryQuery(index, cut)
}
