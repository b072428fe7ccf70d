import type { Scope } from '../core/ids'
import type { JsonObject } from '../core/json'
import type { MetadataDeclaration } from '../filter/metadata'
import type { Filter } from '../filter/typed'
import type { SearchOptions, SearchPage, SearchQuery } from '../search/query'
import type { SimilarQuery, SimilarTo } from '../search/similar'
import type { Receipt } from '../writer/write/receipt'
import { Documents } from './documents'
import type { TenantContext } from './tenant-context'

/** One collection of one tenant. */
export class CollectionHandle<M = JsonObject> {
  readonly documents: Documents<M>
  readonly #context: TenantContext
  readonly #scope: Scope

  /** @internal */
  constructor(context: TenantContext, scope: Scope) {
    this.documents = new Documents<M>(context, scope)
    this.#context = context
    this.#scope = scope
  }

  /**
   * Hybrid search over text and vectors; what is shown is read from Postgres. `after` waits for a receipt first, and uses
   * nothing that was cached before.
   * HW_INVALID_ARGUMENT, HW_INVALID_FILTER, HW_INVALID_CURSOR, HW_LIMIT_EXCEEDED; in a single-leg mode also what made
   * that leg fail.
   */
  search(
    query: SearchQuery<Filter<M>, M>,
    options: SearchOptions & { after?: Receipt | undefined } = {},
  ): Promise<SearchPage<M>> {
    return this.#after(options, async (metadata, fresh) => {
      const page = await this.#context.searcher.search(this.#scope, metadata, query as SearchQuery, {
        ...options,
        fresh,
      })
      return page as SearchPage<M>
    })
  }

  /**
   * Several searches in one call, up to 100, answered in their order: queries are embedded in one batch, Qdrant is asked
   * once for all, and hits are read in one statement. Rejects as `search` does, when any of them would.
   */
  searchMany(
    queries: readonly SearchQuery<Filter<M>, M>[],
    options: SearchOptions & { after?: Receipt | undefined } = {},
  ): Promise<SearchPage<M>[]> {
    return this.#after(options, async (metadata, fresh) => {
      const { searcher } = this.#context
      const pages = await searcher.searchMany(this.#scope, metadata, queries as readonly SearchQuery[], {
        ...options,
        fresh,
      })
      return pages as SearchPage<M>[]
    })
  }

  /**
   * What is nearest to a stored document (by the middle of its chunks' vectors) or to `{ chunkId }`, by cosine and without
   * inference; itself is left out. HW_NOT_FOUND where it is not there or has no vector yet; otherwise as `search` in
   * vector mode.
   */
  similar(
    target: SimilarTo,
    query: SimilarQuery<Filter<M>, M> = {},
    options: SearchOptions & { after?: Receipt | undefined } = {},
  ): Promise<SearchPage<M>> {
    return this.#after(options, async (metadata) => {
      const { searcher } = this.#context
      const page = await searcher.similar(this.#scope, metadata, target, query as SimilarQuery, options)
      return page as SearchPage<M>
    })
  }

  #after<T>(
    options: SearchOptions & { after?: Receipt | undefined },
    work: (metadata: MetadataDeclaration | undefined, fresh: boolean) => Promise<T>,
  ): Promise<T> {
    const { writer } = this.#context
    return this.#context.enter(async () => {
      if (options.after) await writer.waitFor(this.#scope.tenant, options.after, options)
      return work(writer.plan(this.#scope.collection).metadata, options.after !== undefined)
    })
  }
}
