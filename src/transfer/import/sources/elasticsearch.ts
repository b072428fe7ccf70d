import { ElasticsearchConnection } from '../../../connections/elasticsearch/connection'
import type { ElasticsearchOptions } from '../../../connections/elasticsearch/options'
import { type CallOptions, throwIfAborted } from '../../../core/abort'
import { HeadwaterError } from '../../../core/errors'
import { isPlainObject } from '../../../core/json'
import type { ImportSource } from '../source'

const pageSize = 1_000
/** How long the view of an index is kept between two pages. */
const keepAlive = '5m'

export interface ElasticsearchSourceOptions extends ElasticsearchOptions {
  /** An index, or an alias of one. */
  readonly index: string
  /** Of `_source`, the paths that are read; all of it by default. */
  readonly only?: readonly string[] | undefined
}

/** An index of Elasticsearch's as it was when the reading began: rows have `_id` and `_source`. It has no cursor. */
export function elasticsearchSource({ index, only, ...where }: ElasticsearchSourceOptions): ImportSource {
  const connection = new ElasticsearchConnection(where)
  const path = `/${encodeURIComponent(index)}`
  const ask = (method: string, place: string, body: Record<string, unknown> | undefined, call: CallOptions) =>
    connection.request({ method, path: place, ...(body && { body }) }, { ...call, idempotent: true })
  return {
    kind: 'elasticsearch',
    async parts(call = {}) {
      const counted = await ask('GET', `${path}/_count`, undefined, call)
      return [{ name: index, rows: Number(within(counted, 'count')) }]
    },
    async *rows(_, { signal }) {
      const call = { signal }
      const opened = await ask('POST', `${path}/_pit?keep_alive=${keepAlive}`, undefined, call)
      let id = within(opened, 'id')
      try {
        for (let after: unknown; ; ) {
          throwIfAborted(signal)
          const body = {
            size: pageSize,
            pit: { id, keep_alive: keepAlive },
            sort: ['_shard_doc'],
            track_total_hits: false,
            _source: only ?? true,
            ...(after !== undefined && { search_after: after }),
          }
          const page = await ask('POST', '/_search', body, call)
          assertWhole(page, index)
          id = within(page, 'pit_id') ?? id
          const hits = within(within(page, 'hits'), 'hits')
          if (!Array.isArray(hits)) throw noAnswer(index)
          if (hits.length === 0) return
          for (const hit of hits) {
            const values = { _id: within(hit, '_id'), _source: within(hit, '_source') ?? {} }
            yield { values, cursor: null }
          }
          after = within(hits.at(-1), 'sort')
        }
      } finally {
        // It ends by itself, too.
        await ask('DELETE', '/_pit', { id }, {}).catch(() => undefined)
      }
    },
    stamp: async () => '',
    close: () => connection.close(),
  }
}

function within(value: unknown, name: string): unknown {
  return isPlainObject(value) ? value[name] : undefined
}

/** A shard that did not answer would be taken for documents that are missing. */
function assertWhole(page: unknown, index: string): void {
  const failed = within(within(page, '_shards'), 'failed')
  if (failed === 0 && within(page, 'timed_out') !== true) return
  throw new HeadwaterError('HW_UNAVAILABLE', `elasticsearch: some shards of ${index} did not answer`)
}

function noAnswer(index: string): HeadwaterError {
  return new HeadwaterError('HW_UNAVAILABLE', `elasticsearch: ${index}: the answer is none of Elasticsearch's`)
}
