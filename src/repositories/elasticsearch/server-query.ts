import { HeadwaterError } from '../../core/errors'
import type { Query } from './filter-query'
import { analyzers, emptyField } from './server-analysis'
import type { ElasticsearchTextQuery } from './text-query'
import { weightedFields } from './weighted-fields'

/** The query as it was typed, for the server to read: data of a match, never a syntax. Undefined where no field counts. */
export function serverQuery({
  query,
  match = 'words',
  slop = 0,
  fields,
}: Omit<ElasticsearchTextQuery, 'tenant' | 'limit'>): Query | undefined {
  const weighted = weightedFields(fields)
  if (weighted.length === 0) return undefined
  switch (match) {
    case 'words':
      return words(query, weighted)
    case 'phrase':
      return phrase(query, weighted, slop)
    case 'prefix': {
      const last = /\S+\s*$/u.exec(query)?.[0] ?? ''
      const unfinished = { query: last, fields: weighted, type: 'bool_prefix', analyzer: analyzers.plain }
      return anyOf([words(query, weighted), { multi_match: unfinished }])
    }
    case 'fuzzy': {
      const misspelt = { fuzziness: 'AUTO', prefix_length: 1, max_expansions: 50, analyzer: analyzers.plain }
      return { multi_match: { query, fields: weighted, ...misspelt } }
    }
    default:
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `match: ${JSON.stringify(match)} is no way to match`, {
        path: 'match',
      })
  }
}

/** The words that tell; where there are none but stop words, those. */
function words(query: string, fields: readonly string[]): Query {
  const all = { multi_match: { query, fields, type: 'cross_fields', analyzer: analyzers.all } }
  const nothingElse = { match: { [emptyField]: { query, analyzer: analyzers.search, zero_terms_query: 'all' } } }
  return anyOf([{ combined_fields: { query, fields } }, { bool: { must: [all], filter: [nothingElse] } }])
}

function phrase(query: string, fields: readonly string[], slop: number): Query {
  return { multi_match: { query, fields, type: 'phrase', slop, analyzer: analyzers.row } }
}

function anyOf(should: readonly Query[]): Query {
  return { bool: { should, minimum_should_match: 1 } }
}
