import type { ElasticsearchConnection } from '../../connections/elasticsearch/connection'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import type { TenantId } from '../../core/ids'
import { lacksStemmers, loadStemmers } from '../../core/words/languages'
import type { Facet, FacetQuery } from '../facets'
import type { IndexEntry, IndexHit, IndexRemoval, IndexScan } from '../index-entry'
import type { IndexFormat } from '../index-format'
import type { IndexAlias, IndexMarker } from '../index-marker'
import { wordFormat } from '../text-words'
import type { ReadWord, TextEntry, TextIndex, TextRepository } from '../texts'
import { analyzed } from './analyzing'
import { runBulk } from './bulk'
import {
  indexEntryOf,
  type RankedHit,
  type SearchAnswer,
  type SearchHit,
  searchAnswer,
  sourceOf,
  textEntryOf,
} from './entry-source'
import { facetAggregations, facetsOf } from './facets'
import type { Query } from './filter-query'
import { firstStems } from './first-words'
import { hasFirstWords } from './formats'
import { TextIndexes } from './indexes'
import { libraryHighlighter } from './library-highlights'
import { libraryWords } from './library-words'
import { engineId } from './names'
import { type ElasticsearchTextOptions, type ResolvedTextOptions, resolveTextOptions } from './options'
import { removalOperations } from './removals'
import { searchQuery, tenantFilter, textQuery } from './search-query'
import { searchTemplateRequests } from './search-templates'
import { analyzers } from './server-analysis'
import type { ElasticsearchTextQuery } from './text-query'

export interface HighlightedHit extends IndexHit {
  /** Fragments of title and text with `<em>` around what matched; HTML in them is escaped. */
  readonly highlights: { readonly title: readonly string[]; readonly text: readonly string[] }
}

/** The server's `index.max_result_window`. */
const mostHits = 10_000
const readAtOnce = 500
const byId = [{ id: 'asc' }]
/** Of hundreds of hits, what is looked at: without their index, their id twice, their route and how they were sorted. */
const rankedPath = [
  'timed_out',
  ...['_score', '_version', 'fields', '_source', 'highlight'].map((name) => `hits.hits.${name}`),
].join()
/** What is only there to be searched. */
const searched = ['filter', 'stems', 'words']

/**
 * BM25 over texts in Elasticsearch. One index a generation; writes go through its private alias, fenced by external
 * versions, and a tenant's entries are routed together. What is written is found by `search` after `refresh`; `scan`,
 * `read` and `count` refresh by themselves. Throws HW_GENERATION_MISSING when the index is gone, HW_INVALID_OPTIONS for a
 * language that the server lacks, HW_DATABASE for an entry that the server refuses (all others are written).
 */
export class ElasticsearchTextRepository implements TextRepository {
  readonly format: IndexFormat = wordFormat
  readonly #connection: ElasticsearchConnection
  readonly #options: ResolvedTextOptions
  readonly #indexes: TextIndexes

  constructor(connection: ElasticsearchConnection, options: ElasticsearchTextOptions = {}) {
    this.#connection = connection
    this.#options = resolveTextOptions(options)
    this.#indexes = new TextIndexes(connection, this.#options.prefix, this.#options.index)
  }

  async create(index: TextIndex, call?: CallOptions): Promise<void> {
    if (lacksStemmers(index.language)) await loadStemmers()
    return this.#connection.within(call, (inner) => this.#indexes.create(index, inner))
  }

  drop(index: TextIndex, call?: CallOptions): Promise<void> {
    return this.#indexes.drop(index, call)
  }

  exists(index: TextIndex, call?: CallOptions): Promise<boolean> {
    return this.#indexes.exists(index, call)
  }

  mark(index: TextIndex, marker: IndexMarker, call?: CallOptions): Promise<void> {
    return this.#connection.within(call, (inner) => this.#indexes.mark(index, marker, inner))
  }

  marker(index: TextIndex, call?: CallOptions): Promise<IndexMarker | null> {
    return this.#indexes.marker(index, call)
  }

  get alias(): IndexAlias<TextIndex> {
    return this.#indexes.publicAlias
  }

