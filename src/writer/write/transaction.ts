import { type ErrorCode, HeadwaterError } from '../../core/errors'
import { type CollectionName, type TenantId, uuidV7 } from '../../core/ids'
import { checkOptions } from '../../core/option-kinds'
import { publish } from '../../observability/channels'
import { told } from '../../observability/told'
import type { DocumentRow } from '../../repositories/documents'
import type { TruthSession } from '../../repositories/truth'
import { errandName, errandPayload } from '../errands/errand'
import type { CollectionPlan, WriterOptions, WriterPorts } from '../ports'
import { resolveBlobInside } from './document-blobs'
import {
  checkId,
  type DocumentInput,
  type DocumentLimits,
  type DocumentPatch,
  documentLimits,
  takeDocument,
  takePatch,
} from './document-input'
import { knownSplitter } from './known-splitter'
import { ownChunksOf } from './own-chunks'
import { patched } from './patch'
import { prepareDocument } from './prepare-document'
import { isPrepared, type PreparedDocument } from './prepared-document'
import { type DocumentReceipt, epochOf, type Receipt } from './receipt'
import { buryDocuments, type DocumentOutcome, type WriteContext, writeDocuments } from './write-documents'
import { type VersionOptions, versionKinds } from './write-options'

/**
 * Writes and reads inside one transaction of the truth. Nothing is embedded here and nothing projected: jobs are left
 * for the relay. A handle whose transaction has ended refuses every call.
 */
export class WriterTransaction {
  readonly #ports: WriterPorts
  readonly #given: WriterOptions
  readonly #limits: DocumentLimits
  readonly #tenant: TenantId
  readonly #session: TruthSession
  readonly #marker: string | undefined
  readonly #collections = new Set<CollectionName>()
  readonly #ids = new Set<string>()
  /** What was written to each collection, refused writes included as none. */
  readonly #tallies = new Map<CollectionName, { written: number; unchanged: number; truncated: number }>()
  #fence = 0
  #hasErrands = false
  #inSavepoint = false
  #begun: Promise<unknown> | undefined
  #ended = false

  /** With `marker`, the transaction is the caller's own and is told to have committed by that key. @internal */
  constructor(ports: WriterPorts, options: WriterOptions, tenant: TenantId, session: TruthSession, marker?: string) {
    this.#ports = ports
    this.#given = options
    this.#limits = documentLimits(ports, options)
    this.#tenant = tenant
    this.#session = session
    this.#marker = marker
  }

  /** For what is kept beside documents, in the same transaction. @internal */
  session(): TruthSession {
    this.#check()
    return this.#session
  }

  /** Whether it leaves something to be done after it. @internal */
  get hasErrands(): boolean {
    return this.#hasErrands
  }

  /** Leaves an errand in the transaction: `on(name)` handles it once this has committed. */
  async afterCommit(name: string, payload: unknown): Promise<{ readonly id: string }> {
    this.#check()
    const { clock, random, limits } = this.#ports
    const errand = { name: errandName(name), payload: errandPayload(payload, limits) }
    const id = uuidV7(clock, random)
    await this.#session.errands.add({ ...errand, id, tenant: this.#tenant })
    this.#hasErrands = true
    return { id }
  }

  async get(plan: CollectionPlan, id: string): Promise<DocumentRow | null> {
    this.#check()
    return this.#session.documents.get(this.#scope(plan), checkId(id))
  }

  async getMany(plan: CollectionPlan, ids: readonly string[]): Promise<DocumentRow[]> {
    this.#check()
    return this.#session.documents.getMany(this.#scope(plan), ids)
  }

