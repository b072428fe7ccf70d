import { describe } from 'vitest'

/** URL of a real server, or undefined. */
export const elasticsearchUrl = process.env['HW_TEST_ELASTICSEARCH_URL'] || undefined

/** Whether this run is for a second Elasticsearch: what has no part in it has run beside the first. */
export const again = process.env['HW_TEST_AGAIN'] === '1'

/** What declares suites that need no Elasticsearch, in a file where others do: `once(describe)('...', ...)`. */
export function once<F extends (...args: never[]) => unknown>(declare: F): F {
  return again ? ((() => undefined) as unknown as F) : declare
}

/** A suite that needs a real Elasticsearch; without one it is skipped, and says so. */
export function describeWithElasticsearch(name: string, suite: (url: string) => void): void {
  const url = elasticsearchUrl
  if (!url) console.warn(`SKIPPED ${name}: set HW_TEST_ELASTICSEARCH_URL (npm run services -- start --elasticsearch)`)
  describe.skipIf(!url)(name, () => suite(url ?? 'http://127.0.0.1:1'))
}
