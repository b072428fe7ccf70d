import type { Json, JsonObject } from '../../core/json'
import { isPlainObject } from '../../core/json'
import type { DocumentRow } from '../../repositories/documents'
import type { ChunkInput, DocumentInput, DocumentPatch } from './document-input'

/** The document as it will be: what the patch (of `takePatch`) names replaced, metadata merged (RFC 7396). */
export function patched(
  row: DocumentRow,
  patch: DocumentPatch<unknown>,
  ownChunks: readonly ChunkInput[] | undefined,
): DocumentInput<unknown> {
  const { metadata, blob: _blob, ...given } = patch
  return {
    id: row.id,
    title: row.title,
    text: row.text,
    ...(row.source !== null && { source: row.source }),
    contentType: row.contentType,
    status: row.status,
    ...(ownChunks && given.text === undefined && given.vector === undefined && { chunks: ownChunks }),
    ...given,
    metadata: metadata === undefined ? row.metadata : mergePatch(row.metadata, metadata),
  }
}

/** JSON merge patch: objects are merged, null removes, everything else replaces. */
function mergePatch(target: JsonObject, patch: unknown): unknown {
  if (!isPlainObject(patch)) return patch
  const merged: Record<string, unknown> = { ...target }
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue
    if (value === null) delete merged[key]
    else if (isPlainObject(value)) {
      const inner: Json | undefined = target[key]
      merged[key] = mergePatch(isPlainObject(inner) ? (inner as JsonObject) : {}, value)
    } else merged[key] = value
  }
  return merged
}
