import { HeadwaterError } from '../../core/errors'
import type { Scope } from '../../core/ids'
import { sha256, uuidV5 } from '../../core/ids'
import { canonicalJson, type JsonObject } from '../../core/json'
import type { CollectionPlan } from '../ports'
import type { CheckedChunk, CheckedDocument } from './document-input'

export interface PreparedChunk {
  readonly id: string
  readonly ordinal: number
  readonly start: number
  readonly end: number
  readonly text: string
  readonly metadata: JsonObject
  readonly inputHash: string
}

/**
 * A document that is checked, split and hashed, with the vectors that were made for it: all that needs no transaction.
 * Made by `prepare`, taken by `put` and by `using(trx).documents.put`.
 */
export class PreparedDocument {
  readonly scope: Scope
  readonly document: CheckedDocument
  readonly chunks: readonly PreparedChunk[]
  readonly contentHash: string
  readonly payloadHash: string
  /** By input hash, in the space of `fingerprint`; what is missing is embedded by the relay. */
  readonly vectors: Map<string, Float32Array>
  readonly fingerprint: string
  /** Id of the splitter. */
  readonly chunking: string

  /** @internal */
  constructor(scope: Scope, document: CheckedDocument, plan: CollectionPlan) {
    const { chunks: own, blob } = document
    this.scope = scope
    this.document = document
    this.fingerprint = plan.embedder.fingerprint
    this.chunking = plan.splitter.id
    this.chunks = identify(scope, document, own ?? plan.splitter.split(document))
    if (this.chunks.length === 0) {
      throw new HeadwaterError('HW_INVALID_DOCUMENT', 'text: the splitter found nothing in it', { path: 'text' })
    }
    this.vectors = new Map()
    this.payloadHash = sha256(
      document.source ?? '',
      document.source === null ? '0' : '1',
      canonicalJson(document.leaves),
    )
    this.contentHash = sha256(
      document.title,
      document.text,
      canonicalJson(document.metadata),
      this.payloadHash,
      document.contentType,
      document.status,
      own ? canonicalJson(own.map((chunk) => ({ ...chunk }))) : plan.splitter.id,
      // Nothing where there is none: so were documents hashed before they could own one.
      ...(blob ? [blob.hash, String(blob.size), blob.contentType] : []),
    )
  }

  /** Rough size in bytes, for batches. */
  get bytes(): number {
    return this.document.text.length * 2 + this.chunks.length * 200
  }
}

/** What is embedded and indexed of a chunk. */
export function inputText(title: string, text: string): string {
  return title === '' ? text : `${title}\n\n${text}`
}

export function inputHashOf(title: string, text: string): string {
  return sha256(inputText(title, text))
}

function identify(
  scope: Scope,
  document: CheckedDocument,
  drafts: readonly (Omit<CheckedChunk, 'metadata'> & { metadata?: JsonObject | undefined })[],
): PreparedChunk[] {
  const seen = new Map<string, number>()
  return drafts.map(({ text, start, end, metadata = {} }, ordinal) => {
    const hash = sha256(text, canonicalJson(metadata))
    const occurrence = seen.get(hash) ?? 0
    seen.set(hash, occurrence + 1)
    const id = uuidV5(scope.tenant, scope.collection, document.id, hash, String(occurrence))
    return { id, ordinal, start, end, text, metadata, inputHash: inputHashOf(document.title, text) }
  })
}
