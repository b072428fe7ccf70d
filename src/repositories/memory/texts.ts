import { type CallOptions, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { ReadingTurns } from '../../core/turns'
import { lacksStemmers, loadStemmers } from '../../core/words/languages'
import { matches } from '../../filter/predicate'
import type { Facet, FacetQuery } from '../facets'
import type { IndexHit, IndexRemoval } from '../index-entry'
import type { IndexFormat } from '../index-format'
import { readEntry, wordFormat, wordsOf } from '../text-words'
import type { TextEntry, TextIndex, TextQuery, TextRepository } from '../texts'
import { countFacets } from './facets'
import { copyPayload, type HeldEntry, IndexTable, subjectOf } from './index-table'
import { type MemoryIndex, MemoryIndexes } from './indexes'
import { Postings } from './postings'
import { bestFirst } from './vectors'

/** An entry as held; its fence is null only where a test took it away. @internal */
export interface HeldText extends HeldEntry {
  readonly title: string
  readonly heading?: string | undefined
  readonly text: string
}

interface TextPostings extends MemoryIndex<TextIndex, HeldText> {
  /** Statistics are a tenant's own: nobody's ranking depends on what others store. */
  readonly postings: Map<string, Postings>
}

/** BM25 (k1 1.2, b 0.75) over title, heading and text in memory. Everything is visible at once. */
export class MemoryTextRepository extends MemoryIndexes<TextIndex, HeldText, TextPostings> implements TextRepository {
  override readonly format: IndexFormat = wordFormat

  async upsert(index: TextIndex, entries: readonly TextEntry[], call?: CallOptions): Promise<void> {
    if (lacksStemmers(index.language)) await loadStemmers()
    throwIfAborted(call?.signal)
    const turns = new ReadingTurns(call?.signal)
    let { table, postings } = this.held(index)
    const words = wordsOf(this.held(index).index)
    for (const { id, fence, stamp, payload, title, heading, text } of entries) {
      const held = table.get(id)
      if (!table.accepts(held, fence, this.withoutGuard)) continue
      const entry = { id, fence, stamp, payload: copyPayload(payload), title, ...(heading && { heading }), text }
      table.set(entry)
      const same = held && held.title === title && held.text === text && (held.heading ?? '') === (heading ?? '')
      if (same && held.payload.tenant === payload.tenant) continue
      if (held) postings.get(held.payload.tenant)?.remove(id)
      let own = postings.get(payload.tenant)
      if (!own) {
        own = new Postings()
        postings.set(payload.tenant, own)
      }
      own.add(id, (found) => readEntry(words, entry, found))
      const turn = turns.after(text.length)
      if (!turn) continue
      await turn
      // In the meantime the index may have been dropped.
      ;({ table, postings } = this.held(index))
    }
  }

  async remove(index: TextIndex, removals: readonly IndexRemoval[], call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    const { table, postings } = this.held(index)
    for (const removal of removals) {
      const gone = table.remove(removal, this.withoutGuard)
      if (gone) postings.get(gone.payload.tenant)?.remove(gone.id)
    }
  }

  async search(index: TextIndex, query: TextQuery, call?: CallOptions): Promise<IndexHit[]> {
    if (lacksStemmers(index.language)) await loadStemmers()
    throwIfAborted(call?.signal)
    const { table, postings, index: made } = this.held(index)
    const clauses = wordsOf(made).query(query.query, query.match)
    const scores = postings.get(query.tenant)?.scores(clauses, query.fields) ?? new Map<string, number>()
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
    if (lacksStemmers(index.language)) await loadStemmers()
    throwIfAborted(call?.signal)
    const { table, postings, index: made } = this.held(index)
    const { tenant, filter, paths, limit = 10, match } = query
    const own = postings.get(tenant)
    const clauses = query.query === undefined ? undefined : wordsOf(made).query(query.query, match)
    const ids = clauses ? (own?.scores(clauses).keys() ?? []) : table.entries.keys()
    const matching = [...ids].flatMap((id) => {
      const payload = table.get(id)?.payload
      return payload?.tenant === tenant && matches(filter, subjectOf(payload)) ? [payload] : []
    })
    return countFacets(matching, paths, limit)
  }

  async read(index: TextIndex, ids: readonly string[], call?: CallOptions): Promise<TextEntry[]> {
    throwIfAborted(call?.signal)
    const { table } = this.held(index)
    return ids.flatMap((id) => {
      const held = table.get(id)
      return held ? [{ ...held, fence: held.fence ?? 0, payload: copyPayload(held.payload) }] : []
    })
  }

  protected override make(index: TextIndex): TextPostings {
    return { index, table: new IndexTable(), postings: new Map(), marker: null }
  }

  protected override check(made: TextIndex, index: TextIndex): void {
    if (made.language === index.language) return
    throw new HeadwaterError(
      'HW_TOPOLOGY_MISMATCH',
      `The index ${JSON.stringify(index.name)} was made for ${made.language}, not for ${index.language}`,
      { path: 'index.language' },
    )
  }
}
