import { type CallOptions, callKinds, throwIfAborted } from '../core/abort'
import { type Deadline, withDeadline } from '../core/deadline'
import { asHeadwaterError, HeadwaterError, isHeadwaterError } from '../core/errors'
import { type CollectionName, collectionName, type Scope, sha256, type TenantId } from '../core/ids'
import { reading } from '../core/known-options'
import { limitDefaults } from '../core/limits'
import { checkOptions } from '../core/option-kinds'
import { filterLimitsOf, parseFilter } from '../filter/parse'
import type { ParsedFilter } from '../filter/parsed'
import { told } from '../observability/told'
import type { ChunkHead } from '../repositories/chunks'
import type { DocumentHead, DocumentRow } from '../repositories/documents'
import { actingTruth, type TruthSession } from '../repositories/truth'
import { ErrandWorker } from './errands/errand-worker'
import { type CollectionPlan, type WriterOptions, type WriterPorts, writerDefaults } from './ports'
import { JobRunner } from './relay/job-runner'
import { Relay } from './relay/relay'
import { BatchWrite } from './write/batch-write'
import { committed, markerKey, once } from './write/committed'
import { resolveBlob } from './write/document-blobs'
import { checkId, type DocumentInput, type DocumentPatch, documentLimits, takePatch } from './write/document-input'
import {
  cutAhead,
  embedAhead,
  headsOf,
  knownOfBatch,
  presetOf,
  type StoredContent,
  unchangedAmong,
} from './write/embed-ahead'
import { GroupedWrites } from './write/grouped-writes'
import { insertDocuments, joined } from './write/insert-documents'
import { KnownDocuments } from './write/known-documents'
import { Nesting } from './write/nesting'
import { ownChunksOf } from './write/own-chunks'
import { patched } from './write/patch'
import { prepareDocument, prepareWithBlob } from './write/prepare-document'
import { isUnchanged, type PreparedDocument } from './write/prepared-document'
import type { BatchResult, DocumentReceipt, Receipt } from './write/receipt'
import { notFound, WriterTransaction } from './write/transaction'
import { waitForReceipt } from './write/wait-for'
import { buryDocuments, storeVectors, type WriteContext, type Written, writeDocuments } from './write/write-documents'
import {
  type BatchWriteOptions,
  batchKinds,
  type DocumentWriteOptions,
  documentKinds,
  type TransactionCallOptions,
  transactionKinds,
  type WriteOptions,
} from './write/write-options'
import { type Alone, WritePath } from './write/write-path'

const patchAttempts = 5
/** Above 'read committed', to be rolled back is how transactions that meet are put in order. */
const strictRetries = 10

const unborn = { deleted: true, contentHash: '', cut: false }

/**
 * Writes documents to the truth and keeps the projections in step. A write succeeds when the truth has committed;
 * its projections follow inline within a small deadline, else by the relay.
 */
export class CoordinatedWriter {
  readonly relay: Relay
  /** What transactions leave to be done after their commit: `errands.on(name, handler)`. */
  readonly errands: ErrandWorker
  /** @internal */
  readonly nesting: Nesting
  readonly #ports: WriterPorts
  readonly #options: WriterOptions
  readonly #runner: JobRunner
  readonly #path: WritePath
  readonly #known: KnownDocuments
  readonly #grouped: GroupedWrites
  /** What documents were cut for by the last write, of each collection. */
  readonly #chunkings: Map<CollectionName, readonly string[]>

