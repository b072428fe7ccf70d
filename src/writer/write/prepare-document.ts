import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { checkGiven, OwnVectors } from '../../embeddings/own-vectors'
import type { DocumentBlob } from '../../repositories/documents'
import type { CollectionPlan, WriterPorts } from '../ports'
import { resolveBlob } from './document-blobs'
import {
  type CheckedDocument,
  checkDocument,
  checkTaken,
  type DocumentInput,
  type DocumentLimits,
  takeDocument,
} from './document-input'
import { isPrepared, PreparedDocument } from './prepared-document'

/** Checks and hashes; a document that is prepared already must be of the same tenant and collection. */
export function prepareDocument(
  limits: DocumentLimits,
  tenant: TenantId,
  plan: CollectionPlan,
  input: DocumentInput<unknown> | PreparedDocument,
  blob: DocumentBlob | null = null,
): PreparedDocument {
  if (isPrepared(input)) {
    if (input.scope.tenant === tenant && input.scope.collection === plan.name) return input
    throw new HeadwaterError('HW_INVALID_ARGUMENT', 'document: it was prepared for another tenant or collection', {
      path: 'document',
    })
  }
  return preparedOf(tenant, plan, input, checkDocument(input, plan.metadata, limits, blob))
}

function preparedOf(
  tenant: TenantId,
  plan: CollectionPlan,
  input: DocumentInput<unknown>,
  document: CheckedDocument,
): PreparedDocument {
  checkVectors(plan, input, document)
  return new PreparedDocument({ tenant, collection: plan.name }, document, plan)
}

/** Vectors that came with it are of the collection's space; where nothing else makes them, each chunk has one. */
function checkVectors(
  { name, embedder }: CollectionPlan,
  input: DocumentInput<unknown>,
  { chunks }: CheckedDocument,
): void {
  const isNeeded = embedder instanceof OwnVectors
  if (isNeeded && !chunks) throw missing('vector', name)
  for (const [at, { vector }] of (chunks ?? []).entries()) {
    const path = input.chunks ? `chunks[${at}].vector` : 'vector'
    if (vector) checkGiven(embedder, vector, path)
    else if (isNeeded) throw missing(path, name)
  }
}

function missing(path: string, collection: string): HeadwaterError {
  const problem = `is missing, and nothing makes vectors for ${collection}: its embedder is { own }`
  return new HeadwaterError('HW_INVALID_DOCUMENT', `${path}: ${problem}`, { path })
}

/** As `prepareDocument`; the blob that comes with the document is looked up or uploaded, once the rest is in order. */
export function prepareWithBlob(
  ports: WriterPorts,
  limits: DocumentLimits,
  tenant: TenantId,
  plan: CollectionPlan,
  given: DocumentInput<unknown> | PreparedDocument,
  call: CallOptions,
): PreparedDocument | Promise<PreparedDocument> {
  if (isPrepared(given)) return prepareDocument(limits, tenant, plan, given)
  const input = takeDocument(given)
  return input.blob
    ? withBlob(ports, limits, tenant, plan, input, call)
    : preparedOf(tenant, plan, input, checkTaken(input, plan.metadata, limits, null))
}

async function withBlob(
  ports: WriterPorts,
  limits: DocumentLimits,
  tenant: TenantId,
  plan: CollectionPlan,
  input: DocumentInput<unknown>,
  call: CallOptions,
): Promise<PreparedDocument> {
  checkVectors(plan, input, checkTaken(input, plan.metadata, limits, null))
  const blob = await resolveBlob(ports.blobs, tenant, input.blob!, call)
  return prepareDocument(limits, tenant, plan, input, blob)
}
