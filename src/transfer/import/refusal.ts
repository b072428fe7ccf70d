import { type HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { Embedder } from '../../embeddings/embedder'
import { checkGiven } from '../../embeddings/own-vectors'
import { takeVector } from '../../embeddings/vector-codec'
import { writerDefaults } from '../../writer/ports'
import { checkDocument, type DocumentInput } from '../../writer/write/document-input'
import type { PlannedSpace } from './plan'

/** Why a store with the usual limits would refuse a document; undefined where it takes it. */
export function refusalOf(document: DocumentInput, space: PlannedSpace | null): HeadwaterError | undefined {
  try {
    checkDocument(document, undefined, writerDefaults, null)
    if (space && document.vector) {
      const vector = takeVector(document.vector, 'vector', 'HW_INVALID_DOCUMENT')
      checkGiven({ dimensions: space.dimensions } as Embedder, vector, 'vector')
    }
    return undefined
  } catch (error) {
    if (isHeadwaterError(error)) return error
    throw error
  }
}
