import { randomBytes } from 'node:crypto'
import { describe } from 'vitest'
import type { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'

/** URL of a real server, or undefined. */
export const elasticsearchUrl = process.env['HW_TEST_ELASTICSEARCH_URL'] || undefined

/** A suite that needs a real Elasticsearch; without one it is skipped, and says so. */
export function describeWithElasticsearch(name: string, suite: (url: string) => void): void {
  const url = elasticsearchUrl
  if (!url) console.warn(`SKIPPED ${name}: set HW_TEST_ELASTICSEARCH_URL (npm run services -- start --elasticsearch)`)
  describe.skipIf(!url)(name, () => suite(url ?? 'http://127.0.0.1:1'))
}

/** A prefix of index names of its own, and how to remove all that came to be under it. */
export function freshPrefix(connection: ElasticsearchConnection): { prefix: string; dispose(): Promise<void> } {
  const prefix = `hwt${process.pid}${randomBytes(4).toString('hex')}`
  const call = { idempotent: true }
  return {
    prefix,
    async dispose() {
      const path = `/${prefix}-*`
      const found = await connection.request(
        { method: 'GET', path: `/_cat/indices${path}`, querystring: { h: 'index', format: 'json' } },
        call,
      )
      for (const { index } of found as { index: string }[]) {
        await connection.request({ method: 'DELETE', path: `/${index}` }, call)
      }
      await connection.request({ method: 'DELETE', path: `/_index_template/${prefix}-*` }, call)
    },
  }
}
