import type { JsonObject } from '../core/json'
import { flattenMetadata, leafKey } from './leaves'
import type { Leaves } from './parsed'

/**
 * Fields of a document beside its metadata that filters see as leaves, under paths that no metadata can have. All are
 * strings; an empty one is none.
 */
export const ownFields = Object.freeze(['$title', '$status', '$contentType'] as const)
export type OwnField = (typeof ownFields)[number]

/** Start of the paths to metadata of a chunk. */
export const chunkPath = '$chunk.'

export interface OwnFields {
  readonly title: string
  readonly status: string
  readonly contentType: string
  readonly leaves: Leaves
}

/** The leaves of a document's metadata and of its own fields. */
export function documentLeaves({ title, status, contentType, leaves }: OwnFields): Leaves {
  return { ...leaves, ...leafOf('$title', title), ...leafOf('$status', status), ...leafOf('$contentType', contentType) }
}

/** Those and the leaves of a chunk's metadata: all that a filter of a search can ask. */
export function entryLeaves(document: OwnFields, chunk: JsonObject): Leaves {
  return withChunk(documentLeaves(document), chunk)
}

/** `leaves` themselves where the chunk has no metadata. */
export function withChunk(leaves: Leaves, chunk: JsonObject): Leaves {
  if (Object.keys(chunk).length === 0) return leaves
  const own = Object.entries(flattenMetadata(chunk))
  if (own.length === 0) return leaves
  const renamed = own.map(([key, values]) => [`${key.slice(0, 2)}${chunkPath}${key.slice(2)}`, values])
  return { ...leaves, ...Object.fromEntries(renamed) }
}

export function isOwnField(path: string): path is OwnField {
  return (ownFields as readonly string[]).includes(path)
}

/** True for a path that is not of a document's metadata. */
export function isBesideMetadata(path: string): boolean {
  return path.startsWith('$')
}

function leafOf(path: OwnField, value: string): Leaves {
  return value === '' ? {} : { [leafKey('s', path)]: [value] }
}
