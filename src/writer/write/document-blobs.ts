import type { CallOptions } from '../../core/abort'
import { describeValue } from '../../core/describe-value'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { reading } from '../../core/known-options'
import { contentTypePattern, isBlobSource } from '../../repositories/blob-bytes'
import type { BlobInfo, BlobRepository, BlobSource } from '../../repositories/blobs'
import type { DocumentBlob } from '../../repositories/documents'
import type { TruthSession } from '../../repositories/truth'

/** A blob that is there: what `document.blob` gave, or what `blobs.put` returned. */
export type BlobReferenceInput = Pick<DocumentBlob, 'hash'> | Pick<BlobInfo, 'key'>

/** Bytes to store with the document; `application/octet-stream` unless `contentType` says otherwise. */
export interface BlobDataInput {
  readonly data: BlobSource
  /** Up to 255 bytes. */
  readonly contentType?: string | undefined
}

/** The blob that a document shall own. */
export type DocumentBlobInput = BlobReferenceInput | BlobDataInput

const hashPattern = /^[0-9a-f]{64}$/

/** What the document will refer to: looked up, or uploaded, before any transaction. */
export async function resolveBlob(
  blobs: BlobRepository | undefined,
  tenant: TenantId,
  input: DocumentBlobInput,
  call: CallOptions,
): Promise<DocumentBlob> {
  const blob = checkBlobInput(input)
  const store = configured(blobs)
  if ('data' in blob) return referenceTo(await upload(store, tenant, blob, call))
  const info = await store.head(tenant, blob.hash, call)
  if (info === null) throw noSuchBlob(blob.hash)
  return referenceTo(info)
}

/** As `resolveBlob`, inside a transaction: bytes are refused there, because it would stay open while they are sent. */
export function resolveBlobInside(
  blobs: BlobRepository | undefined,
  tenant: TenantId,
  input: DocumentBlobInput,
): Promise<DocumentBlob> {
  if ('data' in checkBlobInput(input)) {
    throw new HeadwaterError(
      'HW_INVALID_ARGUMENT',
      'blob.data: bytes are not sent inside a transaction; put the blob or prepare the document before it',
      { path: 'blob.data' },
    )
  }
  return resolveBlob(blobs, tenant, input, {})
}

/**
 * Holds blobs that documents of this transaction are about to own, and makes sure that they are still there: from here
 * to the end of the transaction nobody removes them. HW_CONFLICT while one is being removed, HW_NOT_FOUND when one is
 * gone.
 */
export async function holdBlobs(
  session: TruthSession,
  blobs: BlobRepository | undefined,
  tenant: TenantId,
  wanted: readonly DocumentBlob[],
  call: CallOptions,
): Promise<void> {
  if (wanted.length === 0) return
  const byHash = new Map(wanted.map((blob) => [blob.hash, blob]))
  const [condemned] = await session.blobReferences.hold(tenant, [...byHash.keys()])
  if (condemned !== undefined) {
    throw new HeadwaterError(
      'HW_CONFLICT',
      `blob: ${condemned} is being removed, because no document owned it; put its bytes again and repeat the write`,
      { path: 'blob', details: { hash: condemned } },
    )
  }
  const store = configured(blobs)
  for (const { hash, size } of byHash.values()) {
    const info = await store.head(tenant, hash, call)
    if (info?.size !== size) throw noSuchBlob(hash)
  }
}

function checkBlobInput(given: DocumentBlobInput): { readonly hash: string } | BlobDataInput {
  return reading('blob', 'HW_INVALID_DOCUMENT', () => {
    if (typeof given !== 'object' || given === null) {
      throw invalid('blob', `must be an object or null, got ${describeValue(given)}`)
    }
    const { data, contentType, hash, key } = given as Record<string, unknown>
    if (data !== undefined) {
      if (!isBlobSource(data)) throw invalid('blob.data', 'must be bytes, text or a stream of bytes')
      if (contentType === undefined) return { data }
      if (typeof contentType === 'string' && contentTypePattern.test(contentType)) return { data, contentType }
      throw invalid('blob.contentType', 'must be 1 to 255 printable characters of ASCII')
    }
    const named = hash ?? key
    if (typeof named === 'string' && hashPattern.test(named)) return { hash: named }
    const path = hash === undefined ? 'blob.key' : 'blob.hash'
    throw invalid(path, `must be 64 lower-case hex digits, got ${describeValue(named)}`)
  })
}

async function upload(
  blobs: BlobRepository,
  tenant: TenantId,
  { data, contentType }: BlobDataInput,
  call: CallOptions,
): Promise<BlobInfo> {
  try {
    return await blobs.put(tenant, data, { ...call, contentType })
  } catch (cause) {
    const ofTheSource = isHeadwaterError(cause, 'HW_INVALID_ARGUMENT') && cause.path === 'source'
    if (isHeadwaterError(cause) && !ofTheSource) throw cause
    throw new HeadwaterError('HW_INVALID_DOCUMENT', 'blob.data: the source failed', {
      path: 'blob.data',
      cause: ofTheSource ? (cause.cause ?? cause) : cause,
    })
  }
}

function configured(blobs: BlobRepository | undefined): BlobRepository {
  if (blobs) return blobs
  throw new HeadwaterError('HW_INVALID_OPTIONS', 'blobs: no place is configured; give blobs.path or s3 to openStore', {
    path: 'blobs.path',
  })
}

function referenceTo({ key, size, contentType }: BlobInfo): DocumentBlob {
  return { hash: key, size, contentType }
}

function noSuchBlob(hash: string): HeadwaterError {
  return new HeadwaterError('HW_NOT_FOUND', `blob: the tenant has no blob ${hash}; put it first`, {
    path: 'blob',
    details: { hash },
  })
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_DOCUMENT', `${path}: ${problem}`, { path })
}
