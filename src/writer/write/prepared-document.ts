import { HeadwaterError } from '../../core/errors'
import type { Scope } from '../../core/ids'
import { sha256, uuidV5 } from '../../core/ids'
import { canonicalJson, type JsonObject } from '../../core/json'
import { ReadingTurns } from '../../core/turns'
import { vectorHash } from '../../embeddings/vector-codec'
import type { ChunkContext } from '../../repositories/chunks'
import type { DocumentHead, DocumentRow, SpaceVectors } from '../../repositories/documents'
import { inputHashOf, inputText, ownInputHashOf } from '../../splitter/input-text'
import type { ChunkDraft, Splitter } from '../../splitter/splitter'
import { countTooLong } from '../../splitter/too-long'
import type { CollectionPlan } from '../ports'
import type { CheckedChunk, CheckedDocument } from './document-input'

export interface PreparedChunk extends ChunkContext {
  readonly id: string
  readonly ordinal: number
  readonly start: number
  readonly end: number
  readonly text: string
  readonly metadata: JsonObject
  readonly inputHash: string
}

/** Vectors of one space, by input hash. */
class MadeVectors {
  readonly fingerprint: string
  readonly all = new Map<string, Float32Array>()
  readonly unstored = new Map<string, Float32Array>()

  constructor(fingerprint: string) {
    this.fingerprint = fingerprint
  }
}

const noVectors: ReadonlyMap<string, Float32Array> = new Map()

/**
 * A document that is checked and hashed, is split when its chunks are first asked for, and has the vectors that were
 * made for it: all that needs no transaction. Made by `prepare`, taken by `put` and by `using(trx).documents.put`.
 */
export class PreparedDocument {
  /** Hides the class from the completion of what `put` takes: editors leave out one that has such a member. */
  declare protected readonly made: true
  /** @internal */
  readonly scope: Scope
  /** @internal */
  readonly document: CheckedDocument
  /** @internal */
  readonly contentHash: string
  /** @internal */
  readonly payloadHash: string
  /** Id of the splitter. @internal */
  readonly chunking: string
  readonly #plan: CollectionPlan
  #vectors: MadeVectors
  /** Of the vectors that came with its chunks, in their order. */
  readonly #ownHashes: readonly (string | undefined)[]
  #truncated: Promise<number> | undefined
  /** By splitter: what is made of it, or is being made. */
  readonly #cuts = new Map<string, readonly PreparedChunk[] | Promise<readonly PreparedChunk[]>>()

  /** @internal True for what was made here, and not only looks like it. */
  static is(value: object): value is PreparedDocument {
    return #plan in value
  }

