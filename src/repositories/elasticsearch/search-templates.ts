import type { ElasticsearchRequest } from '../../connections/elasticsearch/client'
import type { Query } from './filter-query'
import { serverQuery } from './server-query'
import type { ElasticsearchTextMatch } from './text-query'

const shapes: readonly ElasticsearchTextMatch[] = ['words', 'phrase', 'prefix', 'fuzzy']

/**
 * The common query shapes as stored search templates (mustache), for readers other than this package (dashboards,
 * scripts, another service) of indexes whose words the server reads. Parameters: `tenant`, `query`, `size`; give the
 * tenant as the routing of the search too.
 */
export function searchTemplateRequests(prefix: string): ElasticsearchRequest[] {
  return shapes.map((match) => ({
    method: 'PUT',
    path: `/_scripts/${encodeURIComponent(`${prefix}-${match}`)}`,
    body: { script: { lang: 'mustache', source: sourceOf(serverQuery({ query: '{{query}}', match })!) } },
  }))
}

/** Values are escaped by the server as JSON strings; the size alone is put in bare. */
function sourceOf(must: Query): string {
  const source = {
    query: { bool: { must: [must], filter: [{ term: { tenant: '{{tenant}}' } }] } },
    size: '{{size}}{{^size}}10{{/size}}',
    _source: ['id', 'document', 'title', 'heading', 'text'],
  }
  return JSON.stringify(source).replace('"{{size}}{{^size}}10{{/size}}"', '{{size}}{{^size}}10{{/size}}')
}
