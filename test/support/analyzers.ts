import { describe } from 'vitest'

/** OpenSearch behind the proxy that speaks Elasticsearch: for the analyzers, which the server of the registry lacks. */
export const openSearchUrl = process.env['HW_TEST_OPENSEARCH_URL'] || undefined

export function describeWithAnalyzers(name: string, suite: (url: string) => void): void {
  const url = openSearchUrl
  if (!url) console.warn(`SKIPPED ${name}: set HW_TEST_OPENSEARCH_URL (npm run services -- start --all)`)
  describe.skipIf(!url)(name, () => suite(url ?? 'http://127.0.0.1:1'))
}
