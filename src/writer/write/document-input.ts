import { checkText } from '../../core/checked-text'
import { describeValue, shortened } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import { isPlainObject, type JsonObject } from '../../core/json'
import { reading } from '../../core/known-options'
import { limitDefaults } from '../../core/limits'
import { takeVector } from '../../embeddings/vector-codec'
import type { MetadataDeclaration } from '../../filter/metadata'
import { normalizeMetadata } from '../../filter/metadata'
import type { MetadataInput, MetadataPatch } from '../../filter/metadata-input'
import type { Leaves } from '../../filter/parsed'
import type { DocumentBlob } from '../../repositories/documents'
import type { WriterOptions, WriterPorts } from '../ports'
import { ChunkPlaces } from './chunk-places'
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
  /** Its vector in the space of the collection's embedder, instead of one that is made of it. */
  vector?: Float32Array | readonly number[] | undefined
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
  metadata?: M | MetadataInput<M> | undefined
  /** Where it comes from: a URL, a path. */
  source?: string | undefined
  /** `text/plain` by default; `text/markdown` lets the splitter follow headings. */
  contentType?: string | undefined
  /** Free for the caller; `active` by default. */
  status?: string | undefined
  /** Taken as they are instead of splitting. */
  chunks?: readonly ChunkInput[] | undefined
  /** The text's vector, as of a chunk: the whole text is one then. */
  vector?: Float32Array | readonly number[] | undefined
  /** A blob that the document owns: one of the tenant's that is there, or its bytes. None by default. */
  blob?: DocumentBlobInput | null | undefined
}

/** A change: what is absent stays. Metadata is merged as JSON merge patch (RFC 7396): null removes a key, or the blob. */
export type DocumentPatch<M = JsonObject> = Partial<Omit<DocumentInput<M>, 'id' | 'metadata'>> & {
  metadata?: MetadataPatch<M> | undefined
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
  /** Of the caller's own. */
  readonly vector?: Float32Array | undefined
}

export interface DocumentLimits {
  readonly maxTextBytes: number
  readonly maxMetadataBytes: number
  readonly metadataDepth?: number | undefined
  readonly idBytes?: number | undefined
  readonly chunks?: number | undefined
}

/** Of a heading, and of a table's header. */
const maxContextBytes = 1_024
/** Of what a document says of itself. */
const mostBytes = { title: 16_384, source: 8_192, contentType: 255, status: 64 } as const

/** Those of a store: of its writer, and of its calls. */
export function documentLimits(ports: Pick<WriterPorts, 'limits'>, options: WriterOptions): DocumentLimits {
  const { maxTextBytes, maxMetadataBytes } = options
  return { ...limitDefaults, ...ports.limits, maxTextBytes, maxMetadataBytes }
}

type Fields<T> = { readonly [K in keyof T]-?: true }

const fields = {
  id: true,
  title: true,
  text: true,
  metadata: true,
  source: true,
  contentType: true,
  status: true,
  chunks: true,
  vector: true,
  blob: true,
} satisfies Fields<DocumentInput>
const chunkFields = {
  text: true,
  start: true,
  end: true,
  metadata: true,
  heading: true,
  tableHeader: true,
  vector: true,
} satisfies Fields<ChunkInput>

/** Throws HW_INVALID_DOCUMENT or HW_INVALID_METADATA with the path at fault. `blob` is what its own was found to be. */
export function checkDocument(
  given: DocumentInput<unknown>,
  declaration: MetadataDeclaration | undefined,
  limits: DocumentLimits,
  blob: DocumentBlob | null,
): CheckedDocument {
  return checkTaken(takeFields<DocumentInput<unknown>>(given, fields, ''), declaration, limits, blob)
}

