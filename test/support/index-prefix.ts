import { randomBytes } from 'node:crypto'
import type { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'

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
