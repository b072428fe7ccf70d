import { HeadwaterError } from '../../core/errors'
import type { Scope } from '../../core/ids'
import { sha256, uuidV5 } from '../../core/ids'
import { canonicalJson, type JsonObject } from '../../core/json'
import type { ChunkContext } from '../../repositories/chunks'
import type { ChunkDraft } from '../../splitter/splitter'
import type { CollectionPlan } from '../ports'
import type { CheckedDocument } from './document-input'
import { inputHashOf } from './input-text'

export interface PreparedChunk extends ChunkContext {
  readonly id: string
  readonly ordinal: number
  readonly start: number
  readonly end: number
  readonly text: string
  readonly metadata: JsonObject
  readonly inputHash: string
}

/**
 * A document that is checked and hashed, is split when its chunks are first asked for, and has the vectors that were
 * made for it: all that needs no transaction. Made by `prepare`, taken by `put` and by `using(trx).documents.put`.
 */
export class PreparedDocument {
  readonly scope: Scope
  readonly document: CheckedDocument
  readonly contentHash: string
  readonly payloadHash: string
  /** By input hash, in the space of `fingerprint`; what is missing is embedded by the relay. */
  readonly vectors: Map<string, Float32Array>
  readonly fingerprint: string
  /** Id of the splitter. */
  readonly chunking: string
  readonly #plan: CollectionPlan
  #chunks: Promise<readonly PreparedChunk[]> | undefined

  /** @internal */
  constructor(scope: Scope, document: CheckedDocument, plan: CollectionPlan) {
    const { chunks: own, blob } = document
    this.scope = scope
    this.document = document
    this.fingerprint = plan.embedder.fingerprint
    this.chunking = plan.splitter.id
    this.#plan = plan
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
      own ? canonicalJson(own.map((chunk) => ({ ...chunk }) as JsonObject)) : plan.splitter.id,
      // Nothing where there is none: so were documents hashed before they could own one.
      ...(blob ? [blob.hash, String(blob.size), blob.contentType] : []),
    )
  }

  /**
   * Its chunks. A document that turns out to be unchanged is never split: ask outside a transaction where that can be,
   * since the embedder may be asked for the sizes of pieces. HW_INVALID_DOCUMENT when the splitter finds nothing.
   */
  chunks(): Promise<readonly PreparedChunk[]> {
    this.#chunks ??= this.#split()
    return this.#chunks
  }

  async #split(): Promise<readonly PreparedChunk[]> {
    const { scope, document } = this
    const drafts = document.chunks ?? (await this.#plan.splitter.split(document))
    if (drafts.length === 0) {
      throw new HeadwaterError('HW_INVALID_DOCUMENT', 'text: the splitter found nothing in it', { path: 'text' })
    }
    return identify(scope, document, drafts)
  }

  /** Rough size in bytes, for batches. */
  get bytes(): number {
    return this.document.text.length * 2 + 200
  }
}

function identify(scope: Scope, document: CheckedDocument, drafts: readonly ChunkDraft[]): PreparedChunk[] {
  const seen = new Map<string, number>()
  return drafts.map(({ text, start, end, metadata = {}, heading = '', tableHeader = '' }, ordinal) => {
    const hash = sha256(text, canonicalJson(metadata))
    const occurrence = seen.get(hash) ?? 0
    seen.set(hash, occurrence + 1)
    const id = uuidV5(scope.tenant, scope.collection, document.id, hash, String(occurrence))
    const inputHash = inputHashOf(document.title, { heading, tableHeader, text })
    return { id, ordinal, start, end, text, heading, tableHeader, metadata, inputHash }
  })
}