/** As `checkDocument`, of what `takeDocument` gave. */
export function checkTaken(
  input: DocumentInput<unknown>,
  declaration: MetadataDeclaration | undefined,
  limits: DocumentLimits,
  blob: DocumentBlob | null,
): CheckedDocument {
  const text = checkedText(input.text, 'text', limits.maxTextBytes)
  if (text.trim() === '') throw invalid('text', 'must hold more than white space')
  const { metadata, leaves } = normalizeMetadata(input.metadata ?? {}, declaration, {
    maxBytes: limits.maxMetadataBytes,
    maxDepth: limits.metadataDepth,
  })
  const { title = '', source, contentType = 'text/plain', status = 'active' } = input
  return {
    id: checkId(input.id, 'id', limits.idBytes),
    title: checkedText(title, 'title', mostBytes.title),
    text,
    metadata,
    leaves,
    source: source === undefined ? null : checkedText(source, 'source', mostBytes.source),
    contentType: checkedText(contentType, 'contentType', mostBytes.contentType),
    status: checkedText(status, 'status', mostBytes.status),
    chunks: checkOwn(input, text, limits),
    blob,
  }
}

/** A document as it is at this moment: known fields, each read once; their values are checked by `checkDocument`. */
export function takeDocument(given: DocumentInput<unknown>): DocumentInput<unknown> {
  return takeFields(given, fields, '')
}

/**
 * A patch as it is at this moment: what it names, each read once, its texts within their bounds, its metadata as plain
 * JSON (null removes). The rest is checked with the document that it makes.
 */
export function takePatch(
  given: DocumentPatch<unknown>,
  declaration: MetadataDeclaration | undefined,
  limits: DocumentLimits,
): DocumentPatch<unknown> {
  if (!reading('patch', 'HW_INVALID_ARGUMENT', () => isPlainObject(given))) {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `patch: must be an object, got ${describeValue(given)}`, {
      path: 'patch',
    })
  }
  const taken = takeFields<DocumentInput<unknown>>(given as DocumentInput<unknown>, fields, '')
  const { id, metadata, chunks, ...others } = taken
  if (id !== undefined) throw invalid('id', 'cannot be patched')
  for (const [name, most] of Object.entries({ text: limits.maxTextBytes, ...mostBytes })) {
    const value = others[name as keyof typeof mostBytes]
    if (value !== undefined) checkedText(value, name, most)
  }
  // Where they stand in the text is checked when that is known.
  const rest = chunks === undefined ? others : { ...others, chunks: boundedChunks(chunks, limits) }
  if (metadata === undefined) return rest
  const bounds = { maxBytes: limits.maxMetadataBytes, maxDepth: limits.metadataDepth }
  const merged = normalizeMetadata(metadata, declaration, bounds).metadata
  return { ...rest, metadata: merged as Record<never, never> }
}

/** The id, or HW_INVALID_DOCUMENT. */
export function checkId(id: unknown, path = 'id', maxBytes = 512): string {
  const text = checkedText(id, path, maxBytes)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (text === '' || /[\u0000-\u001f\u007f-\u009f]/.test(text)) {
    throw invalid(path, `must be 1 to 512 bytes of printable text, got ${describeValue(text)}`)
  }
  return text
}

const mostChunks = 10_000

/** Chunks of the caller's own, or the whole text where it has a vector; null where a splitter is to cut it. */
function checkOwn(
  { chunks, vector }: Pick<DocumentInput, 'chunks' | 'vector'>,
  text: string,
  limits: DocumentLimits,
): readonly CheckedChunk[] | null {
  if (vector === undefined) return chunks === undefined ? null : checkChunks(chunks, text, limits)
  if (chunks !== undefined) throw invalid('vector', 'cannot stand beside chunks, which have vectors of their own')
  const own = takeVector(vector, 'vector', 'HW_INVALID_DOCUMENT')
  return [{ text, start: 0, end: text.length, metadata: {}, vector: own }]
}

