import type { ElasticsearchRequest } from '../../connections/elasticsearch/client'
import type { TextMatch } from './search-query'

/**
 * The common query shapes as stored search templates (mustache), for readers other than this package: dashboards,
 * scripts, another service. Parameters: `tenant`, `query`, `size`; give the tenant as the routing of the search too.
 */
export function searchTemplateRequests(prefix: string): ElasticsearchRequest[] {
  const fields = ['title', 'text']
  const shapes: Record<TextMatch, Record<string, unknown>> = {
    words: { combined_fields: { query: '{{query}}', fields } },
    phrase: { multi_match: { query: '{{query}}', fields, type: 'phrase' } },
    prefix: { multi_match: { query: '{{query}}', fields, type: 'bool_prefix' } },
    fuzzy: { multi_match: { query: '{{query}}', fields, fuzziness: 'AUTO', prefix_length: 1, max_expansions: 50 } },
  }
  return Object.entries(shapes).map(([name, must]) => ({
    method: 'PUT',
    path: `/_scripts/${encodeURIComponent(`${prefix}-${name}`)}`,
    body: { script: { lang: 'mustache', source: sourceOf(must) } },
  }))
}

/** Values are escaped by the server as JSON strings; the size alone is put in bare. */
function sourceOf(must: Record<string, unknown>): string {
  const source = {
    query: { bool: { must: [must], filter: [{ term: { tenant: '{{tenant}}' } }] } },
    size: '{{size}}{{^size}}10{{/size}}',
    _source: ['id', 'document', 'title', 'text'],
  }
  return JSON.stringify(source).replace('"{{size}}{{^size}}10{{/size}}"', '{{size}}{{^size}}10{{/size}}')
}