  /** @internal */
  constructor(scope: Scope, document: CheckedDocument, plan: CollectionPlan) {
    const { chunks: own } = document
    this.scope = scope
    this.document = document
    this.chunking = plan.splitter.id
    this.#plan = plan
    this.#vectors = new MadeVectors(plan.embedder.fingerprint)
    const payload = payloadParts(document)
    this.payloadHash = sha256(...payload, document.status, document.contentType)
    this.#ownHashes = own?.map(({ vector }) => vector && vectorHash(vector)) ?? []
    const cut = own ? canonicalJson(own.map((chunk, at) => chunkJson(chunk, this.#ownHashes[at]))) : firstCut(plan)
    this.contentHash = contentHashOf(document, cut, payload)
  }

  /**
   * Its chunks. A document that turns out to be unchanged is never split: ask outside a transaction where that can be,
   * since the embedder may be asked for the sizes of pieces. HW_INVALID_DOCUMENT when the splitter finds nothing.
   * @internal
   */
  chunks(): readonly PreparedChunk[] | Promise<readonly PreparedChunk[]> {
    const chunks = this.#cut(this.#plan.splitter)
    return isMade(chunks) && chunks.length > 0 ? chunks : Promise.resolve(chunks).then(somethingIn)
  }

  /**
   * Its chunks in a chunking: the caller's own in each, else what that splitter makes of it. Undefined where the splitter
   * is not known, or finds nothing.
   * @internal
   */
  chunksIn(
    chunking: string,
    splitter: Splitter | undefined,
  ): readonly PreparedChunk[] | undefined | Promise<readonly PreparedChunk[] | undefined> {
    if (chunking === this.chunking || this.document.chunks) return this.chunks()
    const chunks = splitter && this.#cut(splitter)
    return chunks === undefined || isMade(chunks) ? someOf(chunks) : chunks.then(someOf)
  }

  /** What was made for it in that space, by input hash; what is missing is embedded by the relay. @internal */
  vectorsIn(fingerprint: string): ReadonlyMap<string, Float32Array> {
    return this.#vectors.fingerprint === fingerprint ? this.#vectors.all : noVectors
  }

  /** What is to be stored when it is written. @internal */
  get unstored(): SpaceVectors {
    const { fingerprint, unstored } = this.#vectors
    return { fingerprint, byHash: unstored }
  }

  /** Keeps a vector. Those of another space, from before another model went live, are forgotten. @internal */
  keep(fingerprint: string, inputHash: string, vector: Float32Array, isStored: boolean): void {
    if (this.#vectors.fingerprint !== fingerprint) this.#vectors = new MadeVectors(fingerprint)
    this.#vectors.all.set(inputHash, vector)
    if (!isStored) this.#vectors.unstored.set(inputHash, vector)
  }

  /** Of its chunks, how many the embedder reads the beginning of alone. @internal */
  truncated(): Promise<number> {
    this.#truncated ??= this.#countTruncated()
    return this.#truncated
  }

  async #countTruncated(): Promise<number> {
    const { title } = this.document
    const chunks = await this.chunks()
    return countTooLong(
      this.#plan.embedder,
      chunks.map((chunk) => inputText(title, chunk)),
    )
  }

  #cut(splitter: Splitter): readonly PreparedChunk[] | Promise<readonly PreparedChunk[]> {
    const known = this.#cuts.get(splitter.id)
    if (known) return known
    const { scope, document } = this
    const split = async () =>
      document.chunks ? this.#identifyOwn(document.chunks) : identify(scope, document, await splitter.split(document))
    const cut = split()
    this.#cuts.set(splitter.id, cut)
    cut.then(
      (chunks) => this.#cuts.set(splitter.id, chunks),
      // An embedder that did not answer may be asked again.
      () => this.#cuts.delete(splitter.id),
    )
    return cut
  }

  /** Vectors that came with chunks are kept for their space. */
  async #identifyOwn(own: readonly CheckedChunk[]): Promise<PreparedChunk[]> {
    const { fingerprint } = this.#plan.embedder
    const { title } = this.document
    const chunks = await identify(this.scope, this.document, own)
    return chunks.map((chunk, at) => {
      const { vector } = own[at]!
      if (!vector) return chunk
      const inputHash = ownInputHashOf(title, chunk, fingerprint, this.#ownHashes[at]!)
      this.keep(fingerprint, inputHash, vector, false)
      return { ...chunk, inputHash }
    })
  }

  /** Rough size in bytes, for batches. @internal */
  get bytes(): number {
    const vectors = this.document.chunks?.reduce((sum, { vector }) => sum + (vector?.byteLength ?? 0), 0) ?? 0
    return this.document.text.length * 2 + vectors + 200
  }
}

/** A chunk of the caller's own as the document's hash covers it. */
function chunkJson({ vector: _, ...chunk }: CheckedChunk, vector: string | undefined): JsonObject {
  return { ...chunk, ...(vector && { vector }) } as JsonObject
}

function isMade(chunks: object): chunks is readonly PreparedChunk[] {
  return Array.isArray(chunks)
}

function someOf(chunks: readonly PreparedChunk[] | undefined): readonly PreparedChunk[] | undefined {
  return chunks && chunks.length > 0 ? chunks : undefined
}

function somethingIn(chunks: readonly PreparedChunk[]): readonly PreparedChunk[] {
  if (chunks.length > 0) return chunks
  throw new HeadwaterError('HW_INVALID_DOCUMENT', 'text: the splitter found nothing in it', { path: 'text' })
}

/** Whether a stored document says the same, and has the chunks that belong to it. */
export function isUnchanged(
  head: Pick<DocumentHead, 'deleted' | 'contentHash' | 'cut'>,
  { contentHash }: Pick<PreparedDocument, 'contentHash'>,
): boolean {
  return !head.deleted && head.contentHash === contentHash && head.cut
}

/** What stands in a content hash for the splitter: the first one of the collection, whichever cuts now. */
function firstCut({ cutFirst, splitter }: CollectionPlan): string {
  return cutFirst ?? splitter.id
}

/** True when a stored document is cut by a splitter; false when its chunks are the caller's own, as far as its hash tells. */
export function isCutBySplitter(row: DocumentRow, plan: CollectionPlan): boolean {
  return contentHashOf(row, firstCut(plan), payloadParts(row)) === row.contentHash
}

type Content = Pick<
  DocumentRow,
  'title' | 'text' | 'metadata' | 'leaves' | 'source' | 'contentType' | 'status' | 'blob'
>

function contentHashOf(
  { title, text, metadata, contentType, status, blob }: Content,
  cut: string,
  payload: readonly string[],
): string {
  return sha256(
    title,
    text,
    canonicalJson(metadata),
    // As when a payload was no more than this: what was stored then is unchanged.
    sha256(...payload),
    contentType,
    status,
    cut,
    // Nothing where there is none: so were documents hashed before they could own one.
    ...(blob ? [blob.hash, String(blob.size), blob.contentType] : []),
  )
}

function payloadParts({ source, leaves }: Pick<Content, 'source' | 'leaves'>): string[] {
  return [source ?? '', source === null ? '0' : '1', canonicalJson(leaves)]
}

/** Whether a document was prepared already. */
export function isPrepared(value: unknown): value is PreparedDocument {
  return typeof value === 'object' && value !== null && PreparedDocument.is(value)
}

async function identify(
  scope: Scope,
  document: CheckedDocument,
  drafts: readonly ChunkDraft[],
): Promise<PreparedChunk[]> {
  const seen = new Map<string, number>()
  const turns = new ReadingTurns()
  const chunks: PreparedChunk[] = []
  for (const [ordinal, draft] of drafts.entries()) {
    const { text, start, end, metadata = {}, heading = '', tableHeader = '' } = draft
    const hash = sha256(text, canonicalJson(metadata))
    const occurrence = seen.get(hash) ?? 0
    seen.set(hash, occurrence + 1)
    const id = uuidV5(scope.tenant, scope.collection, document.id, hash, String(occurrence))
    const inputHash = inputHashOf(document.title, { heading, tableHeader, text })
    chunks.push({ id, ordinal, start, end, text, heading, tableHeader, metadata, inputHash })
    const turn = turns.after(text.length)
    if (turn) await turn
  }
  return chunks
}
