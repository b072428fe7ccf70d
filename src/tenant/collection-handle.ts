import type { CallOptions } from '../core/abort'
import { withDeadline } from '../core/deadline'
import type { Scope } from '../core/ids'
import type { JsonObject } from '../core/json'
import { anything, checkOptions, type OptionKinds } from '../core/option-kinds'
import type { MetadataDeclaration } from '../filter/metadata'
import type { Filter } from '../filter/typed'
import { legKinds, type SearchOptions, type SearchPage, type SearchQuery } from '../search/query'
import type { SearcherOptions } from '../search/search'
import type { SimilarQuery, SimilarTo } from '../search/similar'
import { checkReceipt, type Receipt } from '../writer/write/receipt'
import { Documents } from './documents'
import type { TenantContext } from './tenant-context'

const searchKinds = { ...legKinds, after: anything } satisfies OptionKinds<
  SearchOptions & { after?: Receipt | undefined }
>

/** Longest wait for a turn of a search that names no time of its own, ms. */
const longestTurnMs = 30_000

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
    options?: SearchOptions & { after?: Receipt | undefined },
  ): Promise<SearchPage<M>> {
    return this.#after(options, async (metadata, call) => {
      const page = await this.#context.searcher.search(this.#scope, metadata, query as unknown as SearchQuery, call)
      return page as unknown as SearchPage<M>
    })
  }

  /**
   * Several searches in one call, up to 100, answered in their order: queries are embedded in one batch, Qdrant is asked
   * once for all, and hits are read in one statement. Rejects as `search` does, when any of them would.
   */
  searchMany(
    queries: readonly SearchQuery<Filter<M>, M>[],
    options?: SearchOptions & { after?: Receipt | undefined },
  ): Promise<SearchPage<M>[]> {
    return this.#after(options, async (metadata, call) => {
      const { searcher } = this.#context
      const pages = await searcher.searchMany(this.#scope, metadata, queries as unknown as readonly SearchQuery[], call)
      return pages as unknown as SearchPage<M>[]
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
    options?: SearchOptions & { after?: Receipt | undefined },
  ): Promise<SearchPage<M>> {
    return this.#after(options, async (metadata, call) => {
      const { searcher } = this.#context
      const page = await searcher.similar(this.#scope, metadata, target, query as unknown as SimilarQuery, call)
      return page as unknown as SearchPage<M>
    })
  }

  #after<T>(
    given: (SearchOptions & { after?: Receipt | undefined }) | undefined,
    work: (metadata: MetadataDeclaration | undefined, call: SearcherOptions) => Promise<T>,
  ): Promise<T> {
    const { writer } = this.#context
    return this.#context.enter(async () => {
      const { after, ...call } = checkOptions(given, searchKinds, '', 'HW_INVALID_ARGUMENT')
      if (after !== undefined) {
        const receipt = checkReceipt(after, this.#scope.tenant, 'after')
        await writer.waitFor(this.#scope.tenant, receipt, { signal: call.signal, timeoutMs: call.timeoutMs })
      }
      const { metadata } = writer.plan(this.#scope.collection)
      const ready = { ...call, fresh: after !== undefined }
      let leave = this.#context.gate.tryEnter()
      if (!leave) {
        const { clock } = this.#context
        const startedAt = clock.monotonic()
        leave = await this.#turn(call)
        // One allowance for the wait and the search.
        if (call.timeoutMs !== undefined)
          ready.timeoutMs = Math.max(0, call.timeoutMs - (clock.monotonic() - startedAt))
      }
      try {
        return await work(metadata, ready)
      } finally {
        leave()
      }
    })
  }

  #turn({ signal, timeoutMs }: CallOptions): Promise<() => void> {
    const { gate, clock } = this.#context
    return withDeadline(clock, { signal, timeoutMs }, longestTurnMs, (deadline) =>
      gate.enter(this.#scope.tenant, deadline),
    )
  }
}
