import { HeadwaterError } from '../../core/errors'
import type { JsonObject } from '../../core/json'
import type { MetadataDeclaration } from '../../filter/metadata'
import { normalizeMetadata } from '../../filter/metadata'
import type { Leaves } from '../../filter/parsed'
import type { DocumentBlob } from '../../repositories/documents'
import type { DocumentBlobInput } from './document-blobs'

/** A piece that the caller has cut himself. */
export interface ChunkInput {
  text: string
  /** Offsets in the document's text, UTF-16 units; looked up when left out. */
  start?: number | undefined
  end?: number | undefined
  /** The chunk's own, part of its identity; searches filter it by `$chunk.<path>`. */
  metadata?: JsonObject | undefined
  /** What it stands under, up to 1 KiB: shown in hits, embedded and found with the chunk. */
  heading?: string | undefined
  /** The header of a table that its rows were cut from, up to 1 KiB; used as the heading is. */
  tableHeader?: string | undefined
}

/** A document to store. */
export interface DocumentInput<M = JsonObject> {
  /** 1 to 512 bytes of printable text, unique in its tenant and collection. */
  id: string
  /** Up to 16 KiB; part of what is embedded and indexed. */
  title?: string | undefined
  /** Up to 10 MiB; must hold more than white space. */
  text: string
  /** Up to 64 KiB of JSON, eight levels deep. */
  metadata?: M | undefined
  /** Where it comes from: a URL, a path. */
  source?: string | undefined
  /** `text/plain` by default; `text/markdown` lets the splitter follow headings. */
  contentType?: string | undefined
  /** Free for the caller; `active` by default. */
  status?: string | undefined
  /** Taken as they are instead of splitting. */
  chunks?: readonly ChunkInput[] | undefined
  /** A blob that the document owns: one of the tenant's that is there, or its bytes. None by default. */
  blob?: DocumentBlobInput | null | undefined
}

/** A change: what is absent stays. Metadata is merged as JSON merge patch (RFC 7396): null removes a key, or the blob. */
export type DocumentPatch<M = JsonObject> = Partial<Omit<DocumentInput<M>, 'id' | 'metadata'>> & {
  metadata?: { [K in keyof M]?: M[K] | null } | undefined
}

/** A checked document: defaults filled in, metadata flattened. */
export interface CheckedDocument {
  readonly id: string
  readonly title: string
  readonly text: string
  readonly metadata: JsonObject
  readonly leaves: Leaves
  readonly source: string | null
  readonly contentType: string
  readonly status: string
  readonly chunks: readonly CheckedChunk[] | null
  readonly blob: DocumentBlob | null
}

export interface CheckedChunk {
  readonly text: string
  readonly start: number
  readonly end: number
  readonly metadata: JsonObject
  /** Absent where there is none: the document's hash covers chunks as they are here. */
  readonly heading?: string | undefined
  readonly tableHeader?: string | undefined
}

export interface DocumentLimits {
  readonly maxTextBytes: number
  readonly maxMetadataBytes: number
}

/** Of a heading, and of a table's header. */
const maxContextBytes = 1_024

const fields = new Set(['id', 'title', 'text', 'metadata', 'source', 'contentType', 'status', 'chunks', 'blob'])

/** Throws HW_INVALID_DOCUMENT or HW_INVALID_METADATA with the path at fault. `blob` is what its own was found to be. */
export function checkDocument(
  input: DocumentInput<unknown>,
  declaration: MetadataDeclaration | undefined,
  limits: DocumentLimits,
  blob: DocumentBlob | null,
): CheckedDocument {
  if (typeof input !== 'object' || input === null) throw invalid('', 'a document must be an object')
  for (const key of Object.keys(input)) {
    if (!fields.has(key)) throw invalid(key, `unknown field; known are ${[...fields].join(', ')}`)
  }
  const text = checkedText(input.text, 'text', limits.maxTextBytes)
  if (text.trim() === '') throw invalid('text', 'must hold more than white space')
  const { metadata, leaves } = normalizeMetadata(input.metadata ?? {}, declaration, {
    maxBytes: limits.maxMetadataBytes,
  })
  return {
    id: checkId(input.id),
    title: input.title === undefined ? '' : checkedText(input.title, 'title', 16_384),
    text,
    metadata,
    leaves,
    source: input.source === undefined ? null : checkedText(input.source, 'source', 8_192),
    contentType: input.contentType === undefined ? 'text/plain' : checkedText(input.contentType, 'contentType', 255),
    status: input.status === undefined ? 'active' : checkedText(input.status, 'status', 64),
    chunks: input.chunks === undefined ? null : checkChunks(input.chunks, text, limits),
    blob,
  }
}

/** The id, or HW_INVALID_DOCUMENT. */
export function checkId(id: unknown, path = 'id'): string {
  const text = checkedText(id, path, 512)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (text === '' || /[\u0000-\u001f\u007f-\u009f]/.test(text)) {
    throw invalid(path, `must be 1 to 512 bytes of printable text, got ${JSON.stringify(text)}`)
  }
  return text
}

function checkChunks(chunks: readonly ChunkInput[], text: string, limits: DocumentLimits): readonly CheckedChunk[] {
  if (!Array.isArray(chunks) || chunks.length === 0) throw invalid('chunks', 'must be a list of at least one chunk')
  let from = 0
  return chunks.map((chunk: ChunkInput, at) => {
    const path = `chunks[${at}]`
    const piece = checkedText(chunk?.text, `${path}.text`, limits.maxTextBytes)
    if (piece.trim() === '') throw invalid(`${path}.text`, 'must hold more than white space')
    const { metadata } = normalizeMetadata(chunk.metadata ?? {}, undefined, { maxBytes: limits.maxMetadataBytes })
    const found = text.indexOf(piece, from)
    const start = chunk.start ?? Math.max(found, 0)
    const end = chunk.end ?? (chunk.start === undefined && found < 0 ? 0 : start + piece.length)
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= text.length)) {
      throw invalid(path, `start ${start} and end ${end} must lie within the text (${text.length})`)
    }
    if (found >= 0) from = found + 1
    const heading = checkedText(chunk.heading ?? '', `${path}.heading`, maxContextBytes)
    const tableHeader = checkedText(chunk.tableHeader ?? '', `${path}.tableHeader`, maxContextBytes)
    return { text: piece, start, end, metadata, ...(heading && { heading }), ...(tableHeader && { tableHeader }) }
  })
}

function checkedText(value: unknown, path: string, maxBytes: number): string {
  if (typeof value !== 'string') throw invalid(path, `must be a string, got ${value === null ? 'null' : typeof value}`)
  if (value.length > maxBytes || (value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes)) {
    throw invalid(path, `must be at most ${maxBytes} bytes, got ${Buffer.byteLength(value)}`)
  }
  if (value.includes('\0')) throw invalid(path, 'must not hold a NUL character')
  if (!value.isWellFormed()) throw invalid(path, 'must not hold a lone surrogate (half of a UTF-16 pair)')
  return value
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_DOCUMENT', path ? `${path}: ${problem}` : problem, { path })
}
