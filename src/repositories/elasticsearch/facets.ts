import type { Facet } from '../facets'
import { type Query, tokenField } from './filter-query'
import { existsToken, valueOfToken } from './filter-tokens'

interface Buckets {
  readonly buckets: readonly { readonly key: string; readonly doc_count: number }[]
}

export function facetAggregations(paths: readonly string[], limit: number): Query {
  return Object.fromEntries(
    paths.map((path, i) => {
      // The types whose terms hold their value; a hashed string says nothing.
      const include = `${escapeRegExp(existsToken(path))}[snbd](.|\n)*`
      return [`f${i}`, { terms: { field: tokenField, include, size: limit } }]
    }),
  )
}

export function facetsOf(paths: readonly string[], answer: unknown): Facet[] {
  const { aggregations = {} } = answer as { aggregations?: Record<string, Buckets> }
  return paths.map((path, i) => ({
    path,
    values: (aggregations[`f${i}`]?.buckets ?? []).flatMap(({ key, doc_count: count }) => {
      const value = valueOfToken(path, key)
      return value === undefined ? [] : [{ value, count }]
    }),
    approximate: true,
  }))
}

/** Lucene's own syntax has more special characters than JavaScript's; escaping any that is no letter or digit is safe. */
function escapeRegExp(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{M}\0]/gu, '\\$&')
}
