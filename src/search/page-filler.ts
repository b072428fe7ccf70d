import type { CallOptions } from '../core/abort'
import { entryLeaves } from '../filter/entry-leaves'
import { matches } from '../filter/predicate'
import type { HydratedChunk } from '../repositories/chunks'
import type { PageExplain } from './explain'
import type { Candidate } from './fusion'
import { highlight } from './highlight'
import type { FindMarks } from './marks'
import type { SearchHit } from './query'
import type { ResolvedQuery } from './resolve-query'

/** Reads chunks of the tenant from the truth. */
export type Hydrate = (ids: readonly string[], call: CallOptions) => Promise<readonly HydratedChunk[]>

interface Chosen {
  readonly candidate: Candidate
  readonly row: HydratedChunk
  readonly rerank?: { readonly rank: number; readonly score?: number | undefined } | undefined
}

/**
 * Turns candidates into a page: reads them from the truth, in order and in batches, and drops what is gone, buried,
 * another tenant's or no longer matching. What it has read it keeps, so that a refill reads only what is new.
 */
export class PageFiller {
  readonly #hydrate: Hydrate
  readonly #query: ResolvedQuery
  readonly #rows = new Map<string, HydratedChunk | 'gone' | 'filtered'>()
  #chosen: readonly Chosen[] = []
  #duplicates = 0

  constructor(hydrate: Hydrate, query: ResolvedQuery) {
    this.#hydrate = hydrate
    this.#query = query
  }

  get full(): boolean {
    return this.#chosen.length >= this.#query.limit
  }

  /** Chooses anew from these candidates, best first, as many as the page or its reranking takes; returns the rest. */
  async fill(candidates: readonly Candidate[], call: CallOptions): Promise<Candidate[]> {
    const { limit, byDocument, rerank, cursor } = this.#query
    const wanted = Math.max(limit, cursor === undefined ? (rerank?.top ?? 0) : 0)
    const documents = new Set<string>()
    const chosen: Chosen[] = []
    this.#duplicates = 0
    let at = 0
    while (at < candidates.length && chosen.length < wanted) {
      const part = candidates.slice(at, at + readAtOnce(wanted))
      await this.#read(part, call)
      for (const candidate of part) {
        if (chosen.length >= wanted) break
        at++
        const row = this.#rows.get(candidate.id)
        if (typeof row !== 'object') continue
        if (byDocument && documents.has(row.document)) {
          this.#duplicates++
          continue
        }
        documents.add(row.document)
        chosen.push({ candidate, row })
      }
    }
    this.#chosen = chosen
    const left = candidates.slice(at)
    return byDocument ? this.#otherDocuments(left, documents, call) : left
  }

  /** The best of what was chosen, for a second opinion. */
  best(count: number): SearchHit[] {
    return this.#chosen.slice(0, count).map((one) => this.#hit(one, undefined))
  }

  /** Puts the best in this order: their places so far, each once. */
  reorder(order: readonly number[], scores: readonly number[] | undefined): void {
    const best = order.map((at, rank) => ({
      ...this.#chosen[at]!,
      rerank: { rank: rank + 1, ...(scores && { score: scores[at]! }) },
    }))
    this.#chosen = [...best, ...this.#chosen.slice(order.length)]
  }

  /** What was chosen and does not fit on the page. */
  beyond(): Candidate[] {
    return this.#chosen.slice(this.#query.limit).map(({ candidate }) => candidate)
  }

  /** The page; `find` marks what was looked for in its texts. */
  async hits(find: FindMarks, call: CallOptions): Promise<SearchHit[]> {
    const { highlight: options, words, limit } = this.#query
    const chosen = this.#chosen.slice(0, limit)
    if (!options || words === '') return chosen.map((one) => this.#hit(one, undefined))
    const marks = await find(
      chosen.map(({ row }) => row.text),
      call,
    )
    return chosen.map((one, at) => this.#hit(one, highlight(one.row.text, marks[at] ?? [], options)))
  }

  dropped(): PageExplain['dropped'] {
    const rows = [...this.#rows.values()]
    const count = (what: 'gone' | 'filtered'): number => rows.filter((row) => row === what).length
    return { gone: count('gone'), filtered: count('filtered'), duplicates: this.#duplicates }
  }

  #hit({ candidate, row, rerank }: Chosen, highlights: readonly string[] | undefined): SearchHit {
    const { penalty, legs } = candidate
    return {
      documentId: row.document,
      chunkId: row.id,
      score: candidate.score,
      title: row.title,
      heading: row.heading,
      ...(row.tableHeader !== '' && { tableHeader: row.tableHeader }),
      text: row.text,
      source: row.source,
      ordinal: row.ordinal,
      start: row.start,
      end: row.end,
      metadata: row.metadata,
      chunkMetadata: row.chunkMetadata,
      version: row.version,
      ...(highlights && { highlights }),
      ...(this.#query.explain && {
        explain: { ...legs, ...(penalty !== undefined && { diversity: { penalty } }), ...(rerank && { rerank }) },
      }),
    }
  }

  /** One candidate a document for the pages to come, none of a document that has been shown. */
  async #otherDocuments(
    left: readonly Candidate[],
    shown: ReadonlySet<string>,
    call: CallOptions,
  ): Promise<Candidate[]> {
    // A cursor carries no document names; on its pages they are read.
    const unnamed = left.filter(({ document }) => document === '')
    await this.#read(unnamed, call)
    const seen = new Set(shown)
    return left.filter(({ id, document }) => {
      const row = this.#rows.get(id)
      const name = document === '' && typeof row === 'object' ? row.document : document
      if (name === '' || seen.has(name)) return false
      seen.add(name)
      return true
    })
  }

  async #read(candidates: readonly Candidate[], call: CallOptions): Promise<void> {
    const ids = candidates.map(({ id }) => id).filter((id) => !this.#rows.has(id))
    if (ids.length === 0) return
    const rows = await this.#hydrate(ids, call)
    for (const id of ids) this.#rows.set(id, 'gone')
    for (const row of rows) {
      const { document: id, source, createdAt, updatedAt, version } = row
      const subject = { id, source, createdAt, updatedAt, version, leaves: entryLeaves(row, row.chunkMetadata) }
      this.#rows.set(row.id, matches(this.#query.filter, subject) ? row : 'filtered')
    }
  }
}

/** Candidates read in one statement. */
function readAtOnce(wanted: number): number {
  return Math.max(2 * wanted, 20)
}
