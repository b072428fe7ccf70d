import { HeadwaterError } from '../core/errors'
import { collectionName } from '../core/ids'
import { documentOfKey, type EntityRecord, type EntityTable } from '../repositories/entity-table'
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
    throw noDocument(path, collection, absent)
  }
}

/** A document that a row would go with. */
export function noDocument(path: string, collection: string, id: string): HeadwaterError {
  const problem = `${path}: no document ${JSON.stringify(id)} in ${collection}`
  return new HeadwaterError('HW_NOT_FOUND', problem, { path, details: { collection, id } })
}

function placeOf(held: string, path: string): { readonly collection: string; readonly id: string } {
  const { collection, id } = documentOfKey(held)
  try {
    return { collection: collectionName(collection), id: checkId(id) }
  } catch (cause) {
    const problem = `${path}: must be what documentKey(collection, id) gives`
    throw new HeadwaterError('HW_INVALID_ENTITY', problem, { path, cause })
  }
}
