import { HeadwaterError } from '../core/errors'
import { collectionName } from '../core/ids'
import type { EntityRecord, EntityTable } from '../repositories/entity-table'
import { checkId } from '../writer/write/document-input'
import type { EntityDocuments } from './access'

/** Keeps the documents that rows go with as they are until the transaction ends; HW_NOT_FOUND where one is not there. */
export async function holdDocuments(
  { documents: columns = [] }: EntityTable,
  documents: EntityDocuments,
  records: readonly EntityRecord[],
): Promise<void> {
  const wanted = new Map<string, Map<string, string>>()
  for (const record of records) {
    for (const column of columns) {
      const held = record[column] ?? null
      if (held === null) continue
      const { collection, id } = placeOf(String(held), column)
      const ids = wanted.get(collection) ?? new Map<string, string>()
      wanted.set(collection, ids.set(id, column))
    }
  }
  for (const [collection, ids] of [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [absent] = await documents.hold(collection, [...ids.keys()])
    if (absent === undefined) continue
    const path = ids.get(absent)!
    const problem = `${path}: no document ${JSON.stringify(absent)} in ${collection}`
    throw new HeadwaterError('HW_NOT_FOUND', problem, { path, details: { collection, id: absent } })
  }
}

function placeOf(held: string, path: string): { readonly collection: string; readonly id: string } {
  const at = held.indexOf('/')
  try {
    return { collection: collectionName(held.slice(0, Math.max(0, at))), id: checkId(held.slice(at + 1)) }
  } catch (cause) {
    const problem = `${path}: must be what documentKey(collection, id) gives`
    throw new HeadwaterError('HW_INVALID_ENTITY', problem, { path, cause })
  }
}