function checkChunks(given: readonly ChunkInput[], text: string, limits: DocumentLimits): readonly CheckedChunk[] {
  const places = new ChunkPlaces(text)
  return boundedChunks(given, limits).map((chunk, at) => {
    const path = `chunks[${at}]`
    const { text: piece, metadata } = chunk
    const found = chunk.start === undefined || chunk.end === undefined ? places.find(piece) : -1
    const start = chunk.start ?? Math.max(found, 0)
    const end = chunk.end ?? (chunk.start === undefined && found < 0 ? 0 : start + piece.length)
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= text.length)) {
      const [from, to] = [describeValue(start), describeValue(end)]
      throw invalid(path, `start ${from} and end ${to} must lie within the text (${text.length})`)
    }
    if (found < 0 && chunk.start !== undefined) places.after(start)
    const heading = checkedText(chunk.heading ?? '', `${path}.heading`, maxContextBytes)
    const tableHeader = checkedText(chunk.tableHeader ?? '', `${path}.tableHeader`, maxContextBytes)
    const vector = chunk.vector && takeVector(chunk.vector, `${path}.vector`, 'HW_INVALID_DOCUMENT')
    const context = { ...(heading && { heading }), ...(tableHeader && { tableHeader }) }
    return { text: piece, start, end, metadata, ...context, ...(vector && { vector }) }
  })
}

/** Chunks of the caller's own, with texts and metadata within their bounds. */
function boundedChunks(
  given: readonly ChunkInput[],
  limits: DocumentLimits,
): readonly (ChunkInput & { readonly metadata: JsonObject })[] {
  let length = 0
  return takeChunks(given, limits.chunks ?? mostChunks).map((chunk, at) => {
    const path = `chunks[${at}]`
    const piece = checkedText(chunk.text, `${path}.text`, limits.maxTextBytes)
    if (piece.trim() === '') throw invalid(`${path}.text`, 'must hold more than white space')
    length += piece.length
    if (length > 2 * limits.maxTextBytes) {
      throw invalid(path, `the texts of the chunks must together be at most ${2 * limits.maxTextBytes} characters`)
    }
    const { metadata } = normalizeMetadata(chunk.metadata ?? {}, undefined, {
      maxBytes: limits.maxMetadataBytes,
      maxDepth: limits.metadataDepth,
    })
    return { ...chunk, metadata }
  })
}

function takeChunks(given: readonly ChunkInput[], most: number): readonly ChunkInput[] {
  return reading('chunks', 'HW_INVALID_DOCUMENT', () => {
    const length = Array.isArray(given) ? given.length : 0
    if (length === 0) throw invalid('chunks', 'must be a list of at least one chunk')
    if (length > most) throw invalid('chunks', `at most ${most} (limits.chunks), got ${length}`)
    return Array.from({ length }, (_, at) => takeFields<ChunkInput>(given[at]!, chunkFields, `chunks[${at}]`))
  })
}

function takeFields<T extends object>(given: T, known: Fields<T>, path: string): T {
  return reading(path || 'document', 'HW_INVALID_DOCUMENT', () => {
    if (typeof given !== 'object' || given === null || ArrayBuffer.isView(given)) {
      throw invalid(path, path ? `must be an object, got ${describeValue(given)}` : 'a document must be an object')
    }
    for (const key of Object.keys(given)) {
      if (Object.hasOwn(known, key)) continue
      const at = path ? `${path}.${shortened(key)}` : shortened(key)
      throw invalid(at, `unknown field; known are ${Object.keys(known).join(', ')}`)
    }
    const taken: Record<string, unknown> = {}
    for (const key in known) {
      const value: unknown = Reflect.get(given, key)
      if (value !== undefined) taken[key] = value
    }
    return taken as T
  })
}

function checkedText(value: unknown, path: string, maxBytes: number): string {
  return checkText(value, path, maxBytes, 'HW_INVALID_DOCUMENT')
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_DOCUMENT', path ? `${path}: ${problem}` : problem, { path })
}
