import type { Scope } from '../core/ids'
import type { JsonObject } from '../core/json'
import type { Filter } from '../filter/typed'
import type { SearchOptions, SearchPage, SearchQuery } from '../search/query'
import type { Receipt } from '../writer/receipt'
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
    query: SearchQuery<Filter<M>>,
    options: SearchOptions & { after?: Receipt | undefined } = {},
  ): Promise<SearchPage<M>> {
    const { writer, searcher } = this.#context
    return this.#context.enter(async () => {
      if (options.after) await writer.waitFor(this.#scope.tenant, options.after, options)
      const { metadata } = writer.plan(this.#scope.collection)
      const fresh = options.after !== undefined
      return (await searcher.search(this.#scope, metadata, query, { ...options, fresh })) as SearchPage<M>
    })
  }
}
