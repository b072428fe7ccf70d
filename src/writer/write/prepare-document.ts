import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { DocumentBlob } from '../../repositories/documents'
import type { CollectionPlan, WriterPorts } from '../ports'
import { resolveBlob } from './document-blobs'
import { checkDocument, checkTaken, type DocumentInput, type DocumentLimits, takeDocument } from './document-input'
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
  const checked = checkDocument(input, plan.metadata, limits, blob)
  return new PreparedDocument({ tenant, collection: plan.name }, checked, plan)
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
    : new PreparedDocument({ tenant, collection: plan.name }, checkTaken(input, plan.metadata, limits, null), plan)
}

async function withBlob(
  ports: WriterPorts,
  limits: DocumentLimits,
  tenant: TenantId,
  plan: CollectionPlan,
  input: DocumentInput<unknown>,
  call: CallOptions,
): Promise<PreparedDocument> {
  checkTaken(input, plan.metadata, limits, null)
  const blob = await resolveBlob(ports.blobs, tenant, input.blob!, call)
  return prepareDocument(limits, tenant, plan, input, blob)
}
