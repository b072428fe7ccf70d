import type { JsonObject } from '../core/json'
import type { DocumentBlob, DocumentRow } from '../repositories/documents'

/** A stored document as `get` and `list` give it. */
export interface StoredDocument<M = JsonObject> {
  readonly id: string
  readonly title: string
  readonly text: string
  readonly metadata: M
  readonly source: string | null
  readonly contentType: string
  readonly status: string
  /** The blob that it owns: `blobs.get(document.blob.hash)`. */
  readonly blob: DocumentBlob | null
  /** 1, 2, 3...: counts its committed changes. */
  readonly version: number
  /** Of the first put since it was last deleted. */
  readonly createdAt: Date
  /** Of the last change. */
  readonly updatedAt: Date
}

/** A piece of a document, in order. Offsets are UTF-16 units of the document's text. */
export interface StoredChunk {
  readonly id: string
  readonly ordinal: number
  readonly start: number
  readonly end: number
  readonly text: string
  /** Under which it begins; empty where there is none. */
  readonly heading: string
  /** The header of a table that its first rows were cut from; empty where they were not. */
  readonly tableHeader: string
  readonly metadata: JsonObject
}

export function storedDocument<M>(row: DocumentRow): StoredDocument<M> {
  const { id, title, text, metadata, source, contentType, status, blob, version, createdAt, updatedAt } = row
  return {
    id,
    title,
    text,
    metadata: metadata as M,
    source,
    contentType,
    status,
    blob,
    version,
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
  }
}
