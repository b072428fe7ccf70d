import type { CallOptions } from '../core/abort'
import { withinDeadline } from '../core/deadline'
import type { Scope } from '../core/ids'
import type { JsonObject } from '../core/json'
import { checkPageSize, decodeListCursor, encodeListCursor } from '../core/list-cursor'
import { anything, checkOptions, type OptionKinds } from '../core/option-kinds'
import { filterLimitsOf, parseFilter } from '../filter/parse'
import type { Filter } from '../filter/typed'
import { checkId, type DocumentInput, type DocumentPatch } from '../writer/write/document-input'
import type { PreparedDocument } from '../writer/write/prepared-document'
import type { BatchResult, DocumentReceipt } from '../writer/write/receipt'
import type { BatchWriteOptions, DocumentWriteOptions } from '../writer/write/write-options'
import { type StoredChunk, type StoredDocument, storedDocument } from './document'
import { checkList, type ReadOptions, readAfter, readKinds, type TenantContext } from './tenant-context'

/** What to list: every document without a filter. */
export interface ListQuery<M = JsonObject> {
  filter?: Filter<M> | undefined
  /** 1 to 1,000; 100 by default. */
  limit?: number | undefined
  /** From the page before, with the same filter; HW_INVALID_CURSOR with another. */
  cursor?: string | undefined
}

/** A page of documents. */
export interface ListPage<M = JsonObject> {
  /** Ascending by the bytes of the id. */
  readonly items: readonly StoredDocument<M>[]
  /** Absent on the last page. */
  readonly cursor?: string | undefined
}

/** Of the longest id. */
const maxIdBytes = 512

const listKinds = { filter: anything, limit: anything, cursor: anything } satisfies OptionKinds<ListQuery>

/** The documents of one tenant in one collection. */
export class Documents<M = JsonObject> {
  readonly #context: TenantContext
  readonly #scope: Scope

  /** @internal */
  constructor(context: TenantContext, scope: Scope) {
    this.#context = context
    this.#scope = scope
  }

  /**
   * Stores a document, or changes it to this. Unchanged content writes nothing. HW_INVALID_DOCUMENT,
   * HW_INVALID_METADATA, HW_VERSION_CONFLICT, HW_IDEMPOTENCY_CONFLICT; HW_COMMIT_UNKNOWN when the answer to COMMIT was
   * lost and the database cannot be asked.
   */
  put(document: DocumentInput<M> | PreparedDocument, options?: DocumentWriteOptions): Promise<DocumentReceipt> {
    return this.#context.enter(() => this.#context.writer.put(this.#scope, document, options))
  }

  /**
   * Stores a stream of documents in bounded memory, a transaction a batch (500 documents or 16 MiB); those that are
   * refused are counted, the first 100 reported in `failed`, and the others stored. A failure of the store rejects, with counts in `details`.
   */
  putMany(
    documents: Iterable<DocumentInput<M> | PreparedDocument> | AsyncIterable<DocumentInput<M> | PreparedDocument>,
    options?: BatchWriteOptions,
  ): Promise<BatchResult> {
    return this.#context.enter(() => this.#context.writer.putMany(this.#scope, documents, options))
  }

  /** Splits and embeds outside any transaction, for `put` and for `using(trx)` later. */
  prepare(document: DocumentInput<M>, options?: CallOptions): Promise<PreparedDocument> {
    return this.#context.enter(() => this.#context.writer.prepare(this.#scope, document, options))
  }

  /** Changes what the patch names; metadata is merged, null removes a key. HW_NOT_FOUND when there is none. */
  patch(id: string, patch: DocumentPatch<M>, options?: DocumentWriteOptions): Promise<DocumentReceipt> {
    return this.#context.enter(() => this.#context.writer.patch(this.#scope, id, patch, options))
  }

  /** Deletes a document; no error when there is none (`unchanged` in the receipt). */
  delete(id: string, options?: DocumentWriteOptions): Promise<DocumentReceipt> {
    return this.#context.enter(() => this.#context.writer.delete(this.#scope, id, options))
  }

  /** Deletes these documents, in batches; those that are not there count as unchanged. */
  deleteMany(ids: Iterable<string> | AsyncIterable<string>, options?: BatchWriteOptions): Promise<BatchResult> {
    return this.#context.enter(() => this.#context.writer.deleteMany(this.#scope, ids, options))
  }