  /** With `of`, its relay and what it knows are shared. @internal */
  constructor(ports: WriterPorts, of?: CoordinatedWriter) {
    this.#ports = ports
    this.#options = of ? of.#options : Object.freeze({ ...writerDefaults, ...ports.options })
    this.nesting = of?.nesting ?? new Nesting()
    this.#chunkings = of ? of.#chunkings : new Map()
    this.#runner = of ? of.#runner : new JobRunner(ports, this.#options)
    this.errands = of?.errands ?? new ErrandWorker(ports, this.#options)
    this.relay = of?.relay ?? new Relay(ports, this.#options, this.#runner, this.errands)
    this.#path = new WritePath(ports, this.#options, this.#runner, () => this.relay.nudge())
    this.#known = new KnownDocuments(ports)
    this.#grouped = new GroupedWrites(ports, this.#options, this.#path, (context, documents) =>
      this.#inserted(context, documents),
    )
  }

  /** The same writer, whose changes an audit tells to be this actor's. @internal */
  as(actor: string): CoordinatedWriter {
    return new CoordinatedWriter({ ...this.#ports, truth: actingTruth(this.#ports.truth, actor) }, this)
  }

  /** The collection's plan, or HW_COLLECTION_UNKNOWN. */
  plan(collection: string): CollectionPlan {
    const plan = this.#ports.collections.get(collection)
    if (plan) return plan
    const path = `collections.${collectionName(collection)}`
    throw new HeadwaterError('HW_COLLECTION_UNKNOWN', `${path}: it is not declared`, { path })
  }

  /** Splits and embeds outside any transaction. An embedder's failure is left to the relay. */
  async prepare(scope: Scope, input: DocumentInput<unknown>, given?: CallOptions): Promise<PreparedDocument> {
    this.nesting.check()
    const options = checkOptions(given, callKinds, '', 'HW_INVALID_ARGUMENT')
    return withDeadline(this.#ports.clock, options, undefined, async (deadline) => {
      const prepared = await this.#prepare(scope, input, deadline.options())
      const call = deadline.options()
      await this.#makeReady(scope, this.plan(scope.collection), [prepared], {}, call)
      // It may be written in a transaction of the caller's, or not at all.
      await this.#storeVectors(scope, [prepared], deadline)
      return prepared
    })
  }

  async put(
    scope: Scope,
    input: DocumentInput<unknown> | PreparedDocument,
    given?: DocumentWriteOptions,
  ): Promise<DocumentReceipt> {
    this.nesting.check()
    const options = checkOptions(given, documentKinds, '', 'HW_INVALID_ARGUMENT')
    return withDeadline(this.#ports.clock, options, undefined, async (deadline) => {
      const prepared = await this.#prepare(scope, input, deadline.options())
      const plan = this.plan(scope.collection)
      const chunkings = this.#chunkingsOf(plan)
      const embeds = options.embed !== 'deferred'
      const known = await this.#known.content(scope, plan, chunkings, prepared, embeds, deadline)
      const { id } = prepared.document
      const { head } = known
      const unchanged = head && isUnchanged(head, prepared)
      if (unchanged && options.idempotencyKey === undefined && options.ifVersion === undefined) {
        const outcome = { id, version: head.version, fence: head.fence, unchanged: true }
        return told(
          'headwater:write',
          this.#ports.clock,
          () => this.#path.settled(scope, outcome, deadline),
          (ended) => ({ ...ended, ...scope, by: 'call' as const, written: 0, unchanged: 1, truncated: 0 }),
        )
      }
      if (!unchanged) await this.#makeReady(scope, plan, [prepared], options, deadline.options(), { known })
      const request = sha256('put', scope.collection, id, prepared.contentHash, String(options.ifVersion))
      return this.#keeping(scope, [prepared], deadline, () =>
        this.#path.one(scope, options, deadline, request, presetOf([prepared]), {
          locked: (context) => this.#write(context, [prepared], head === undefined),
          grouped: mayBeGrouped(prepared, head, options)
            ? () =>
                head
                  ? this.#grouped.change(scope, { prepared, head, chunks: known.chunks }, chunkings, deadline)
                  : this.#grouped.insert(scope, prepared, deadline)
            : undefined,
        }),
      )
    })
  }

  async patch(
    scope: Scope,
    id: string,
    asked: DocumentPatch<unknown>,
    given?: DocumentWriteOptions,
  ): Promise<DocumentReceipt> {
    this.nesting.check()
    const options = checkOptions(given, documentKinds, '', 'HW_INVALID_ARGUMENT')
    checkId(id)
    const plan = this.plan(scope.collection)
    const limits = documentLimits(this.#ports, this.#options)
    const patch = takePatch(asked, plan.metadata, limits)
    return withDeadline(this.#ports.clock, options, undefined, async (deadline) => {
      const { blob: source } = patch
      const blob = source ? await resolveBlob(this.#ports.blobs, scope.tenant, source, deadline.options()) : source
      for (let attempt = 1; ; attempt++) {
        throwIfAborted(deadline.signal)
        const chunkings = this.#chunkingsOf(plan)
        const [row, chunks] = await this.#known.row(scope, chunkings, id, deadline)
        const request = sha256(
          'patch',
          scope.collection,
          id,
          requestJson({ ...patch, blob }),
          String(options.ifVersion),
        )
        if (!row) {
          // A repetition under its key is answered even when the document is gone by now.
          const locked = (): Promise<never> => Promise.reject(notFound(id))
          return await this.#path.one(scope, options, deadline, request, undefined, { locked })
        }
        const own = await ownChunksOf(this.#ports, this.#ports.truth.session(scope), scope, row, deadline.options())
        if (own && (await this.#hasMoved(scope, row, deadline))) {
          if (attempt < patchAttempts) continue
          throw new HeadwaterError('HW_CONFLICT', `Others wrote ${JSON.stringify(id)} at each of ${attempt} attempts`)
        }
        const body = patched(row, patch, own)
        const kept = blob === undefined ? row.blob : blob
        const prepared = prepareDocument(limits, scope.tenant, plan, body, kept)
        const head = headOf(row, chunks)
        const unchanged = isUnchanged(head, prepared)
        const known = { chunks, vectors: undefined }
        await this.#makeReady(scope, plan, [prepared], options, deadline.options(), { known })
        const guarded = { ...options, ifVersion: options.ifVersion ?? row.version }
        try {
          return await this.#keeping(scope, [prepared], deadline, () =>
            this.#path.one(scope, guarded, deadline, request, presetOf([prepared]), {
              locked: (context) => writeDocuments({ ...context, ifFence: row.fence }, [prepared]),
              grouped:
                !unchanged && mayBeGrouped(prepared, head, guarded)
                  ? () => this.#grouped.change(scope, { prepared, head, chunks }, chunkings, deadline)
                  : undefined,
            }),
          )
        } catch (error) {
          const conflict = error instanceof HeadwaterError && error.code === 'HW_VERSION_CONFLICT'
          // Somebody else wrote between the read and the lock: merge into what is there now.
          const asked = options.ifVersion !== undefined && error instanceof HeadwaterError && !error.details?.['moved']
          if (!conflict || asked || attempt === patchAttempts) throw error
        }
      }
    })
  }

  async delete(scope: Scope, id: string, given?: DocumentWriteOptions): Promise<DocumentReceipt> {
    this.nesting.check()
    const options = checkOptions(given, documentKinds, '', 'HW_INVALID_ARGUMENT')
    checkId(id)
    this.plan(scope.collection)
    const request = sha256('delete', scope.collection, id, String(options.ifVersion))
    return withDeadline(this.#ports.clock, options, undefined, (deadline) =>
      this.#path.one(scope, options, deadline, request, undefined, {
        locked: (context) => buryDocuments(context, [id]),
        grouped: this.#ports.attached?.length
          ? undefined
          : () => this.#grouped.erase(scope, { id, ifVersion: options.ifVersion }, deadline),
      }),
    )
  }

  /** Streams in bounded memory; the iterator is never waited for inside a transaction. */
  putMany(
    scope: Scope,
    inputs:
      | Iterable<DocumentInput<unknown> | PreparedDocument>
      | AsyncIterable<DocumentInput<unknown> | PreparedDocument>,
    given?: BatchWriteOptions,
  ): Promise<BatchResult> {
    this.nesting.check()
    const options = checkOptions(given, batchKinds, '', 'HW_INVALID_ARGUMENT')
    this.plan(scope.collection)
    return withDeadline(this.#ports.clock, options, undefined, async (deadline) => {
      const write = this.#batch(scope, options)
      const heads = new WeakMap<PreparedDocument, DocumentHead>()
      const result = await write.put(inputs, deadline.signal, {
        prepare: (input) => this.#prepare(scope, input, deadline.options()),
        ready: async (batch) => {
          const plan = this.plan(scope.collection)
          const known = await headsOf(this.#ports, scope, batch, deadline.options())
          for (const [prepared, head] of known) heads.set(prepared, head)
          if (options.embed === 'deferred' && !plan.embedder.countTokens) return
          const changed = batch.filter((prepared) => !isUnchanged(known.get(prepared) ?? unborn, prepared))
          const there = changed.filter((prepared) => known.has(prepared))
          await this.#makeReady(scope, plan, changed, options, deadline.options(), { there })
        },
        commit: async (batch, number) => {
          const unchanged = options.idempotencyKey === undefined && unchangedAmong(batch, heads)
          if (unchanged) return this.#path.unchanged(scope, unchanged)
          const request = sha256('putMany', scope.collection, ...batch.flatMap((p) => [p.document.id, p.contentHash]))
          const absent = batch.every((prepared) => !heads.has(prepared))
          return this.#keeping(scope, batch, deadline, () =>
            this.#path.batch(scope, options, deadline, number, request, {
              locked: (context) => this.#write(context, batch, absent),
              alone: absent ? (context) => this.#insert(context, batch) : undefined,
              resumed: (written) => withMore(batch, written),
            }),
          )
        },
        apply: (written, batch) => this.#path.apply(written, deadline, presetOf(batch)),
      })
      return this.#path.settledBatch(scope, result, deadline)
    })
  }

  deleteMany(
    scope: Scope,
    ids: Iterable<string> | AsyncIterable<string>,
    given?: BatchWriteOptions,
  ): Promise<BatchResult> {
    this.nesting.check()
    const options = checkOptions(given, batchKinds, '', 'HW_INVALID_ARGUMENT')
    this.plan(scope.collection)
    return withDeadline(this.#ports.clock, options, undefined, async (deadline) => {
      const write = this.#batch(scope, options)
      const result = await write.delete(ids, deadline.signal, {
        commit: (batch, number) =>
          this.#path.batch(scope, options, deadline, number, sha256('deleteMany', scope.collection, ...batch), {
            locked: (context) => buryDocuments(context, batch),
          }),
        apply: (written) => this.#path.apply(written, deadline),
      })
      return this.#path.settledBatch(scope, result, deadline)
    })
  }

  /** Deletes what matches; each batch is matched again under its locks, so that a document that left is spared. */
  async deleteWhere(scope: Scope, filter: unknown, given?: BatchWriteOptions): Promise<BatchResult> {
    this.nesting.check()
    const options = checkOptions(given, batchKinds, '', 'HW_INVALID_ARGUMENT')
    const plan = this.plan(scope.collection)
    const parsed = parseFilter(filter, plan.metadata, { ...filterLimitsOf(this.#ports.limits), of: 'documents' })
    reading('filter', 'HW_INVALID_FILTER', () => refuseUndefined(filter))
    return withDeadline(this.#ports.clock, options, undefined, async (deadline) => {
      const { truth } = this.#ports
      const limit = this.#options.batchDocuments
      async function* matching(): AsyncGenerator<string> {
        for (let after: string | undefined; ; ) {
          const rows = await truth
            .session(scope)
            .documents.list(scope, { filter: parsed, after, limit }, deadline.options())
          for (const row of rows) yield row.id
          if (rows.length < limit) return
          after = rows.at(-1)!.id
        }
      }
      const write = this.#batch(scope, options)
      const request = sha256('deleteWhere', scope.collection, requestJson(parsed))
      const result = await write.delete(matching(), deadline.signal, {
        commit: (batch, number) =>
          this.#path.batch(scope, options, deadline, number, request, {
            locked: async (context) => {
              await context.session.documents.lock(scope, batch, { create: false })
              const still = await context.session.documents.list(scope, {
                filter: { kind: 'all', of: [parsed, idFilter(batch)] },
                limit: batch.length,
              })
              return buryDocuments(
                context,
                still.map((row) => row.id),
              )
            },
          }),
        apply: (written) => this.#path.apply(written, deadline),
      })
      return this.#path.settledBatch(scope, result, deadline)
    })
  }

  /**
   * Runs `work` in one transaction; under an idempotency key its value must be JSON-safe. It may run again when the database asks for that, so it should have no effects of
   * its own elsewhere. Using the outer handle inside throws HW_TRANSACTION_NESTED.
   */
  async transaction<T>(
    tenant: TenantId,
    work: (transaction: WriterTransaction) => Promise<T>,
    given?: TransactionCallOptions,
  ): Promise<{ value: T; receipt: Receipt }> {
    this.nesting.check()
    const options = checkOptions(given, transactionKinds, '', 'HW_INVALID_ARGUMENT')
    const { isolation, readOnly, actor } = options
    if (readOnly && options.idempotencyKey !== undefined) {
      const problem = 'idempotencyKey: a transaction that is read only applies nothing, so it takes none'
      throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'idempotencyKey' })
    }
    const strict = isolation !== undefined && isolation !== 'read committed'
    const modes = { isolation, readOnly, retries: options.retries ?? (strict ? strictRetries : undefined) }
    const { clock, truth } = this.#ports
    const ports = actor === undefined ? this.#ports : { ...this.#ports, truth: actingTruth(truth, actor) }
    const startedAt = clock.monotonic()
    const begun: WriterTransaction[] = []
    const result = await withDeadline(clock, options, undefined, (deadline) =>
      committed(ports, tenant, { ...deadline.options(), ...modes }, (session) =>
        once(session, tenant, options.idempotencyKey, 'transaction', async () => {
          const transaction = new WriterTransaction(this.#ports, this.#options, tenant, session)
          begun.push(transaction)
          try {
            const value = await this.nesting.run(() => work(transaction))
            return { value, receipt: transaction.end() }
          } finally {
            transaction.end()
          }
        }),
      ),
    ).catch((error: unknown) => {
      begun.at(-1)?.tell(clock.monotonic() - startedAt, asHeadwaterError(error).code)
      throw error
    })
    begun.at(-1)?.tell(clock.monotonic() - startedAt, null)
    if (result.receipt.fence > 0 || begun.at(-1)?.hasErrands) this.relay.nudge()
    return result
  }

  /** Writes inside the caller's own transaction, whose session this is; its receipts count once he has committed. */
  within(tenant: TenantId, session: TruthSession): WriterTransaction {
    return new WriterTransaction(this.#ports, this.#options, tenant, session, markerKey(this.#ports))
  }

  /** As `TenantHandle.waitFor`, and nudges the relay meanwhile. */
  async waitFor(tenant: TenantId, receipt: Receipt, given?: CallOptions): Promise<void> {
    this.nesting.check()
    const options = checkOptions(given, callKinds, '', 'HW_INVALID_ARGUMENT')
    return waitForReceipt(this.#ports, tenant, receipt, options, this.relay)
  }

  /** `absent`: none of them was there a moment ago. */
  async #write(context: WriteContext, documents: readonly PreparedDocument[], absent: boolean): Promise<Written> {
    const inserted = absent ? await this.#insert(context, documents) : undefined
    if (inserted) return inserted.more ? inserted.more(context) : inserted.written
    const written = await writeDocuments(context, documents)
    this.#learn(context.scope, written)
    return written
  }

  /** Undefined where none of them can be written so. */
  async #insert(context: WriteContext, documents: readonly PreparedDocument[]): Promise<Alone | undefined> {
    const inserted = await this.#inserted(context, documents)
    return inserted && inserted.outcomes.length > 0 ? withMore(documents, inserted) : undefined
  }

  async #inserted(context: WriteContext, documents: readonly PreparedDocument[]): Promise<Written | undefined> {
    const { scope, ifVersion = 0 } = context
    if (ifVersion !== 0) return undefined
    const inserted = await insertDocuments(context, documents, this.#chunkingsOf(this.plan(scope.collection)))
    if (inserted && inserted.outcomes.length > 0) this.#learn(scope, inserted)
    return inserted
  }

  #learn({ collection }: Scope, { states }: Written): void {
    if (states.size > 0) this.#chunkings.set(collection, [...states.keys()])
  }

  #chunkingsOf({ name, splitter }: CollectionPlan): readonly string[] {
    return this.#chunkings.get(name) ?? [splitter.id]
  }

  /** Vectors that were made for a write that then failed are stored all the same: nobody is to pay for them twice. */
  async #keeping<T>(
    scope: Scope,
    documents: readonly PreparedDocument[],
    deadline: Deadline,
    write: () => Promise<T>,
  ): Promise<T> {
    try {
      return await write()
    } catch (error) {
      if (deadline.remaining() > 0) await this.#storeVectors(scope, documents, deadline)
      throw error
    }
  }

  /** Where they cannot be stored they are made once more, when they are needed. */
  async #storeVectors(scope: Scope, documents: readonly PreparedDocument[], deadline: Deadline): Promise<void> {
    try {
      await storeVectors(this.#ports.truth.session(scope), scope.tenant, documents, deadline.options())
    } catch {
      throwIfAborted(deadline.signal)
    }
  }

  /**
   * Cuts, and embeds unless that is the relay's: what a transaction should not wait for. What is stored is asked for
   * where it is not `known`; only those `there` have chunks.
   */
  async #makeReady(
    scope: Scope,
    plan: CollectionPlan,
    documents: readonly PreparedDocument[],
    { embed }: Pick<WriteOptions, 'embed'>,
    call: CallOptions,
    { known, there = documents }: { readonly known?: StoredContent; readonly there?: readonly PreparedDocument[] } = {},
  ): Promise<void> {
    const chunkings = this.#chunkingsOf(plan)
    await cutAhead(this.#ports, plan, chunkings, documents)
    if (embed === 'deferred' || documents.length === 0) return
    const stored = known ?? (await knownOfBatch(this.#ports, scope, plan, chunkings, documents, there, call))
    await embedAhead(this.#ports, scope, plan, chunkings, documents, stored, call)
  }

  /** True when somebody has written since `row` was read: then what was read after it may not belong to it. */
  async #hasMoved(scope: Scope, row: DocumentRow, deadline: Deadline): Promise<boolean> {
    const [head] = await this.#ports.truth.session(scope).documents.heads(scope, [row.id], deadline.options())
    return head?.fence !== row.fence
  }

  #batch(scope: Scope, { onProgress }: BatchWriteOptions): BatchWrite {
    const failures = this.#ports.limits?.failures ?? limitDefaults.failures
    return new BatchWrite(scope, this.#ports.clock, { ...this.#options, failures }, onProgress)
  }

  #prepare(
    scope: Scope,
    input: DocumentInput<unknown> | PreparedDocument,
    call: CallOptions,
  ): PreparedDocument | Promise<PreparedDocument> {
    const limits = documentLimits(this.#ports, this.#options)
    return prepareWithBlob(this.#ports, limits, scope.tenant, this.plan(scope.collection), input, call)
  }
}

/** The writer over ports of your own: how a store of other backends is put together. */
export function createWriter(ports: WriterPorts): CoordinatedWriter {
  return new CoordinatedWriter(ports)
}

/** The request as text, for its hash. */
function requestJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch (cause) {
    if (isHeadwaterError(cause)) throw cause
    throw new HeadwaterError('HW_INVALID_ARGUMENT', 'The request cannot be written as JSON', { cause })
  }
}

/** What was written of these, and how the rest is. */
function withMore(documents: readonly PreparedDocument[], written: Written): Alone {
  const done = new Set(written.outcomes.map(({ id }) => id))
  const rest = documents.filter(({ document }) => !done.has(document.id))
  if (rest.length === 0) return { written }
  return { written, more: async (locked) => joined(documents, written, await writeDocuments(locked, rest)) }
}

/** Whether what was read of a document is enough to write it in one statement. */
function mayBeGrouped(
  { document }: PreparedDocument,
  head: DocumentHead | undefined,
  { ifVersion }: Pick<DocumentWriteOptions, 'ifVersion'>,
): boolean {
  if (document.blob !== null || (head && head.blobKey !== null)) return false
  return ifVersion === undefined || ifVersion === (head && !head.deleted ? head.version : 0)
}

function headOf(row: DocumentRow, chunks: readonly ChunkHead[]): DocumentHead {
  const { id, contentHash, payloadHash, version, fence, payloadFence, createdAt, blob } = row
  const rest = { blobKey: blob?.hash ?? null, deleted: false, cut: chunks.length > 0 }
  return { id, contentHash, payloadHash, version, fence, payloadFence, createdAt, ...rest }
}

function idFilter(ids: readonly string[]): ParsedFilter {
  const values = ids.map((value) => ({ type: 's' as const, value }))
  return { kind: 'some', field: { kind: 'system', name: '$id' }, tests: [{ op: 'in', values }] }
}

/** `{ owner: undefined }` is no condition, at any depth; in a delete that is more likely a slip than a wish. */
function refuseUndefined(filter: unknown, path = 'filter'): void {
  if (filter === undefined) {
    throw new HeadwaterError('HW_INVALID_FILTER', `${path}: undefined would match everything; leave the key out`, {
      path,
    })
  }
  if (Array.isArray(filter)) for (const [at, item] of filter.entries()) refuseUndefined(item, `${path}[${at}]`)
  else if (typeof filter === 'object' && filter !== null) {
    for (const [key, value] of Object.entries(filter)) refuseUndefined(value, `${path}.${key}`)
  }
}
