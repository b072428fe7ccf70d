import { type CallOptions, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { terms } from '../../core/words'
import { matches } from '../../filter/predicate'
import type { Facet, FacetQuery } from '../facets'
import type { IndexEntry, IndexHit, IndexRemoval, IndexScan } from '../index-entry'
import type { IndexMarker } from '../index-marker'
import type { TextEntry, TextIndex, TextQuery, TextRepository } from '../texts'
import { MemoryAlias } from './alias'
import { countFacets } from './facets'
import { copyPayload, type HeldEntry, type IndexGuard, IndexTable, missingIndex, subjectOf } from './index-table'
import { Postings } from './postings'
import { bestFirst } from './vectors'

/** An entry as held; its fence is null only where a test took it away. @internal */
export interface HeldText extends HeldEntry {
  readonly title: string
  readonly text: string
}

interface Collection {
  readonly language: string
  readonly table: IndexTable<HeldText>
  /** Statistics are a tenant's own: nobody's ranking depends on what others store. */
  readonly postings: Map<string, Postings>
  marker: IndexMarker | null
}

/** BM25 (k1 1.2, b 0.75) over title and text in memory. Everything is visible at once. */
export class MemoryTextRepository implements TextRepository {
  readonly alias = new MemoryAlias<TextIndex>((index) => this.#collection(index))
  readonly #collections = new Map<string, Collection>()
  readonly #withoutGuard: IndexGuard | undefined

  constructor(options: { /** @internal */ withoutGuard?: IndexGuard } = {}) {
    this.#withoutGuard = options.withoutGuard
  }

  /** The entries of an index by id, for tests that reach behind the repository. @internal */
  raw(name: string): Map<string, HeldText> {
    return this.#existing(name).table.entries
  }

  /** @internal */
  has(name: string): boolean {
    return this.#collections.has(name)
  }

  /** @internal */
  markerOf(name: string): IndexMarker | null {
    return this.#collections.get(name)?.marker ?? null
  }

  async create(index: TextIndex, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    if (this.#collections.has(index.name)) this.#collection(index)
    else {
      const { name, language } = index
      this.#collections.set(name, { language, table: new IndexTable(), postings: new Map(), marker: null })
    }
  }

  async drop(index: TextIndex, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    this.#collections.delete(index.name)
    this.alias.forget(index)
  }

  async exists(index: TextIndex, call?: CallOptions): Promise<boolean> {
    throwIfAborted(call?.signal)
    return this.#collections.has(index.name)
  }

  async mark(index: TextIndex, marker: IndexMarker, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    this.#collection(index).marker = { ...marker }
  }

  async marker(index: TextIndex, call?: CallOptions): Promise<IndexMarker | null> {
    throwIfAborted(call?.signal)
    return this.#collection(index).marker
  }

  async upsert(index: TextIndex, entries: readonly TextEntry[], call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    const { table, postings, language } = this.#collection(index)
    for (const { id, fence, stamp, payload, title, text } of entries) {
      const held = table.get(id)
      if (!table.accepts(held, fence, this.#withoutGuard)) continue
      table.set({ id, fence, stamp, payload: copyPayload(payload), title, text })
      if (held && held.title === title && held.text === text && held.payload.tenant === payload.tenant) continue
      if (held) postings.get(held.payload.tenant)?.remove(id)
      let own = postings.get(payload.tenant)
      if (!own) {
        own = new Postings()
        postings.set(payload.tenant, own)
      }
      own.add(id, [...terms(title, language), ...terms(text, language)])
    }
  }

  async remove(index: TextIndex, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    const { table, postings } = this.#collection(index)
    for (const removal of removals) {
      const gone = table.remove(removal, this.#withoutGuard)
      if (gone) postings.get(gone.payload.tenant)?.remove(gone.id)
    }
  }

  async search(index: TextIndex, query: TextQuery, call?: CallOptions): Promise<IndexHit[]> {
    throwIfAborted(call?.signal)
    const { table, postings, language } = this.#collection(index)
    const scores =
      postings.get(query.tenant)?.scores(new Set(terms(query.query, language))) ?? new Map<string, number>()
    const hits: IndexHit[] = []
    for (const [id, score] of scores) {
      const entry = table.get(id)
      if (entry?.payload.tenant !== query.tenant) continue
      if (query.filter && !matches(query.filter, subjectOf(entry.payload))) continue
      hits.push({ id, document: entry.payload.document, score, fence: entry.fence ?? 0 })
    }
    return hits.sort(bestFirst).slice(0, query.limit)
  }

  async facets(index: TextIndex, query: FacetQuery, call?: CallOptions): Promise<Facet[]> {
    throwIfAborted(call?.signal)
    const { table, postings, language } = this.#collection(index)
    const { tenant, filter, paths, limit = 10 } = query
    const own = postings.get(tenant)
    const words = query.query === undefined ? undefined : new Set(terms(query.query, language))
    const ids = words ? (own?.scores(words).keys() ?? []) : table.entries.keys()
    const matching = [...ids].flatMap((id) => {
      const payload = table.get(id)?.payload
      return payload?.tenant === tenant && matches(filter, subjectOf(payload)) ? [payload] : []
    })
    return countFacets(matching, paths, limit)
  }

  async scan(index: TextIndex, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]> {
    throwIfAborted(call?.signal)
    return this.#collection(index).table.scan(scan)
  }

  async read(index: TextIndex, ids: readonly string[], call?: CallOptions): Promise<TextEntry[]> {
    throwIfAborted(call?.signal)
    const { table } = this.#collection(index)
    return ids.flatMap((id) => {
      const held = table.get(id)
      return held ? [{ ...held, fence: held.fence ?? 0, payload: copyPayload(held.payload) }] : []
    })
  }

  async refresh(index: TextIndex, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    this.#collection(index)
  }

  async count(index: TextIndex, tenant?: TenantId, call?: CallOptions): Promise<number> {
    throwIfAborted(call?.signal)
    return this.#collection(index).table.count(tenant)
  }

  #existing(name: string): Collection {
    const collection = this.#collections.get(name)
    if (!collection) throw missingIndex(name)
    return collection
  }

  #collection(index: TextIndex): Collection {
    const collection = this.#existing(index.name)
    if (collection.language === index.language) return collection
    throw new HeadwaterError(
      'HW_TOPOLOGY_MISMATCH',
      `The index ${JSON.stringify(index.name)} was made for ${collection.language}, not for ${index.language}`,
      { path: 'index.language' },
    )
  }
}
