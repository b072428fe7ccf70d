import type { CallOptions } from '../core/abort'
import type { Scope } from '../core/ids'
import { matches } from '../filter/predicate'
import type { HydratedChunk } from '../repositories/chunks'
import type { Truth } from '../repositories/truth'
import type { Candidate } from './fusion'
import { highlighter } from './highlight'
import type { ResolvedQuery, SearchHit } from './query'

/**
 * Turns candidates into a page: reads them from the truth, in order and in batches, and drops what is gone, buried,
 * another tenant's or no longer matching. What it has read it keeps, so that a refill reads only what is new.
 */
export class PageFiller {
  readonly #truth: Truth
  readonly #scope: Scope
  readonly #chunking: string
  readonly #query: ResolvedQuery
  readonly #rows = new Map<string, HydratedChunk | null>()
  #chosen: { readonly candidate: Candidate; readonly row: HydratedChunk }[] = []

  constructor(truth: Truth, scope: Scope, chunking: string, query: ResolvedQuery) {
    this.#truth = truth
    this.#scope = scope
    this.#chunking = chunking
    this.#query = query
  }

  get full(): boolean {
    return this.#chosen.length >= this.#query.limit
  }

  /** Chooses anew from these candidates, best first; returns those that come after the page. */
  async fill(candidates: readonly Candidate[], call: CallOptions): Promise<Candidate[]> {
    const { limit, byDocument } = this.#query
    const documents = new Set<string>()
    this.#chosen = []
    let at = 0
    while (at < candidates.length && !this.full) {
      const part = candidates.slice(at, at + Math.max(2 * limit, 20))
      await this.#read(part, call)
      for (const candidate of part) {
        if (this.full) break
        at++
        const row = this.#rows.get(candidate.id)
        if (!row || (byDocument && documents.has(row.document))) continue
        documents.add(row.document)
        this.#chosen.push({ candidate, row })
      }
    }
    const left = candidates.slice(at)
    return byDocument ? this.#otherDocuments(left, documents, call) : left
  }

  hits(): SearchHit[] {
    const { highlight, explain, query } = this.#query
    const mark = highlight && query !== '' ? highlighter(query, highlight) : undefined
    return this.#chosen.map(({ candidate, row }) => ({
      documentId: row.document,
      chunkId: row.id,
      score: candidate.score,
      title: row.title,
      text: row.text,
      source: row.source,
      ordinal: row.ordinal,
      start: row.start,
      end: row.end,
      metadata: row.metadata,
      version: row.version,
      ...(mark && { highlights: mark(row.text) }),
      ...(explain && { explain: candidate.legs }),
    }))
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
      const name = document === '' ? this.#rows.get(id)?.document : document
      if (name === undefined || seen.has(name)) return false
      seen.add(name)
      return true
    })
  }

  async #read(candidates: readonly Candidate[], call: CallOptions): Promise<void> {
    const ids = candidates.map(({ id }) => id).filter((id) => !this.#rows.has(id))
    if (ids.length === 0) return
    const { chunks } = this.#truth.session({ tenant: this.#scope.tenant })
    const rows = await chunks.hydrate(this.#scope, this.#chunking, ids, call)
    for (const id of ids) this.#rows.set(id, null)
    for (const row of rows) {
      const { document: id, source, createdAt, updatedAt, version, leaves } = row
      if (matches(this.#query.filter, { id, source, createdAt, updatedAt, version, leaves }))
        this.#rows.set(row.id, row)
    }
  }
}
