import { HeadwaterError } from '../core/errors'
import type { CollectionName, TenantId } from '../core/ids'
import type { DocumentRow } from '../repositories/documents'
import type { TruthSession } from '../repositories/truth'
import { resolveBlobInside } from './document-blobs'
import { checkId, type DocumentInput, type DocumentPatch } from './document-input'
import { ownChunksOf, patched } from './patch'
import type { CollectionPlan, WriterOptions, WriterPorts } from './ports'
import { prepareDocument } from './prepare-document'
import { PreparedDocument } from './prepared-document'
import { type DocumentReceipt, epochOf, type Receipt } from './receipt'
import { buryDocuments, type DocumentOutcome, type WriteContext, writeDocuments } from './write-documents'

/**
 * Writes and reads inside one transaction of the truth. Nothing is embedded here and nothing projected: jobs are left
 * for the relay. A handle whose transaction has ended refuses every call.
 */
export class WriterTransaction {
  readonly #ports: WriterPorts
  readonly #options: WriterOptions
  readonly #tenant: TenantId
  readonly #session: TruthSession
  readonly #marker: string | undefined
  readonly #collections = new Set<CollectionName>()
  readonly #ids = new Set<string>()
  #fence = 0
  #begun: Promise<unknown> | undefined
  #ended = false

  /** With `marker`, the transaction is the caller's own and is told to have committed by that key. */
  constructor(ports: WriterPorts, options: WriterOptions, tenant: TenantId, session: TruthSession, marker?: string) {
    this.#ports = ports
    this.#options = options
    this.#tenant = tenant
    this.#session = session
    this.#marker = marker
  }

  get(plan: CollectionPlan, id: string): Promise<DocumentRow | null> {
    this.#check()
    return this.#session.documents.get(this.#scope(plan), id)
  }

  getMany(plan: CollectionPlan, ids: readonly string[]): Promise<DocumentRow[]> {
    this.#check()
    return this.#session.documents.getMany(this.#scope(plan), ids)
  }

  async put(
    plan: CollectionPlan,
    input: DocumentInput<unknown> | PreparedDocument,
    options: { ifVersion?: number | undefined } = {},
  ): Promise<DocumentReceipt> {
    this.#check()
    const given = input instanceof PreparedDocument ? null : input?.blob
    const blob = given ? await resolveBlobInside(this.#ports.blobs, this.#tenant, given) : null
    return this.#put(plan, prepareDocument(this.#options, this.#tenant, plan, input, blob), options.ifVersion)
  }

  async #put(
    plan: CollectionPlan,
    prepared: PreparedDocument,
    ifVersion: number | undefined,
  ): Promise<DocumentReceipt> {
    await this.#begin()
    const { outcomes } = await writeDocuments(this.#context(plan, ifVersion), [prepared])
    return this.#receiptOf(plan, outcomes[0]!)
  }

  async patch(
    plan: CollectionPlan,
    id: string,
    patch: DocumentPatch<unknown>,
    options: { ifVersion?: number | undefined } = {},
  ): Promise<DocumentReceipt> {
    checkId(id)
    await this.#begin()
    const scope = this.#scope(plan)
    await this.#session.documents.lock(scope, [id], { create: false })
    const row = await this.#session.documents.get(scope, id)
    if (!row) throw notFound(id)
    const chunks = await this.#session.chunks.ofDocument(scope, id, plan.splitter.id)
    const input = patched(row, patch, ownChunksOf(scope, row, chunks, plan))
    const { blobs } = this.#ports
    const blob = patch.blob ? await resolveBlobInside(blobs, this.#tenant, patch.blob) : patch.blob
    const kept = blob === undefined ? row.blob : blob
    return this.#put(plan, prepareDocument(this.#options, this.#tenant, plan, input, kept), options.ifVersion)
  }

  async delete(
    plan: CollectionPlan,
    id: string,
    options: { ifVersion?: number | undefined } = {},
  ): Promise<DocumentReceipt> {
    checkId(id)
    await this.#begin()
    const { outcomes } = await buryDocuments(this.#context(plan, options.ifVersion), [id])
    return this.#receiptOf(plan, outcomes[0]!)
  }

  /** Ends the handle; the receipt of everything it wrote. */
  end(): Receipt {
    this.#ended = true
    const [only] = this.#collections
    return {
      tenant: this.#tenant,
      ...(this.#collections.size === 1 && { collection: only }),
      ...this.#common(this.#fence),
      ...(this.#ids.size <= mostIds && { ids: [...this.#ids] }),
    }
  }

  #receiptOf(plan: CollectionPlan, outcome: DocumentOutcome): DocumentReceipt {
    this.#collections.add(plan.name)
    this.#ids.add(outcome.id)
    this.#fence = Math.max(this.#fence, outcome.fence)
    const { id, version, unchanged, fence } = outcome
    return { tenant: this.#tenant, collection: plan.name, ...this.#common(fence), ids: [id], id, version, unchanged }
  }

  #common(fence: number): Pick<Receipt, 'epoch' | 'lsn' | 'fence' | 'targets' | 'commit'> {
    return {
      epoch: epochOf(fence),
      lsn: null,
      fence,
      targets: { vector: 'queued', text: 'queued' },
      ...(this.#marker !== undefined && { commit: this.#marker }),
    }
  }

  #context(plan: CollectionPlan, ifVersion: number | undefined): WriteContext {
    return {
      session: this.#session,
      blobs: this.#ports.blobs,
      call: {},
      scope: this.#scope(plan),
      chunking: plan.splitter.id,
      now: this.#ports.clock.now(),
      ifVersion,
      cached: this.#ports.entries?.wanted ?? false,
    }
  }

  #scope(plan: CollectionPlan): { tenant: TenantId; collection: CollectionName } {
    return { tenant: this.#tenant, collection: plan.name }
  }

  #begin(): Promise<unknown> {
    this.#check()
    if (this.#marker === undefined) return Promise.resolve()
    this.#begun ??= this.#session.commits.begin(this.#tenant, this.#marker, '')
    return this.#begun
  }

  #check(): void {
    if (this.#ended) throw new HeadwaterError('HW_CLOSED', 'This transaction has ended')
  }
}

/** A receipt names its documents up to this many; beyond, it stands for every earlier job of the tenant. */
export const mostIds = 20

export function notFound(id: string): HeadwaterError {
  return new HeadwaterError('HW_NOT_FOUND', `id: no document ${JSON.stringify(id)}`, { path: 'id', details: { id } })
}