  async upsert(index: TextIndex, entries: readonly TextEntry[], call?: CallOptions): Promise<void> {
    if (lacksStemmers(index.language)) await loadStemmers()
    throwIfAborted(call?.signal)
    const _index = this.#indexes.alias(index)
    const library = (await this.#indexes.mode(index, call)) === 'library'
    const operations = entries.map((entry) => {
      const { id, fence, payload } = entry
      const target = { _index, _id: engineId(payload.tenant, id), routing: payload.tenant }
      const action = { index: { ...target, version: fence, version_type: 'external_gte' } }
      const source = sourceOf(entry, library ? wordsOf(index, entry) : undefined)
      return { id, kind: 'index' as const, lines: [JSON.stringify(action), JSON.stringify(source)] }
    })
    await this.#connection.within(call, (inner) => runBulk(this.#connection, operations, this.#options.limits, inner))
  }

  async remove(index: TextIndex, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    await this.#connection.within(call, async (inner) => {
      await this.#indexes.guard(inner)
      const operations = await removalOperations(this.#connection, this.#indexes.alias(index), removals, inner)
      await runBulk(this.#connection, operations, this.#options.limits, inner)
    })
  }

  async search(index: TextIndex, query: ElasticsearchTextQuery, call?: CallOptions): Promise<IndexHit[]> {
    if (lacksStemmers(index.language)) await loadStemmers()
    const hits = await this.#ranked(index, query, {}, call)
    return hits.map(hitOf)
  }

  /** As `search`, with fragments of title and text that show what matched. */
  async searchHighlighted(
    index: TextIndex,
    query: ElasticsearchTextQuery,
    call?: CallOptions,
  ): Promise<HighlightedHit[]> {
    if (lacksStemmers(index.language)) await loadStemmers()
    const mode = await this.#indexes.mode(index, call)
    if (mode === 'library' && !hasFirstWords(index)) {
      const highlight = libraryHighlighter(index, query)
      const hits = await this.#ranked(index, query, { _source: ['title', 'text'] }, call)
      return hits.map((hit) => {
        const { title = '', text = '' } = hit._source ?? {}
        return { ...hitOf(hit), highlights: { title: highlight(title), text: highlight(text) } }
      })
    }
    const highlight_query = textQuery(index, query, 'server')
    const highlight = {
      encoder: 'html',
      fields: { title: { number_of_fragments: 0, highlight_query }, text: { highlight_query } },
    }
    const hits = await this.#ranked(index, query, { highlight }, call)
    return hits.map((hit) => ({
      ...hitOf(hit),
      highlights: { title: hit.highlight?.['title'] ?? [], text: hit.highlight?.['text'] ?? [] },
    }))
  }

  async facets(index: TextIndex, query: FacetQuery, call?: CallOptions): Promise<Facet[]> {
    if (lacksStemmers(index.language)) await loadStemmers()
    const { tenant, query: words, paths, limit = 10 } = query
    const form = words === undefined ? undefined : { ...query, query: words, limit: 0 }
    const found = form
      ? searchQuery(index, form, await this.#indexes.mode(index, call))
      : { bool: { filter: tenantFilter(query) } }
    const body = { query: found ?? { match_none: {} }, size: 0, aggs: facetAggregations(paths, limit) }
    return facetsOf(paths, await this.#searchRaw(index, body, tenant, call))
  }

  async analyze(
    index: TextIndex,
    texts: readonly string[],
    call?: CallOptions,
  ): Promise<(readonly ReadWord[])[] | undefined> {
    if (lacksStemmers(index.language)) await loadStemmers()
    const [typed, ...others] = texts
    if (typed === undefined || (await this.#indexes.mode(index, call)) === 'library') return undefined
    const path = `${this.#indexes.path(index)}/_analyze`
    const ask = (body: Query): Promise<unknown> =>
      this.#connection.request({ method: 'POST', path, body }, { ...call, idempotent: true })
    if (hasFirstWords(index)) return analyzed(ask, { field: 'text' }, texts)
    const [query, read] = await Promise.all([
      analyzed(ask, { analyzer: analyzers.search }, [typed]),
      analyzed(ask, { analyzer: analyzers.all }, others),
    ])
    // Nothing but stop words.
    return [...(query[0]!.length > 0 ? query : await analyzed(ask, { analyzer: analyzers.all }, [typed])), ...read]
  }

  /** Stores the common query shapes as search templates named `<prefix>-words`, `-phrase`, `-prefix` and `-fuzzy`. */
  async putSearchTemplates(call?: CallOptions): Promise<void> {
    await this.#connection.within(call, async (inner) => {
      for (const request of searchTemplateRequests(this.#options.prefix)) {
        await this.#connection.request(request, { ...inner, idempotent: true })
      }
    })
  }

  scan(index: TextIndex, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]> {
    return this.#connection.within(call, (inner) => this.#scan(index, scan, inner))
  }

  read(index: TextIndex, ids: readonly string[], call?: CallOptions): Promise<TextEntry[]> {
    return this.#connection.within(call, (inner) => this.#read(index, ids, inner))
  }

  count(index: TextIndex, tenant?: TenantId, call?: CallOptions): Promise<number> {
    return this.#connection.within(call, (inner) => this.#count(index, tenant, inner))
  }

  async #scan(index: TextIndex, { after, upTo, limit }: IndexScan, call: CallOptions): Promise<IndexEntry[]> {
    await this.refresh(index, call)
    const found: SearchHit[] = []
    while (found.length < limit) {
      const size = Math.min(mostHits, limit - found.length)
      const above = found.at(-1)?._source.id ?? after
      const id = { ...(above !== undefined && { gt: above }), ...(upTo !== undefined && { lte: upTo }) }
      const query = { bool: { filter: [{ range: { id } }] } }
      const _source = ['id', 'tenant', 'document', 'stamp']
      const page = await this.#hits(index, { query, size, sort: byId, version: true, _source }, undefined, call)
      found.push(...page)
      if (page.length < size) break
    }
    return found.map(indexEntryOf)
  }

  async #read(index: TextIndex, ids: readonly string[], call: CallOptions): Promise<TextEntry[]> {
    if (ids.length === 0) return []
    // An entry can be got without a search by its tenant alone, which is not known here.
    await this.refresh(index, call)
    const entries: TextEntry[] = []
    for (let i = 0; i < ids.length; i += readAtOnce) {
      const query = { bool: { filter: [{ terms: { id: ids.slice(i, i + readAtOnce) } }] } }
      const body = { query, size: readAtOnce, sort: byId, version: true, _source: { excludes: searched } }
      entries.push(...(await this.#hits(index, body, undefined, call)).map(textEntryOf))
    }
    return entries
  }

  async refresh(index: TextIndex, call?: CallOptions): Promise<void> {
    const request = { method: 'POST', path: `${this.#indexes.path(index)}/_refresh` }
    await this.#connection.request(request, { ...call, idempotent: true })
  }

  async #count(index: TextIndex, tenant: TenantId | undefined, call: CallOptions): Promise<number> {
    await this.refresh(index, call)
    const query = tenant === undefined ? { match_all: {} } : { bool: { filter: tenantFilter({ tenant }) } }
    const body = { query, size: 0, track_total_hits: true }
    const { hits } = await this.#searchRaw(index, body, tenant, call)
    return hits.total!.value
  }

  async #ranked(
    index: TextIndex,
    query: ElasticsearchTextQuery,
    more: Query,
    call: CallOptions | undefined,
  ): Promise<RankedHit[]> {
    const found = searchQuery(index, query, await this.#indexes.mode(index, call))
    // No words find nothing, but a missing index is still an error.
    const sort = [{ _score: 'desc' }, ...byId]
    const size = found ? Math.min(query.limit, mostHits) : 0
    const asked = { query: found ?? { match_none: {} }, size, sort, version: true, track_total_hits: false }
    // From columns: the source of every candidate would be read whole, texts and all.
    const body = { ...asked, _source: false, docvalue_fields: ['id', 'document'], ...more }
    return (await this.#searchRaw<RankedHit>(index, body, query.tenant, call, rankedPath)).hits.hits
  }

  async #hits(index: TextIndex, body: Query, tenant: TenantId | undefined, call: CallOptions | undefined) {
    return (await this.#searchRaw(index, body, tenant, call)).hits.hits
  }

  async #searchRaw<H = SearchHit>(
    index: TextIndex,
    body: Query,
    tenant: TenantId | undefined,
    call: CallOptions | undefined,
    filter_path?: string,
  ): Promise<SearchAnswer<H>> {
    const querystring = {
      // Half an answer would look like a whole one.
      allow_partial_search_results: false,
      ...(tenant !== undefined && { routing: tenant }),
      ...(filter_path !== undefined && { filter_path }),
    }
    const request = { method: 'POST', path: `${this.#indexes.path(index)}/_search`, querystring, body }
    return searchAnswer(await this.#connection.request(request, { ...call, idempotent: true }))
  }
}

function hitOf({ fields, _score, _version }: RankedHit): IndexHit {
  const [[id], [document]] = [fields.id, fields.document]
  return { id, document, score: _score, fence: _version }
}

/** What is searched of an entry, where this package reads the words. */
function wordsOf(index: TextIndex, entry: TextEntry): Record<string, unknown> {
  return hasFirstWords(index) ? firstStems(entry, index.language) : libraryWords(index, entry)
}
