import type { IncomingHttpHeaders } from 'node:http'
import { QdrantFailure } from './failure'

export interface Keys {
  /** Asked of every request but the health checks, as `api-key` or bearer token. */
  readonly apiKey?: string
  /** Lets read. */
  readonly readOnlyKey?: string
}

const open = new Set(['/', '/healthz', '/livez', '/readyz'])
const readingPosts = /\/points(\/(scroll|count|search|query|recommend|discover)(\/(batch|groups))?)?$|\/facet$/

/** The text of a refusal for want of a key, or undefined; throws for a key that may not write. */
export function refusal(keys: Keys, method: string, path: string, headers: IncomingHttpHeaders): string | undefined {
  if ((keys.apiKey === undefined && keys.readOnlyKey === undefined) || open.has(path)) return undefined
  const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
  const sent = headers['api-key'] ?? bearer
  if (sent === undefined) return 'Must provide an API key or an Authorization bearer token'
  if (sent === keys.apiKey) return undefined
  if (sent !== keys.readOnlyKey) return 'Invalid API key or JWT'
  const reads = method === 'GET' || (method === 'POST' && readingPosts.test(path))
  if (!reads) throw new QdrantFailure(403, 'Forbidden: Global manage access is required')
  return undefined
}
