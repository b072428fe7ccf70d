import { collectionName } from '../../core/ids'
import type { Kind } from '../../core/option-kinds'
import { documentKey } from '../../repositories/entity-table'
import { checkId } from '../../writer/write/document-input'
import type { EntityDocuments } from '../access'
import { noDocument } from '../attached'

/** A document, as methods are told of it and as rows hold it. */
export interface DocumentPlace {
  readonly collection: string
  readonly id: string
  readonly key: string
}

/** An option that names a collection. */
export const collectionKind: Kind = (value) => collectionName(value as string)

/** HW_INVALID_DOCUMENT for an id that is none. */
export function placeOf(id: unknown, path: string, collection = 'documents'): DocumentPlace {
  const checked = checkId(id, path)
  return { collection, id: checked, key: documentKey(collection, checked) }
}

/** Keeps a document as it is until the transaction ends, and others out who would do the same; HW_NOT_FOUND. */
export async function hold(
  documents: Pick<EntityDocuments, 'hold'>,
  { collection, id }: DocumentPlace,
  path: string,
): Promise<void> {
  const absent = await documents.hold(collection, [id])
  if (absent.length > 0) throw noDocument(path, collection, id)
}
