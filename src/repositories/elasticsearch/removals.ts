import type { ElasticsearchConnection } from '../../connections/elasticsearch/connection'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { describeFault } from '../../resilience/classify-elasticsearch'
import type { IndexRemoval } from '../index-entry'
import type { BulkOperation } from './bulk'
import { engineId } from './names'

interface Seen {
  readonly found?: boolean
  readonly _version: number
  readonly _seq_no: number
  readonly _primary_term: number
  readonly error?: { readonly type: string; readonly reason: string } | undefined
}

/**
 * Removals as conditional deletes. 'atMost' is a delete at that version. 'exactly' reads the entry (not by search, which
 * may lag) and deletes what it saw, if that has the fence: by its sequence number, so that a write in between wins.
 */
export async function removalOperations(
  connection: ElasticsearchConnection,
  alias: string,
  removals: readonly IndexRemoval[],
  call: CallOptions | undefined,
): Promise<BulkOperation[]> {
  const exact = removals.filter(({ when, fence }) => when === 'exactly' && fence !== null)
  const seen = await readExactly(connection, alias, exact, call)
  return removals.flatMap((removal) => {
    const { id, tenant, fence, when } = removal
    if (fence === null) return []
    const target = { _index: alias, _id: engineId(tenant, id), routing: tenant }
    if (when === 'atMost') return [deletion(id, { ...target, version: fence, version_type: 'external_gte' })]
    const held = seen.get(removal)
    if (!held?.found || held._version !== fence) return []
    return [deletion(id, { ...target, if_seq_no: held._seq_no, if_primary_term: held._primary_term })]
  })
}

function deletion(id: string, action: Record<string, unknown>): BulkOperation {
  return { id, kind: 'delete', lines: [JSON.stringify({ delete: action })] }
}

async function readExactly(
  connection: ElasticsearchConnection,
  alias: string,
  removals: readonly IndexRemoval[],
  call: CallOptions | undefined,
): Promise<Map<IndexRemoval, Seen>> {
  const seen = new Map<IndexRemoval, Seen>()
  if (removals.length === 0) return seen
  const docs = removals.map(({ id, tenant }) => ({ _id: engineId(tenant, id), routing: tenant, _source: false }))
  const request = { method: 'POST', path: `/${encodeURIComponent(alias)}/_mget`, body: { docs } }
  const answer = await connection.request(request, { ...call, idempotent: true })
  const read: unknown = Reflect.get(Object(answer), 'docs')
  if (!Array.isArray(read) || read.length !== removals.length) {
    const message = `Elasticsearch answered a read of ${removals.length} entries without as many`
    throw new HeadwaterError('HW_UNAVAILABLE', message, { cause: answer })
  }
  for (const [i, removal] of removals.entries()) {
    const held = read[i] as Seen
    // The answer is 200 all the same when the index is gone or a shard is not there.
    if (held.error) {
      const status = held.error.type === 'index_not_found_exception' ? 404 : 503
      throw describeFault({ status, ...held.error }, `Elasticsearch, entry ${removal.id}`)
    }
    seen.set(removal, held)
  }
  return seen
}