  /**
   * Deletes every document that matches, in batches. An empty filter matches all. HW_INVALID_FILTER, also for a
   * condition that is undefined.
   */
  deleteWhere(filter: Filter<M>, options?: BatchWriteOptions): Promise<BatchResult> {
    return this.#context.enter(() => this.#context.writer.deleteWhere(this.#scope, filter, options))
  }

  /** The document, or null. */
  get(id: string, options?: ReadOptions): Promise<StoredDocument<M> | null> {
    return this.#read(options, async (call) => {
      const row = await this.#session().documents.get(this.#scope, checkId(id), call)
      return row && storedDocument<M>(row)
    })
  }

  /** In the order of the ids; null where there is none. */
  getMany(ids: readonly string[], options?: ReadOptions): Promise<(StoredDocument<M> | null)[]> {
    return this.#read(options, async (call) => {
      const wanted = checkList(ids, 'ids', this.#context.limits, checkId)
      const rows = await this.#session().documents.getMany(this.#scope, [...new Set(wanted)], call)
      const found = new Map(rows.map((row) => [row.id, storedDocument<M>(row)]))
      return wanted.map((id) => found.get(id) ?? null)
    })
  }

  /** The chunks of a document in order; none when there is no document. */
  chunks(id: string, options?: ReadOptions): Promise<StoredChunk[]> {
    return this.#read(options, async (call) => {
      const checked = checkId(id)
      const rows = await this.#session().chunks.ofDocument(this.#scope, checked, await this.#chunking(), call)
      return rows.map(({ id: chunk, ordinal, start, end, text, heading, tableHeader, metadata }) => ({
        id: chunk,
        ordinal,
        start,
        end,
        text,
        heading,
        tableHeader,
        metadata,
      }))
    })
  }

  /** Documents in the order of their ids. HW_INVALID_FILTER, HW_INVALID_CURSOR, HW_LIMIT_EXCEEDED. */
  list(given: ListQuery<M> = {}, options?: ReadOptions): Promise<ListPage<M>> {
    return this.#read(options, async (call) => {
      const query = checkOptions(given, listKinds, '', 'HW_INVALID_ARGUMENT')
      const limit = checkPageSize(query.limit, this.#context.limits.pageSize)
      const filter = this.#filter(query.filter)
      const request = JSON.stringify([this.#scope.tenant, this.#scope.collection, filter ?? null])
      const after =
        query.cursor === undefined
          ? undefined
          : decodeListCursor(request, query.cursor, maxIdBytes, (id) => checkId(id))
      const rows = await this.#session().documents.list(this.#scope, { filter, after, limit: limit + 1 }, call)
      const items = rows.slice(0, limit).map((row) => storedDocument<M>(row))
      const more = rows.length > limit
      return { items, ...(more && { cursor: encodeListCursor(request, items.at(-1)!.id) }) }
    })
  }

  /** How many documents match; all of them without a filter. HW_INVALID_FILTER. */
  count(filter?: Filter<M>, options?: ReadOptions): Promise<number> {
    return this.#read(options, async (call) => this.#session().documents.count(this.#scope, this.#filter(filter), call))
  }

  /** How many chunks the documents of the collection have together. */
  countChunks(options?: ReadOptions): Promise<number> {
    return this.#read(options, async () => this.#session().chunks.count(this.#scope, await this.#chunking()))
  }

  /** What searches are answered from is cut by: another process may have changed it. */
  async #chunking(): Promise<string> {
    const { collection } = this.#scope
    const [live] = await this.#session().generations.list({ collection, states: ['live'] })
    return live?.chunking ?? this.#context.writer.plan(collection).splitter.id
  }

  #filter(filter: Filter<M> | undefined): ReturnType<typeof parseFilter> | undefined {
    if (filter === undefined) return undefined
    const { writer, limits } = this.#context
    return parseFilter(filter, writer.plan(this.#scope.collection).metadata, {
      ...filterLimitsOf(limits),
      of: 'documents',
    })
  }

  #session() {
    return this.#context.truth.session({ tenant: this.#scope.tenant })
  }

  #read<T>(given: ReadOptions | undefined, work: (call: CallOptions) => Promise<T>): Promise<T> {
    return this.#context.enter(() => {
      if (given === undefined) return work({})
      const options = checkOptions(given, readKinds, '', 'HW_INVALID_ARGUMENT')
      return withinDeadline(this.#context.clock, options, undefined, async (deadline) => {
        await readAfter(this.#context, this.#scope.tenant, options.after, deadline.options())
        return work(deadline.options())
      })
    })
  }
}
