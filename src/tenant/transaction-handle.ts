import { type CallOptions, callKinds } from '../core/abort'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import type { Json, JsonObject } from '../core/json'
import type { Limits } from '../core/limits'
import { checkOptions } from '../core/option-kinds'
import { type EntityAccess, withinTransaction } from '../entities/access'
import type { EntityDeclarations, NoEntities, TenantEntities } from '../entities/entity-map'
import type { CollectionMetadata } from '../filter/metadata-input'
import type { SqlResult } from '../repositories/truth'
import type { CollectionPlan } from '../writer/ports'
import { checkId, type DocumentInput, type DocumentPatch } from '../writer/write/document-input'
import type { PreparedDocument } from '../writer/write/prepared-document'
import type { DocumentReceipt } from '../writer/write/receipt'
import type { WriterTransaction } from '../writer/write/transaction'
import type { VersionOptions } from '../writer/write/write-options'
import { type StoredDocument, storedDocument } from './document'
import { checkStatement, checkValues } from './own-statement'
import { checkList } from './tenant-context'

type Begin = () => Promise<WriterTransaction>

/** Repositories of the declared entities over a session. */
export type EntitiesWithin = (access: EntityAccess) => object

/** Documents inside a transaction: reads see what it wrote; projections follow after the commit. */
export class TransactionDocuments<M = JsonObject> {
  readonly #begin: Begin
  readonly #plan: CollectionPlan
  readonly #limits: Limits

  /** @internal */
  constructor(begin: Begin, plan: CollectionPlan, limits: Limits) {
    this.#begin = begin
    this.#plan = plan
    this.#limits = limits
  }

  /** HW_INVALID_DOCUMENT, HW_INVALID_METADATA, HW_VERSION_CONFLICT. Not embedded here, unless it was prepared. */
  async put(document: DocumentInput<M> | PreparedDocument, options?: VersionOptions): Promise<DocumentReceipt> {
    return (await this.#begin()).put(this.#plan, document, options)
  }

  /** Changes what the patch names; HW_NOT_FOUND when there is none. */
  async patch(id: string, patch: DocumentPatch<M>, options?: VersionOptions): Promise<DocumentReceipt> {
    return (await this.#begin()).patch(this.#plan, id, patch, options)
  }

  /** Deletes a document; no error when there is none. */
  async delete(id: string, options?: VersionOptions): Promise<DocumentReceipt> {
    return (await this.#begin()).delete(this.#plan, id, options)
  }

  /** The document as this transaction sees it, or null. */
  async get(id: string): Promise<StoredDocument<M> | null> {
    checkId(id)
    const row = await (await this.#begin()).get(this.#plan, id)
    return row && storedDocument<M>(row)
  }

  /** In the order of the ids; null where there is none. */
  async getMany(ids: readonly string[]): Promise<(StoredDocument<M> | null)[]> {
    // Before anything is sent: what Postgres refuses ends the transaction.
    const wanted = checkList(ids, 'ids', this.#limits, checkId)
    const rows = await (await this.#begin()).getMany(this.#plan, [...new Set(wanted)])
    const found = new Map(rows.map((row) => [row.id, storedDocument<M>(row)]))
    return wanted.map((id) => found.get(id) ?? null)
  }
}

/** What a transaction's callback receives, and what `using(trx)` gives. */
export class TransactionHandle<C extends object, X extends EntityDeclarations = NoEntities> {
  /** Documents of the default collection. */
  readonly documents: TransactionDocuments<CollectionMetadata<C, 'documents'>>
  /** Rows of the declared entities, by their names. */
  readonly entities: TenantEntities<X>
  readonly #begin: Begin
  readonly #planOf: (collection: string) => CollectionPlan
  readonly #limits: Limits
  readonly #within: EntitiesWithin

  /** @internal */
  constructor(begin: Begin, planOf: (collection: string) => CollectionPlan, limits: Limits, entities: EntitiesWithin) {
    this.#begin = begin
    this.#planOf = planOf
    this.#limits = limits
    this.#within = entities
    this.documents = new TransactionDocuments(begin, planOf('documents'), limits)
    this.entities = entities(withinTransaction(begin, planOf)) as TenantEntities<X>
  }

  /**
   * Leaves something to be done once this transaction has committed, and never if it does not: `store.on(name, handler)`
   * does it, here or in another process, at least once. Payload: JSON of at most `limits.payloadBytes` (64 KiB). The id
   * is the same at every attempt. HW_INVALID_ARGUMENT, HW_LIMIT_EXCEEDED.
   */
  async afterCommit(name: string, payload: Json): Promise<{ readonly id: string }> {
    return (await this.#begin()).afterCommit(name, payload)
  }

  /**
   * Undoes what `work` wrote by the handle that it is given when it rejects, errands too, and nothing else; the rejection
   * reaches you, and the transaction may go on. One at a time of a handle (HW_TRANSACTION_NESTED).
   */
  async savepoint<T>(work: (transaction: TransactionHandle<C, X>) => Promise<T>): Promise<T> {
    if (typeof work !== 'function') {
      const problem = `work: must be a function of the transaction, got ${describeValue(work)}`
      throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'work' })
    }
    const outer = await this.#begin()
    return outer.savepoint((inner) => {
      const begin = async (): Promise<WriterTransaction> => {
        await this.#begin()
        return inner
      }
      return work(new TransactionHandle<C, X>(begin, this.#planOf, this.#limits, this.#within))
    })
  }

  /**
   * One statement of your own that reads or changes rows, in this transaction and under its tenant: row level security
   * holds for it, as far as it does for the store. Names are written with their schema (`headwater.e_courses`); values are
   * parameters, `$1`. HW_INVALID_ARGUMENT for what would change transaction, role or session, and in memory, where there
   * is no SQL. What the server refuses ends the transaction.
   *
   * ```ts
   * const { rows } = await tx.query<{ title: string }>('SELECT title FROM headwater.e_courses WHERE credits > $1', [3])
   * ```
   */
  async query<R extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options?: CallOptions,
  ): Promise<SqlResult<R>> {
    const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
    const statement = checkStatement(text)
    const parameters = checkValues(values, this.#limits)
    const session = (await this.#begin()).session()
    if (session.sql) return session.sql<R>(statement, parameters, call)
    throw new HeadwaterError('HW_INVALID_ARGUMENT', 'query: this store is in memory, where there is no SQL')
  }

  /** A declared collection, or HW_COLLECTION_UNKNOWN. */
  collection<K extends keyof C & string>(
    name: K,
  ): { readonly documents: TransactionDocuments<CollectionMetadata<C, K>> } {
    return { documents: new TransactionDocuments(this.#begin, this.#planOf(name), this.#limits) }
  }
}
