import type { CallerTransaction } from '../connections/postgres/caller'
import type { CallOptions } from '../core/abort'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { collectionName, type TenantId } from '../core/ids'
import type { JsonObject } from '../core/json'
import { reading } from '../core/known-options'
import { type EntityAccess, ownStatements } from '../entities/access'
import { type EntityDeclarations, type NoEntities, repositoriesOf, type TenantEntities } from '../entities/entity-map'
import type { CollectionMetadata } from '../filter/metadata-input'
import type { Filter } from '../filter/typed'
import type { SearchOptions, SearchPage, SearchQuery } from '../search/query'
import type { SimilarQuery, SimilarTo } from '../search/similar'
import type { BatchResult, Receipt } from '../writer/write/receipt'
import type { WriterTransaction } from '../writer/write/transaction'
import type { TransactionCallOptions } from '../writer/write/write-options'
import { TenantAudit } from './audit-handle'
import { TenantBlobs } from './blobs-handle'
import { TenantCache } from './cache-handle'
import { CollectionHandle } from './collection-handle'
import type { Documents } from './documents'
import { TenantLimits } from './limits-handle'
import { type Adopt, acting, type TenantContext } from './tenant-context'
import { TransactionHandle } from './transaction-handle'

/** Metadata of the default collection. */
export type DefaultMetadata<C extends object> = CollectionMetadata<C, 'documents'>

/** One tenant's view of a store: the only way to data. Cheap to make, holds no connection. */
export class TenantHandle<C extends object = { documents: JsonObject }, X extends EntityDeclarations = NoEntities> {
  readonly tenant: TenantId
  /** Documents of the default collection. */
  readonly documents: Documents<DefaultMetadata<C>>
  /** A cache of the tenant's own; it may forget at any time. */
  readonly cache: TenantCache
  /** Bytes by their hash; HW_INVALID_OPTIONS where no place for them is configured. */
  readonly blobs: TenantBlobs
  /** How much a caller may do in a time; needs Redis or the entity `rate_limits`. */
  readonly limits: TenantLimits
  /** What was done to rows and documents that are declared with `audit`. */
  readonly audit: TenantAudit
  /** Rows of the declared entities, by their names; those with `tenant: false` are the store's. */
  readonly entities: TenantEntities<X>
  readonly #context: TenantContext
  readonly #default: CollectionHandle<DefaultMetadata<C>>

  readonly #actor: string | undefined

  /** @internal */
  constructor(shared: TenantContext, tenant: TenantId, actor?: string) {
    const context = actor === undefined ? shared : acting(shared, actor)
    this.tenant = tenant
    this.#context = context
    this.#actor = actor
    this.#default = new CollectionHandle(context, { tenant, collection: collectionName('documents') })
    this.documents = this.#default.documents
    this.cache = new TenantCache(context, tenant)
    this.blobs = new TenantBlobs(context, tenant)
    this.limits = new TenantLimits(context, tenant)
    this.audit = new TenantAudit(context, tenant)
    this.entities = this.#entities(ownStatements(context, tenant))
  }

  /** A declared collection, or HW_COLLECTION_UNKNOWN. */
  collection<K extends keyof C & string>(name: K): CollectionHandle<CollectionMetadata<C, K>> {
    const { name: collection } = this.#context.writer.plan(collectionName(name))
    return new CollectionHandle(this.#context, { tenant: this.tenant, collection })
  }

  /** Searches the default collection. */
  search(
    query: SearchQuery<Filter<DefaultMetadata<C>>, DefaultMetadata<C>>,
    options?: SearchOptions & { after?: Receipt | undefined },
  ): Promise<SearchPage<DefaultMetadata<C>>> {
    return this.#default.search(query, options)
  }

  /** Several searches of the default collection in one call. */
  searchMany(
    queries: readonly SearchQuery<Filter<DefaultMetadata<C>>, DefaultMetadata<C>>[],
    options?: SearchOptions & { after?: Receipt | undefined },
  ): Promise<SearchPage<DefaultMetadata<C>>[]> {
    return this.#default.searchMany(queries, options)
  }

  /** What is nearest to a document or a chunk of the default collection. */
  similar(
    target: SimilarTo,
    query?: SimilarQuery<Filter<DefaultMetadata<C>>, DefaultMetadata<C>>,
    options?: SearchOptions & { after?: Receipt | undefined },
  ): Promise<SearchPage<DefaultMetadata<C>>> {
    return this.#default.similar(target, query, options)
  }

  /** Resolves when every target has what the receipt (or the result of a batch) stands for. 30 s by default. */
  waitFor(
    receipt: Receipt | (Partial<BatchResult> & Pick<BatchResult, 'receipt'>),
    options?: CallOptions,
  ): Promise<void> {
    return this.#context.enter(async () => {
      const single = reading('receipt', 'HW_INVALID_ARGUMENT', () =>
        typeof receipt === 'object' && receipt !== null && 'receipt' in receipt ? receipt.receipt : receipt,
      )
      await this.#context.writer.waitFor(this.tenant, single, options)
    })
  }

  /**
   * One transaction of the truth. The callback may run again when the database asks for it; the outer handle inside it
   * throws HW_TRANSACTION_NESTED.
   */
  transaction<T>(
    work: (transaction: TransactionHandle<C, X>) => Promise<T>,
    options?: TransactionCallOptions,
  ): Promise<{ value: T; receipt: Receipt }> {
    const { writer, limits } = this.#context
    return this.#context.enter(async () => {
      if (typeof work !== 'function') {
        const problem = `work: must be a function of the transaction, got ${describeValue(work)}`
        throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'work' })
      }
      return writer.transaction(
        this.tenant,
        (inner) =>
          work(
            new TransactionHandle<C, X>(
              async () => inner,
              (name) => writer.plan(name),
              limits,
              (access) => this.#entities(access),
            ),
          ),
        options,
      )
    })
  }

  /**
   * Writes inside your own open Postgres transaction: a pg client after BEGIN, a Kysely or drizzle transaction, or
   * anything with `query(text, values)` that sends to one connection. What is no open transaction, a pool for one, is
   * HW_INVALID_ARGUMENT before anything is written. Its receipts count once you have committed; `waitFor` rejects if you
   * rolled back.
   */
  using(transaction: CallerTransaction): TransactionHandle<C, X> {
    const { writer, limits, adopt } = this.#context
    if (!adopt) {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', 'using(transaction): this store has no Postgres to share')
    }
    let adopted: ReturnType<Adopt> | undefined
    let begun: WriterTransaction | undefined
    const begin = async (): Promise<WriterTransaction> => {
      adopted ??= reading('transaction', 'HW_INVALID_ARGUMENT', () => adopt(transaction, this.tenant, this.#actor))
      await adopted.assertOpen()
      begun ??= writer.within(this.tenant, adopted.session)
      return begun
    }
    return new TransactionHandle<C, X>(
      begin,
      (name) => writer.plan(name),
      limits,
      (access) => this.#entities(access),
    )
  }

  #entities(access: EntityAccess): TenantEntities<X> {
    return repositoriesOf(this.#context.entities, { tenant: this.tenant, shared: false }, this.#context, access)
  }
}