  async put(
    plan: CollectionPlan,
    input: DocumentInput<unknown> | PreparedDocument,
    options?: VersionOptions,
  ): Promise<DocumentReceipt> {
    this.#check()
    const { ifVersion } = checkOptions(options, versionKinds, '', 'HW_INVALID_ARGUMENT')
    const taken = isPrepared(input) ? input : takeDocument(input)
    return this.#write(plan, async () => {
      const given = isPrepared(taken) ? null : taken.blob
      const blob = given ? await resolveBlobInside(this.#ports.blobs, this.#tenant, given) : null
      return this.#put(plan, prepareDocument(this.#limits, this.#tenant, plan, taken, blob), ifVersion)
    })
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
    asked: DocumentPatch<unknown>,
    options?: VersionOptions,
  ): Promise<DocumentReceipt> {
    const { ifVersion } = checkOptions(options, versionKinds, '', 'HW_INVALID_ARGUMENT')
    checkId(id)
    const patch = takePatch(asked, plan.metadata, this.#limits)
    return this.#write(plan, async () => {
      await this.#begin()
      const scope = this.#scope(plan)
      await this.#session.documents.lock(scope, [id], { create: false })
      const row = await this.#session.documents.get(scope, id)
      if (!row) throw notFound(id)
      const input = patched(row, patch, await ownChunksOf(this.#ports, this.#session, scope, row))
      const { blobs } = this.#ports
      const blob = patch.blob ? await resolveBlobInside(blobs, this.#tenant, patch.blob) : patch.blob
      const kept = blob === undefined ? row.blob : blob
      return this.#put(plan, prepareDocument(this.#limits, this.#tenant, plan, input, kept), ifVersion)
    })
  }

  async delete(plan: CollectionPlan, id: string, options?: VersionOptions): Promise<DocumentReceipt> {
    const { ifVersion } = checkOptions(options, versionKinds, '', 'HW_INVALID_ARGUMENT')
    checkId(id)
    return this.#write(plan, async () => {
      await this.#begin()
      const { outcomes } = await buryDocuments(this.#context(plan, ifVersion), [id])
      return this.#receiptOf(plan, outcomes[0]!)
    })
  }

  /** Keeps documents as they are until the transaction ends; the ids of those that are not there. @internal */
  async hold(plan: CollectionPlan, ids: readonly string[]): Promise<string[]> {
    this.#check()
    const heads = await this.#session.documents.lock(this.#scope(plan), ids, { create: false })
    const live = new Set(heads.filter(({ deleted }) => !deleted).map(({ id }) => id))
    return ids.filter((id) => !live.has(id))
  }

  /**
   * Undoes what `work` wrote by the handle that it is given, and nothing else, when it rejects; then the transaction may go
   * on. One at a time of a handle.
   */
  async savepoint<T>(work: (within: WriterTransaction) => Promise<T>): Promise<T> {
    this.#check()
    if (this.#inSavepoint) {
      const problem = 'savepoint: one of this handle is open; within it, use the handle that its callback received'
      throw new HeadwaterError('HW_TRANSACTION_NESTED', problem)
    }
    this.#inSavepoint = true
    let inner: WriterTransaction | undefined
    try {
      const value = await this.#session.savepoint(async (session) => {
        inner = new WriterTransaction(this.#ports, this.#given, this.#tenant, session, this.#marker)
        inner.#begun = this.#begun
        try {
          return await work(inner)
        } finally {
          inner.end()
        }
      })
      this.#take(inner!)
      return value
    } finally {
      this.#inSavepoint = false
    }
  }

  /** What was written between a savepoint and its end is this one's too. */
  #take(inner: WriterTransaction): void {
    this.#begun ??= inner.#begun
    this.#hasErrands ||= inner.#hasErrands
    this.#fence = Math.max(this.#fence, inner.#fence)
    for (const name of inner.#collections) this.#collections.add(name)
    for (const id of inner.#ids) this.#ids.add(id)
    for (const [name, more] of inner.#tallies) {
      const { written, unchanged, truncated } = this.#tallies.get(name) ?? { written: 0, unchanged: 0, truncated: 0 }
      this.#tallies.set(name, {
        written: written + more.written,
        unchanged: unchanged + more.unchanged,
        truncated: truncated + more.truncated,
      })
    }
  }

  /** Ends the handle; the receipt of everything it wrote. @internal */
  end(): Receipt {
    this.#ended = true
    const [only] = this.#collections
    const truncated = [...this.#tallies.values()].reduce((sum, tally) => sum + tally.truncated, 0)
    return {
      tenant: this.#tenant,
      ...(this.#collections.size === 1 && { collection: only }),
      ...this.#common(this.#fence),
      ...(this.#ids.size <= mostIds && { ids: [...this.#ids] }),
      ...(truncated > 0 && { truncated }),
    }
  }

  /** Tells what a transaction of the writer's own came to; it committed where there is no code. @internal */
  tell(durationMs: number, code: ErrorCode | null): void {
    for (const [collection, tally] of this.#tallies) {
      const done = code === null ? tally : { written: 0, unchanged: 0, truncated: 0 }
      this.#ports.truncated?.add(collection, done.truncated)
      publish('headwater:write', () => ({
        tenant: this.#tenant,
        collection,
        by: 'transaction',
        durationMs,
        code,
        ...done,
      }))
    }
  }

  /** Counts a write, and tells it at once where the transaction is the caller's own, whose end nobody sees here. */
  #write(plan: CollectionPlan, work: () => Promise<DocumentReceipt>): Promise<DocumentReceipt> {
    const tally = this.#tallies.get(plan.name) ?? { written: 0, unchanged: 0, truncated: 0 }
    this.#tallies.set(plan.name, tally)
    const counted = async (): Promise<DocumentReceipt> => {
      const receipt = await work()
      tally[receipt.unchanged ? 'unchanged' : 'written']++
      tally.truncated += receipt.truncated ?? 0
      if (this.#marker !== undefined) this.#ports.truncated?.add(plan.name, receipt.truncated ?? 0)
      return receipt
    }
    if (this.#marker === undefined) return counted()
    return told('headwater:write', this.#ports.clock, counted, (ended, receipt) => ({
      ...ended,
      ...this.#scope(plan),
      by: 'using',
      written: receipt?.unchanged === false ? 1 : 0,
      unchanged: receipt?.unchanged === true ? 1 : 0,
      truncated: receipt?.truncated ?? 0,
    }))
  }

  #receiptOf(plan: CollectionPlan, outcome: DocumentOutcome): DocumentReceipt {
    this.#collections.add(plan.name)
    this.#ids.add(outcome.id)
    this.#fence = Math.max(this.#fence, outcome.fence)
    const { id, version, unchanged, fence, truncated } = outcome
    return {
      tenant: this.#tenant,
      collection: plan.name,
      ...this.#common(fence),
      ids: [id],
      id,
      version,
      unchanged,
      ...(truncated !== undefined && { truncated }),
    }
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
      splitterOf: (chunking) => knownSplitter(this.#ports, plan.name, chunking),
      now: this.#ports.clock.now(),
      ifVersion,
      cached: this.#ports.entries?.wanted ?? false,
      attached: this.#ports.attached,
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
