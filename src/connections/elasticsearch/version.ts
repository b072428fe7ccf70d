import { HeadwaterError } from '../../core/errors'
import type { ElasticsearchRequest } from './client'

/** The oldest major version whose requests and conditions are as used here. */
const oldest = 8

type Send = (request: ElasticsearchRequest) => Promise<unknown>

/**
 * The version of the node that answers, or undefined where nobody may ask. Not from `GET /`, which some servers lack.
 */
export async function readVersion(send: Send): Promise<string | undefined> {
  const request = { method: 'GET', path: '/_nodes/_local', querystring: { filter_path: 'nodes.*.version' } }
  try {
    const { nodes = {} } = (await send(request)) as { nodes?: Record<string, { version?: string }> }
    return Object.values(nodes)[0]?.version
  } catch (error) {
    // Writers of indexes need no right to look at nodes.
    if (error instanceof HeadwaterError && error.details?.['status'] === 403) return undefined
    throw error
  }
}

export function checkVersion(version: string | undefined): string | undefined {
  if (version === undefined || Number.parseInt(version, 10) >= oldest) return version
  throw new HeadwaterError(
    'HW_SERVER_UNSUPPORTED',
    `Elasticsearch ${version} is too old: upgrade to ${oldest}.0 or later`,
    { details: { store: 'elasticsearch', required: `${oldest}.0`, version } },
  )
}
