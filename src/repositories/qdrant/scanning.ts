import type { QdrantConnection } from '../../connections/qdrant/connection'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { IndexEntry, IndexScan } from '../index-entry'
import { entryOf, field, listOf } from './answers'
import { entryKeys } from './payload'

/** Entries of one page: six times as fast as pages of 1,000. */
const pageSize = 10_000
const firstUuid = '00000000-0000-0000-0000-000000000000'

/**
 * Entries of a collection in ascending order of their ids, which are UUIDs. Numeric ids come before every UUID on the
 * server and are nobody's of ours: they are passed over.
 */
export async function scanCollection(
  connection: QdrantConnection,
  collection: string,
  { after, upTo, limit }: IndexScan,
  call: CallOptions,
): Promise<IndexEntry[]> {
  const entries: IndexEntry[] = []
  let offset = after === undefined ? firstUuid : uuidAfter(after)
  while (offset !== undefined && entries.length < limit) {
    const size = Math.min(pageSize, limit - entries.length)
    const body = { offset, limit: size, with_payload: { include: entryKeys }, with_vector: false }
    const page = listOf(
      field(await connection.call({ operation: 'scrollPoints', collection, body }, call), 'points'),
    ).map(entryOf)
    for (const entry of page) {
      if (upTo !== undefined && entry.id > upTo) return entries
      entries.push(entry)
    }
    offset = page.length < size ? undefined : uuidAfter(page.at(-1)!.id)
  }
  return entries
}

/** The next UUID, because an offset is where a page begins; undefined after the last. */
function uuidAfter(id: string): string | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `scan.after must be a UUID, got ${JSON.stringify(id)}`, {
      path: 'scan.after',
    })
  }
  const next = (BigInt(`0x${id.replaceAll('-', '')}`) + 1n).toString(16).padStart(32, '0')
  if (next.length > 32) return undefined
  return [next.slice(0, 8), next.slice(8, 12), next.slice(12, 16), next.slice(16, 20), next.slice(20)].join('-')
}
